"""`invoke` as a person types it, many times: each a process of its own, forked from one that has the verbs imported.

Importing takes longer than all that the tests of words and flags ask for. How a verb starts, and ends while it imports,
is tested on `python -m deploy.cli` itself.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import tasks
from deploy import interrupts
from deploy.cli import __main__ as started
from deploy.cli import program
from deploy.settings.environments import ROOT

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["pytest", __name__])
_READY = (tasks, program)
"""What `started.main` imports or loads once it is called."""
_SECONDS = 60.0


def invoke(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What `invoke` with these words says and how it ends, in this environment without its tokens.

    Raises TimeoutError where it does not end.
    """
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    with TemporaryDirectory(prefix="codecanvas-invoked-") as place:
        said = [Path(place) / name for name in ("stdout", "stderr")]
        process = _FORKS.Process(target=_invoked, args=(arguments, environment, said))
        process.start()
        process.join(_SECONDS)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"invoke {' '.join(arguments)} did not end")
        stdout, stderr = (stream.read_text(encoding="utf-8") for stream in said)
        done = subprocess.CompletedProcess(("invoke", *arguments), process.exitcode, stdout, stderr)
        process.close()
    return done


def _invoked(arguments: tuple[str, ...], environment: dict[str, str], said: list[Path]) -> None:
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, name, file in ((1, "stdout", said[0]), (2, "stderr", said[1])):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
        setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False))
    sys.argv = ["invoke", *arguments]
    interrupts.guarded(started.main)
