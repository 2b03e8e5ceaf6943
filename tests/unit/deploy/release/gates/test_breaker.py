"""The breaker: opens on failures, lets one canary through after its cool-down, closes on success."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.errors import LedgerError
from deploy.ledger import Snapshot
from deploy.ledger.controls import Breaker
from deploy.release.gates.breaker import (
    State,
    after_failure,
    after_success,
    breaker_changes,
    failure_change,
    read_breaker,
    required_strategy,
    reset_change,
    state_at,
    success_change,
)
from deploy.settings.environments import load_environment
from deploy.settings.policy import Strategy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
POLICY = replace(load_environment("staging").release, breaker_threshold=2, breaker_cooldown=timedelta(minutes=30))


def snapshot(changed: dict[str, bytes | None]) -> Snapshot:
    return Snapshot("c" * 40, {path: content for path, content in changed.items() if content is not None})


def test_it_opens_at_the_threshold() -> None:
    once = after_failure(Breaker(), POLICY, NOW, "smoke failed", "me")
    assert (state_at(once, POLICY, NOW), once.failures) == (State.CLOSED, 1)
    twice = after_failure(once, POLICY, NOW, "smoke failed again", "me")
    assert twice == Breaker(2, NOW, "smoke failed again", "me")
    assert state_at(twice, POLICY, NOW) is State.OPEN


def test_by_default_the_first_failure_opens_it_for_an_hour() -> None:
    policy = load_environment("staging").release
    opened = after_failure(Breaker(), policy, NOW, "x", "me")
    assert state_at(opened, policy, NOW + timedelta(minutes=59, seconds=59)) is State.OPEN
    assert state_at(opened, policy, NOW + timedelta(minutes=60)) is State.HALF_OPEN


def test_half_open_demands_a_canary_whose_outcome_decides() -> None:
    opened = Breaker(2, NOW, "x", "me")
    later = NOW + POLICY.breaker_cooldown
    state = state_at(opened, POLICY, later)
    assert (state, required_strategy(state)) == (State.HALF_OPEN, Strategy.CANARY)
    assert state_at(after_success(opened), POLICY, later) is State.CLOSED
    failed = after_failure(opened, POLICY, later, "y", "me")
    assert (state_at(failed, POLICY, later), failed.opened_at) == (State.OPEN, later)


def test_a_failed_canary_opens_it_anew_though_the_threshold_was_raised_meanwhile() -> None:
    failed = after_failure(Breaker(1, NOW, "x", "me"), replace(POLICY, breaker_threshold=9), NOW, "y", "me")
    assert state_at(failed, POLICY, NOW) is State.OPEN


def test_closed_and_open_demand_no_strategy() -> None:
    assert required_strategy(State.CLOSED) is None
    assert required_strategy(State.OPEN) is None


def test_success_forgets_earlier_failures() -> None:
    once = after_failure(Breaker(), POLICY, NOW, "x", "me")
    again = after_failure(after_success(once), POLICY, NOW, "y", "me")
    assert state_at(again, POLICY, NOW) is State.CLOSED


def test_a_person_closes_it_with_a_reason_that_stays() -> None:
    closed = read_breaker(snapshot(reset_change(Snapshot("", {}), "mended", "me")))
    assert (state_at(closed, POLICY, NOW), closed.reason, closed.by) == (State.CLOSED, "mended", "me")
    assert after_success(closed) == closed


def test_it_is_read_from_and_written_to_the_ledger() -> None:
    assert read_breaker(Snapshot("", {})) == Breaker()
    changed = failure_change(snapshot(breaker_changes(Breaker(1, None, "x", "me"))), POLICY, NOW, "y", "you")
    assert read_breaker(snapshot(changed)) == Breaker(2, NOW, "y", "you")
    body = json.loads(changed["breaker.json"] or b"")
    assert (body["state"], body["openedAt"]) == ("open", "2026-03-01T12:00:00.000+00:00")
    assert read_breaker(snapshot(success_change(snapshot(changed)))) == Breaker()


@pytest.mark.parametrize(
    "change",
    [
        lambda there: failure_change(there, POLICY, NOW, "y", "you"),
        success_change,
        lambda there: reset_change(there, "mended", "me"),
    ],
)
def test_what_a_newer_version_added_to_it_stays(change: Callable[[Snapshot], dict[str, bytes | None]]) -> None:
    newer = Breaker(2, NOW, "x", "me").to_json() | {"pagedAt": "2027-01-01"}
    changed = change(Snapshot("c", {"breaker.json": json.dumps(newer).encode()}))
    assert json.loads(changed["breaker.json"] or b"")["pagedAt"] == "2027-01-01"


@pytest.mark.parametrize("content", [b"not JSON", b"{}", b'{"state": "ajar"}'])
def test_a_damaged_one_is_mended_by_a_person_only(content: bytes) -> None:
    there = Snapshot("c", {"breaker.json": content})
    for change in (read_breaker, success_change, lambda there: failure_change(there, POLICY, NOW, "y", "you")):
        with pytest.raises(LedgerError, match=r"^breaker\.json in the ledger is "):
            change(there)
    assert read_breaker(snapshot(reset_change(there, "mended", "me"))) == Breaker(0, None, "mended", "me")


def test_success_of_a_closed_breaker_writes_nothing() -> None:
    assert success_change(Snapshot("", {})) == {}
    assert success_change(snapshot(reset_change(Snapshot("", {}), "mended", "me"))) == {}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 90)), max_size=12), st.integers(1, 4))
def test_it_is_never_closed_with_the_threshold_reached(history: list[tuple[bool, int]], threshold: int) -> None:
    policy, record, now, row = replace(POLICY, breaker_threshold=threshold), Breaker(), NOW, 0
    for ok, minutes in history:
        now += timedelta(minutes=minutes)
        record = after_success(record) if ok else after_failure(record, policy, now, "x", "me")
        row = 0 if ok else row + 1
        assert record.failures == row
        assert (state_at(record, policy, now) is State.CLOSED) == (row < threshold)
