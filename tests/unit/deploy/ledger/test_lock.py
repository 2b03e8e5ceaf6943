"""The lock: one holder, a clear word to others, and nobody blocked for long by a holder that was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.errors import LedgerError, LockHeld, LockLost
from deploy.ledger.identity import this_process
from deploy.ledger.lock import (
    LOCK_SECONDS,
    PATH,
    RENEW_SECONDS,
    WATCH_SECONDS,
    Decision,
    Holding,
    Lock,
    decide,
)
from deploy.ledger.snapshot import Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)


class Time:
    """Time that passes only when somebody sleeps; `skew` is how wrong this machine's wall clock is."""

    passed = 0.0

    def __init__(self, skew: float = 0) -> None:
        self.skew = skew
        self.while_asleep: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        return START + timedelta(seconds=Time.passed + self.skew)

    def monotonic(self) -> float:
        return Time.passed

    def sleep(self, seconds: float) -> None:
        Time.passed += seconds
        self.while_asleep()


class Memory:
    """A ledger in memory."""

    environment = "production"

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken = False

    def snapshot(self) -> Snapshot:
        if self.broken:
            raise LedgerError("the remote is gone")
        return Snapshot("c", dict(self.files))

    def write(self, message: str, change: Callable[[Any], dict[str, bytes | None]]) -> None:
        for path, content in change(self.snapshot()).items():
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content


@pytest.fixture(autouse=True)
def _reset() -> None:
    Time.passed = 0.0


def holding(ledger: Memory, who: str, clock: Time | None = None) -> Holding:
    return Holding(ledger, who, f"promote by {who}", clock or Time(), process="")


def test_a_second_deployer_hears_at_once_who_since_when_doing_what() -> None:
    ledger = Memory()
    holding(ledger, "alice").take()
    with pytest.raises(LockHeld, match=r"locked by alice since .* \(promote by alice\)"):
        holding(ledger, "bob").take()
    assert Time.passed == 0


def test_it_is_free_again_when_given_back() -> None:
    ledger = Memory()
    first = holding(ledger, "alice")
    first.take()
    first.release()
    assert PATH not in ledger.files
    holding(ledger, "bob").take()
    first.release()
    assert json.loads(ledger.files[PATH])["holder"] == "bob"


def test_it_is_renewed_while_its_holder_works() -> None:
    ledger, clock = Memory(), Time()
    mine = holding(ledger, "alice", clock)
    mine.take()
    first = ledger.files[PATH]
    mine.keep()
    assert ledger.files[PATH] == first
    clock.sleep(RENEW_SECONDS)
    mine.keep()
    assert ledger.files[PATH] != first


@pytest.mark.parametrize("skew", [0.0, 3600.0, -3600.0])
def test_a_killed_deployer_blocks_nobody_longer_than_30_seconds(skew: float) -> None:
    ledger, other = Memory(), Time(skew)
    holding(ledger, "killed").take()
    while True:  # as a person would: again and again until it goes
        try:
            holding(ledger, "bob", other).take()
        except LockHeld:
            other.sleep(1)
        else:
            break
    assert json.loads(ledger.files[PATH])["holder"] == "bob"
    assert Time.passed <= 30
    assert LOCK_SECONDS + WATCH_SECONDS <= 30


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
def test_a_clock_that_is_an_hour_wrong_steals_nothing_from_a_living_holder(skew: float) -> None:
    ledger, other = Memory(), Time(skew)
    living = holding(ledger, "alice")
    living.take()
    other.while_asleep = living.keep
    with pytest.raises(LockHeld, match="alice"):
        holding(ledger, "bob", other).take()
    assert json.loads(ledger.files[PATH])["holder"] == "alice"


def test_who_lost_it_is_told_and_writes_nothing_more() -> None:
    ledger, clock = Memory(), Time()
    slept = holding(ledger, "alice", clock)
    slept.take()
    clock.sleep(LOCK_SECONDS)
    holding(ledger, "bob").take()
    with pytest.raises(LockLost, match="bob"):
        slept.keep()
    with pytest.raises(LockLost, match="bob"):
        slept.guard(ledger.snapshot())
    assert json.loads(ledger.files[PATH])["holder"] == "bob"


def test_a_ledger_out_of_reach_ends_the_work_before_the_lock_ends() -> None:
    ledger, clock = Memory(), Time()
    mine = holding(ledger, "alice", clock)
    mine.take()
    ledger.broken = True
    clock.sleep(RENEW_SECONDS)
    mine.keep()
    clock.sleep(LOCK_SECONDS - RENEW_SECONDS - 1)
    with pytest.raises(LockLost, match="could not be renewed"):
        mine.keep()


def test_what_a_dead_process_held_is_taken_at_once() -> None:
    ledger = Memory()
    boot, space, _, _ = this_process().split()
    Holding(ledger, "killed", "promote", Time(), process=f"{boot} {space} {2**22 + 1} 1").take()
    holding(ledger, "bob").take()
    assert Time.passed == 0


HELD = Lock("alice", "promote", START, START + timedelta(seconds=LOCK_SECONDS))
LATER = START + timedelta(hours=1)
EARLIER = START - timedelta(hours=1)
SITUATIONS = [
    # held, now, its process has ended, seconds watched, changed meanwhile -> what to do
    (None, START, False, None, False, Decision.TAKE),  # nobody holds it
    (None, START, False, 3.0, True, Decision.TAKE),  # it was given back while we watched
    (HELD, START, True, None, False, Decision.TAKE),  # a deployer of this machine was killed
    (HELD, START, False, None, False, Decision.REFUSE),  # somebody works
    (HELD, HELD.expires, False, None, False, Decision.WATCH),  # expired, by our clock
    (HELD, LATER, False, None, False, Decision.WATCH),  # expired, or our clock is an hour ahead
    (HELD, EARLIER, False, None, False, Decision.WATCH),  # our clock, or the holder's, is an hour wrong
    (HELD, LATER, False, 0.0, False, Decision.WATCH),
    (HELD, LATER, False, WATCH_SECONDS - 0.1, False, Decision.WATCH),
    (HELD, LATER, False, WATCH_SECONDS, False, Decision.TAKE),  # nobody renewed it while we watched
    (HELD, START, False, WATCH_SECONDS, False, Decision.TAKE),  # whatever the clocks say
    (HELD, LATER, False, 3.0, True, Decision.REFUSE),  # renewed: its holder lives
    (HELD, LATER, False, WATCH_SECONDS, True, Decision.REFUSE),
]


@pytest.mark.parametrize(("held", "now", "dead", "watched", "changed", "decision"), SITUATIONS)
def test_what_is_done_about_a_lock(
    held: Lock | None, now: datetime, dead: bool, watched: float | None, changed: bool, decision: Decision
) -> None:
    assert decide(held, now, dead=dead, watched=watched, changed=changed) is decision
