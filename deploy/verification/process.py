"""pytest as a process that a verb waits for: it ends with the verb, and so do its workers and browsers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy import interrupts, processes
from deploy.settings.environments import ROOT


def run_pytest(arguments: Sequence[str], log: Path) -> int:
    """Run pytest with its output in `log`; returns its exit code, negative when a signal ended it from outside.

    It never outlives this process, and neither do its workers. Whatever interrupts the wait ends pytest first.
    """
    command = [sys.executable, "-m", "pytest", *arguments]
    with log.open("wb") as output:
        with processes.started(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment()
        ) as process:
            code = process.wait()
        processes.sweep(process)  # after a crash of pytest, its workers
    if code < 0:
        # Whoever ends a whole container signals its processes in any order: our own signal may be on its way.
        time.sleep(processes.GRACE)
        interrupts.check()
    return code


def _environment() -> dict[str, str]:
    """The process environment without any token: tests need none."""
    return {key: value for key, value in os.environ.items() if "TOKEN" not in key}
