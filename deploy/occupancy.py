"""Tracks which verbs use a rehearsal: each holds a file lock, so that `rehearse --down` can refuse and name them.

`at-work.lock` in the state directory is held shared by each verb and exclusively while the platforms are stopped. Each
verb also holds a file of its own in `at-work/`, whose content says who it is. The kernel drops both kinds of lock when
a verb ends, however it ends; a file without its lock is what a killed verb left.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deploy.errors import UsageError
from deploy.ledger.identity import who

GATE, WORKERS = "at-work.lock", "at-work"


@contextlib.contextmanager
def in_use(state: Path) -> Iterator[None]:
    """Mark the rehearsal of `state` as in use during the block; raises UsageError while it is being stopped."""
    workers = state / WORKERS
    workers.mkdir(parents=True, exist_ok=True)
    mine = workers / str(os.getpid())
    with (state / GATE).open("a") as gate, mine.open("w") as file:
        if not _lock(gate, fcntl.LOCK_SH):
            mine.unlink()
            raise UsageError("the rehearsal is being stopped; start it again: invoke rehearse --up")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(f"{who()} pid {os.getpid()} since {time.strftime('%H:%M:%S')}: invoke {' '.join(sys.argv[1:])}\n")
        file.flush()
        try:
            yield
        finally:
            mine.unlink(missing_ok=True)


@contextlib.contextmanager
def alone(state: Path, *, force: bool) -> Iterator[None]:
    """Keep verbs from starting during the block; raises UsageError naming those that run, unless `force`."""
    if not state.is_dir():
        yield
        return
    with (state / GATE).open("a") as gate:
        if not _lock(gate, fcntl.LOCK_EX) and not force:
            working = "; ".join(_working(state)) or "a verb that is starting or ending"
            raise UsageError(
                f"nothing was stopped: the rehearsal is in use by {working}. Wait for it or interrupt it, then run "
                "invoke rehearse --down again; to stop the platforms anyway: invoke rehearse --down --force"
            )
        yield


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _working(state: Path) -> list[str]:
    """The verbs that use the rehearsal, one line each; deletes the files of killed verbs."""
    found = []
    for path in sorted((state / WORKERS).glob("*")):
        with contextlib.suppress(FileNotFoundError), path.open() as file:
            if _lock(file, fcntl.LOCK_EX):
                path.unlink()
            else:
                found.append(file.read().strip())
    return found
