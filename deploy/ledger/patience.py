"""How long to keep trying a remote that does not answer: pauses that grow, with jitter, within a budget of seconds.

Trying a write again is safe however late that is: each try reads the ledger first, and is refused when the writer has
lost the lock meanwhile.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from deploy.errors import LedgerError


@dataclass(frozen=True)
class Patience:
    """Seconds: how long reads and writes are tried again, and how long each command to the remote may take (`answer`).

    `busy`: how long to wait for git's lock file on the branch, which another process of git may be about to remove.
    """

    read: float = 6.0
    write: float = 20.0
    answer: float = 10.0
    busy: float = 3.0


NONE = Patience(read=0, write=0)
_chosen: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def patient(patience: Patience) -> Iterator[None]:
    """Use this patience for all reads and writes of ledgers within the block, in this thread."""
    token = _chosen.set(patience)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen(own: Patience) -> Patience:
    """The patience of this thread: the one that `patient` set, else the ledger's own."""
    return _chosen.get() or own


class Pauses:
    """The pauses of one read or write: `after` sleeps, or raises the failure once the budget is used up."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._count = 0

    def after(self, failed: LedgerError, budget: float) -> None:
        """Sleep 0.1 to 2 s, longer each time; raise `failed` when `budget` seconds have passed since the first try."""
        left = self._begun + budget - time.monotonic()
        if left <= 0:
            raise failed
        pause = min(0.2 * 2 ** min(self._count, 4), 2.0) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._count += 1
        time.sleep(min(pause, left))
