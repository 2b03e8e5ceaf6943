"""pytest as a process that a verb waits for: in a session of its own, so that Ctrl+C reaches the verb alone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.environments import ROOT

GRACE = 10.0
"""Seconds that pytest has to take its workers and browsers down before it is killed."""
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: between fork and exec nothing may be imported


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def run_pytest(arguments: Sequence[str], log: Path) -> int:
    """Run pytest with its output in `log`; returns its exit code, negative when a signal ended it.

    It never outlives this process, and neither do its workers. Whatever interrupts the wait ends pytest first.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "pytest", *arguments],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(),
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        try:
            return process.wait()
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the session: after a crash of pytest its workers, after an interruption all of it."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _environment() -> dict[str, str]:
    """The process environment without any token: tests need none."""
    return {key: value for key, value in os.environ.items() if "TOKEN" not in key}
