"""The environment's lock: one deployer at a time, by a lease in the ledger that its holder renews while it works.

Theory of operation. The lock is `lock.json` on the environment's branch. Taking it is one compare-and-swap of that
branch, and every later write of its holder checks in the same compare-and-swap that the lock is still its own
(`guard`). The holder renews it every RENEW_SECONDS; without that it expires after LOCK_SECONDS.

The clocks of two machines may differ, so an expiry time alone decides nothing. A lock may be taken from its holder in
two cases only (`decide`):
- its holder's process is known to have ended: same machine, same boot, no such process;
- its file stayed the same for WATCH_SECONDS while we watched it, measured by our own monotonic clock. Watching begins
  when the lock has expired by our wall clock, or expires later than any lock can: then one of the clocks is wrong.
So a deployer that was killed blocks others for LOCK_SECONDS + WATCH_SECONDS at most, and a wrong clock takes no lock
from a deployer that lives.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Protocol

from msgspec.structs import replace

from deploy.clock import Clock
from deploy.errors import LedgerError, LedgerUnreachable, LockHeld, LockLost
from deploy.ledger.encoding import Moment, R, Record, encode
from deploy.ledger.identity import known_dead, this_process
from deploy.ledger.patience import Patience, patient

PATH = "lock.json"
LOCK_SECONDS, RENEW_SECONDS, WATCH_SECONDS, POLL_SECONDS = 20.0, 5.0, 8.0, 0.5
STALE_MARGIN = 3.0  # seconds before the end of its own lease in which a holder no longer acts without renewing
SAFE_SECONDS = LOCK_SECONDS - STALE_MARGIN
RETRY_SECONDS = 1.0  # between two tries to renew while the ledger is out of reach
ANSWER_SECONDS = 10.0  # for one answer of the ledger's remote
HURRY_SECONDS = 3.0  # the same, when the work was interrupted, or the ledger failed


class Lock(Record, frozen=True):
    """Who works on an environment, since when, doing what. `token` is the holder's own; `process` names it here."""

    holder: str
    doing: str
    since: Moment
    expires: Moment
    token: str = ""
    process: str = ""

    LATER = frozenset({"token", "process"})

    def described(self) -> str:
        """For a person: who, since when, doing what."""
        since = self.since.astimezone().isoformat(timespec="seconds")
        return f"{self.holder} since {since} ({self.doing})"


class Decision(Enum):
    """What to do about a lock that one wants."""

    TAKE = auto()
    WATCH = auto()
    """Look again in a moment: it may be a dead holder's."""
    REFUSE = auto()


def decide(held: Lock | None, now: datetime, *, dead: bool, watched: float | None, changed: bool) -> Decision:
    """What to do about the lock as it is found at `now` (our wall clock). Pure.

    `dead`: its holder's process is known to have ended. `watched`: seconds since we began to watch the lock, None when
    we have not; `changed`: whether its file changed since then, which only a living holder does.
    """
    if held is None or dead:
        return Decision.TAKE
    if watched is None:
        in_force = 0 < (held.expires - now).total_seconds() <= LOCK_SECONDS
        return Decision.REFUSE if in_force else Decision.WATCH
    if changed:
        return Decision.REFUSE
    return Decision.TAKE if watched >= WATCH_SECONDS else Decision.WATCH


class Readable(Protocol):
    """As much of a snapshot as the lock needs."""

    @property
    def files(self) -> Mapping[str, bytes]: ...

    def record(self, kind: type[R], path: str) -> R | None:
        """The record in a file, None when there is none."""


def held_in(snapshot: Readable) -> Lock | None:
    """The lock as the ledger has it, expired or not; None when nobody holds it."""
    return snapshot.record(Lock, PATH)


class Writable(Protocol):
    """As much of a ledger as the lock needs."""

    environment: str

    def snapshot(self) -> Any:
        """The ledger as it is now."""

    def write(self, message: str, change: Callable[[Any], dict[str, bytes | None]]) -> None:
        """Apply a change compare-and-swap."""


class Holding:
    """One deployer's hold on the lock of one environment: `keep` renews it when due, every write must call `guard`."""

    def __init__(self, ledger: Writable, holder: str, doing: str, clock: Clock, process: str | None = None) -> None:
        self._ledger, self._clock = ledger, clock
        now = clock.now()
        self._lock = Lock(holder, doing, now, now, secrets.token_hex(8), this_process() if process is None else process)
        self._renewed = self._failed = float("-inf")
        # The end of each command that messages name; only a ledger in git has a flag.
        self._flags = f" --env {ledger.environment}{getattr(ledger, 'flag', '')}"
        self._hurried = False
        self._given_back = False
        self._busy = threading.Lock()
        self._ended = threading.Event()

    @property
    def token(self) -> str:
        """What tells this hold from all others."""
        return self._lock.token

    @property
    def left(self) -> bool:
        """Whether the lock was taken, and not given back."""
        return self._renewed > float("-inf") and not self._given_back

    def take(self) -> None:
        """Take the lock, or raise LockHeld saying who has it. It waits only while the holder may be dead."""
        watched: bytes | None = None
        since: float | None = None
        while True:
            snapshot = self._ledger.snapshot()
            file, held = snapshot.files.get(PATH), held_in(snapshot)
            decision = decide(
                held,
                self._clock.now(),
                dead=held is not None and known_dead(held.process),
                watched=None if since is None else self._clock.monotonic() - since,
                changed=file != watched,
            )
            if decision is Decision.TAKE:
                if self._swap_from(file):
                    return
                continue
            if held is not None and decision is Decision.REFUSE:
                raise self._refusal(held)
            if since is None:
                watched, since = file, self._clock.monotonic()
            self._clock.sleep(POLL_SECONDS)

    def keep(self) -> None:
        """Renew the lock if that is due; raise LockLost when another has it, or when it may expire before that.

        While the ledger is out of reach, each call tries once and returns, until the lock would expire.
        """
        age = self._age()
        if age < RENEW_SECONDS:
            return
        # Another thread may be renewing now and waiting for the remote. While the lock is safe, do not wait with it.
        if not self._busy.acquire(timeout=0 if age <= SAFE_SECONDS else ANSWER_SECONDS):
            self.fresh()
            return
        try:
            self._renew()
        finally:
            self._busy.release()

    def _renew(self) -> None:
        """Try once to renew, if that is due and the last try was not just now."""
        age, now = self._age(), self._clock.monotonic()
        if age < RENEW_SECONDS or (age <= SAFE_SECONDS and now - self._failed < RETRY_SECONDS):
            return
        try:
            with patient(Patience(read=0, write=0, answer=self._answer_within(SAFE_SECONDS - age), busy=0)):
                self._write(f"renew lock: {self._lock.doing}", self.guard)
        except LockLost:
            raise
        except LedgerError as failed:
            self._failed = self._clock.monotonic()
            if self._age() > SAFE_SECONDS:
                raise self._lost(
                    f"could not be renewed for {SAFE_SECONDS:.0f} s, so this run stops: {failed.problem}",
                    "What it had begun is kept; go on with:",
                ) from failed

    def _answer_within(self, left: float) -> float:
        """How many seconds one answer of the remote may take when the lock is safe for `left` more.

        The first try gets a third, so that one that hangs leaves time for others. Once the lock may have expired (a
        laptop was asleep) hurry gains nothing, and the remote gets its full time.
        """
        share = left / 3 if self._failed < self._renewed else left
        return min(ANSWER_SECONDS, max(share, 1.0)) if left > 0 else ANSWER_SECONDS

    def _age(self) -> float:
        """Seconds since the last renewal that succeeded was begun."""
        return self._clock.monotonic() - self._renewed

    def fresh(self) -> None:
        """Raise LockLost when the lock may have expired, by our own clock: called before each change of a platform.

        A process that was suspended (a closed laptop, SIGSTOP) stops here when it wakes up, before it changes anything.
        """
        if self._age() > SAFE_SECONDS:
            raise self._lost(
                f"was not renewed for {SAFE_SECONDS:.0f} s: this process was suspended, or its ledger was out of reach",
                f"See: invoke status{self._flags}. Then go on with:",
            )

    def guard(self, snapshot: Readable) -> None:
        """Raise LockLost unless this snapshot's lock is ours. Called in every write: its swap fails if that changes."""
        if not self._ours(snapshot):
            held = held_in(snapshot)
            by = f"is held by {held.described()}" if held else "was taken away"
            raise self._lost(
                f"{by}; this run stops here",
                f"See: invoke status{self._flags}. When nobody works on it any more, go on with:",
            )

    def release(self) -> None:
        """Give the lock back, if it is still ours. Raises LedgerUnreachable when the ledger is out of reach: the lock
        then expires by itself.
        """
        self._ended.set()

        def change(snapshot: Readable) -> dict[str, bytes | None]:
            return {PATH: None} if self._ours(snapshot) else {}

        begun, seconds = time.monotonic(), HURRY_SECONDS if self._hurried else ANSWER_SECONDS
        if not self._busy.acquire(timeout=seconds):
            raise self._not_released("its renewal gets no answer from the ledger's remote")
        try:
            left = max(begun + seconds - time.monotonic(), 1.0)
            with patient(Patience(read=0, write=left, answer=left, busy=1)):
                self._ledger.write(f"unlock: {self._lock.doing}", change)
            self._given_back = True
        except LedgerUnreachable as failed:
            raise self._not_released(str(failed)) from failed
        finally:
            self._busy.release()

    def _lost(self, how: str, then: str) -> LockLost:
        problem = f"the lock of {self._ledger.environment} {how}"
        return LockLost(f"{problem}. {then} invoke resume{self._flags}", problem=problem)

    def _not_released(self, why: str) -> LedgerUnreachable:
        """The error of a lock that cannot be given back."""
        return LedgerUnreachable(
            f"the lock of {self._ledger.environment} was not given back: {why}. It expires by itself within "
            f"{LOCK_SECONDS + WATCH_SECONDS:.0f} s; see: invoke status{self._flags}"
        )

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew in the background during a long step; after a loss, the next `keep` or write raises LockLost."""

        def work() -> None:
            while not self._ended.wait(1.0):
                with contextlib.suppress(LedgerError):
                    self.keep()

        thread = threading.Thread(target=work, name="lock", daemon=True)
        thread.start()
        try:
            yield
        except BaseException as failed:
            # After an interrupt (which is no Exception) nobody wants to wait for a remote that hangs.
            self._hurried = isinstance(failed, LedgerError) or not isinstance(failed, Exception)
            raise
        finally:
            self._ended.set()
            thread.join(HURRY_SECONDS if self._hurried else ANSWER_SECONDS)

    def _ours(self, snapshot: Readable) -> bool:
        held = held_in(snapshot)
        return held is not None and held.token == self._lock.token

    def _swap_from(self, file: bytes | None) -> bool:
        """Write our lock in place of what was seen; False when somebody changed it meanwhile."""

        def check(snapshot: Readable) -> None:
            if snapshot.files.get(PATH) != file and not self._ours(snapshot):
                raise _Moved

        try:
            self._write(f"lock: {self._lock.doing}", check)
        except _Moved:
            return False
        return True

    def _write(self, message: str, check: Callable[[Readable], None]) -> None:
        begun = self._clock.monotonic()
        renewed = replace(self._lock, expires=self._clock.now() + timedelta(seconds=LOCK_SECONDS))

        def change(snapshot: Readable) -> dict[str, bytes | None]:
            check(snapshot)
            return {PATH: encode(renewed)}

        self._ledger.write(message, change)
        self._lock, self._renewed = renewed, begun

    def _refusal(self, held: Lock) -> LockHeld:
        return LockHeld(
            f"{self._ledger.environment} is locked by {held.described()}; wait for it (see invoke status{self._flags}"
            f"), then run this again. A holder that was killed blocks for {LOCK_SECONDS + WATCH_SECONDS:.0f} s at most"
        )


class _Moved(Exception):
    """The lock changed between looking and writing."""
