"""How long a remote that does not answer is waited for, and how: growing, jittered pauses within a budget.

Every write is compare-and-swap, so trying one again is harmless however late it happens: the new try reads the ledger
first, and a lock's holder that lost it meanwhile is refused there.
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
    """Seconds: `read` and `write` for trying again when the remote does not answer, `answer` for each command to it.

    `busy` is for a lock file of git's that stays while the branch does not move: another process may be at work there.
    """

    read: float = 6.0
    write: float = 20.0
    answer: float = 10.0
    busy: float = 3.0


NONE = Patience(read=0, write=0)
_chosen: ContextVar[Patience | None] = ContextVar("patience", default=None)


@contextlib.contextmanager
def patient(patience: Patience) -> Iterator[None]:
    """Within this, this thread's reads and writes of a ledger have that patience, whatever the ledger's own is."""
    token = _chosen.set(patience)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen(own: Patience) -> Patience:
    """The patience that holds now in this thread: the one chosen by `patient`, else the ledger's own."""
    return _chosen.get() or own


class Pauses:
    """The pauses of one read or write: `after` a failure sleeps, or raises that failure when its budget is used up."""

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
