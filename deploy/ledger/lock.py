"""The environment's lock: a lease in the ledger, renewed while its holder works.

Theory of operation. The lock is `lock.json` on the environment's branch, so taking it is one compare-and-swap with
everything else there, and a write of a holder who has lost it is refused in that same swap (`guard`). A holder renews
every RENEW_SECONDS. Clocks of two machines need not agree: a lock is void when its holder is known to have ended (same
machine, same boot, no such process), or when its file has not changed while *we* watched it for WATCH_SECONDS by our
own monotonic clock, after it had expired by the wall clock or while it claims a time that no honest clock would. So a
killed deployer blocks nobody longer than LOCK_SECONDS + WATCH_SECONDS, and a clock an hour wrong steals nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from deploy.errors import LedgerError, LockHeld, LockLost
from deploy.ledger.encoding import encode, reading, written

PLACE = "lock.json"
LOCK_SECONDS, RENEW_SECONDS, WATCH_SECONDS, POLL_SECONDS = 20.0, 5.0, 8.0, 0.5
STALE_MARGIN = 3.0  # seconds before the end of its own lease in which a holder no longer acts without renewing


@dataclass(frozen=True)
class Lock:
    """Who works on an environment, since when, doing what. `token` is the holder's own; `process` names it here."""

    holder: str
    doing: str
    since: datetime
    expires: datetime
    token: str = ""
    process: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "holder": self.holder,
            "doing": self.doing,
            "since": written(self.since),
            "expires": written(self.expires),
            "token": self.token,
            "process": self.process,
        }

    def told(self) -> str:
        """For a person: who, since when, doing what."""
        since = self.since.astimezone().isoformat(timespec="seconds")
        return f"{self.holder} since {since} ({self.doing})"


def lock_from(body: Any) -> Lock:
    """A Lock from its JSON; raises LedgerError when it is damaged."""
    with reading(PLACE):
        since, expires = (datetime.fromisoformat(body[key]) for key in ("since", "expires"))
        return Lock(body["holder"], body["doing"], since, expires, body.get("token", ""), body.get("process", ""))


class Readable(Protocol):
    """As much of a snapshot as the lock needs."""

    @property
    def files(self) -> Mapping[str, bytes]: ...

    def read(self, path: str) -> Any:
        """A file's JSON, None when there is none."""


def held_in(snapshot: Readable) -> Lock | None:
    """The lock as the ledger has it, expired or not; None when nobody holds it."""
    body = snapshot.read(PLACE)
    return lock_from(body) if body is not None else None


class Writable(Protocol):
    """As much of a ledger as the lock needs."""

    environment: str

    def snapshot(self) -> Any:
        """The ledger as it is now."""

    def write(self, message: str, change: Callable[[Any], dict[str, bytes | None]]) -> None:
        """Apply a change compare-and-swap."""


class Clock(Protocol):
    """The time, as the wall shows it and as it passes."""

    def now(self) -> datetime:
        """Wall-clock time."""

    def monotonic(self) -> float:
        """Seconds that only grow."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Wall-clock time, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment, those in which the machine was suspended included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


def this_process() -> str:
    """A name of this process that no other has had: boot, pid namespace, pid and start."""
    return _process_name(os.getpid())


def _process_name(pid: int) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink()
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if started[0] in "ZX" else f"{boot} {space} {pid} {started[19]}"


def known_dead(process: str) -> bool:
    """Whether the process so named ran on this machine, in this boot, and is no more."""
    mine = this_process().split()
    theirs = process.split()
    if len(mine) != 4 or len(theirs) != 4 or mine[:2] != theirs[:2]:
        return False
    return _process_name(int(theirs[2])) != process


class Holding:
    """One deployer's hold on the lock of one environment. `keep` renews it when due; `guard` belongs in every write."""

    def __init__(self, ledger: Writable, holder: str, doing: str, clock: Clock, process: str | None = None) -> None:
        self._ledger, self._clock = ledger, clock
        now = clock.now()
        self._lock = Lock(holder, doing, now, now, secrets.token_hex(8), this_process() if process is None else process)
        self._renewed = float("-inf")
        self._busy = threading.Lock()
        self._ended = threading.Event()

    def take(self) -> None:
        """Take the lock, or raise LockHeld saying who has it. Waits only for what may be a dead holder's."""
        watched: bytes | None = None
        since = self._clock.monotonic()
        while True:
            snapshot = self._ledger.snapshot()
            file, held = snapshot.files.get(PLACE), held_in(snapshot)
            patient = watched is not None and self._clock.monotonic() - since >= WATCH_SECONDS
            if held is None or known_dead(held.process) or (file == watched and patient):
                if self._swap_from(file):
                    return
                continue
            if file != watched:
                in_force = 0 < (held.expires - self._clock.now()).total_seconds() <= LOCK_SECONDS
                if in_force or watched is not None:  # or renewed while we watched: its holder lives
                    raise self._refusal(held)
                watched, since = file, self._clock.monotonic()
            self._clock.sleep(POLL_SECONDS)

    def keep(self) -> None:
        """Renew when it is time; raise LockLost when another has it, or when it could not be renewed in time."""
        with self._busy:
            age = self._clock.monotonic() - self._renewed
            if age < RENEW_SECONDS:
                return
            try:
                self._write(f"renew lock: {self._lock.doing}", self.guard)
            except LockLost:
                raise
            except LedgerError as failed:
                if age > LOCK_SECONDS - STALE_MARGIN:
                    raise LockLost(f"the lock of {self._ledger.environment} could not be renewed: {failed}") from failed

    def fresh(self) -> None:
        """Raise LockLost when the lease may have ended, without asking anybody: called before each change elsewhere.

        Whoever was frozen (a laptop's lid, a paused process) and wakes up finds out here, and changes nothing more.
        """
        if self._clock.monotonic() - self._renewed > LOCK_SECONDS - STALE_MARGIN:
            raise LockLost(
                f"the lock of {self._ledger.environment} was not renewed for {LOCK_SECONDS - STALE_MARGIN:.0f} s: this "
                f"process stood still. See `invoke status`, then `invoke resume --env {self._ledger.environment}`"
            )

    def guard(self, snapshot: Readable) -> None:
        """Raise LockLost unless this snapshot's lock is ours: what the same swap writes is then its holder's word."""
        if not self._ours(snapshot):
            held = held_in(snapshot)
            by = f"is held by {held.told()}" if held else "was taken away"
            raise LockLost(
                f"the lock of {self._ledger.environment} {by}; this run stops here. "
                f"See `invoke status --env {self._ledger.environment}`, then `invoke resume`"
            )

    def release(self) -> None:
        """Give it back; nothing when it is no longer ours."""
        self._ended.set()

        def change(snapshot: Readable) -> dict[str, bytes | None]:
            return {PLACE: None} if self._ours(snapshot) else {}

        with self._busy:
            self._ledger.write(f"unlock: {self._lock.doing}", change)

    @contextlib.contextmanager
    def renewing(self) -> Iterator[None]:
        """Renew in the background while a long step works; a loss is told by the next `keep` or write."""

        def work() -> None:
            while not self._ended.wait(1.0):
                with contextlib.suppress(LedgerError):
                    self.keep()

        thread = threading.Thread(target=work, name="lock", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def _ours(self, snapshot: Readable) -> bool:
        held = held_in(snapshot)
        return held is not None and held.token == self._lock.token

    def _swap_from(self, file: bytes | None) -> bool:
        """Write our lock over exactly what was seen; False when somebody changed it meanwhile."""

        def check(snapshot: Readable) -> None:
            if snapshot.files.get(PLACE) != file and not self._ours(snapshot):
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
            return {PLACE: encode(renewed.to_json())}

        self._ledger.write(message, change)
        self._lock, self._renewed = renewed, begun

    def _refusal(self, held: Lock) -> LockHeld:
        return LockHeld(
            f"{self._ledger.environment} is locked by {held.told()}; wait for it, watch it with "
            f"`invoke status`, then run this again. A holder that was killed blocks for "
            f"{LOCK_SECONDS + WATCH_SECONDS:.0f} s at most"
        )


class _Moved(Exception):
    """The lock changed between looking and writing."""
