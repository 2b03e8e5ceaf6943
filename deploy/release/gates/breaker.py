"""The circuit breaker of a protected environment: failed promotions open it, and an open breaker stops promotions.

Theory of operation. `failures` counts promotions that failed in a row; at BREAKER_THRESHOLD the breaker opens. After
BREAKER_COOLDOWN it is half-open: the next promotion is let through as a canary, on little traffic. If it holds, the
breaker closes; if it fails, it is open for another cool-down. The environment's lock makes that one promotion at a
time, and one without an outcome (the platform could not be reached) leaves the breaker half-open for the next. A
person closes it at once with a reason. All functions are pure: the engine writes what they return in the commit of
the outcome.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec.structs import replace

from deploy.errors import LedgerError
from deploy.ledger import Snapshot
from deploy.ledger.controls import Breaker
from deploy.ledger.encoding import encode
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.durations import write_moment
from deploy.settings.policy import ReleasePolicy, Strategy

PATH = "breaker.json"


class State(StrEnum):
    """What the breaker lets through: everything, nothing, one canary."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


def read_breaker(production: Snapshot) -> Breaker:
    """The breaker as the ledger has it; closed when nothing was ever written."""
    return production.record(Breaker, PATH) or Breaker()


def half_open_at(record: Breaker, policy: ReleasePolicy) -> datetime | None:
    """When the breaker lets one canary through; None while it is closed."""
    return record.opened_at + policy.breaker_cooldown if record.opened_at else None


def state_at(record: Breaker, policy: ReleasePolicy, now: datetime) -> State:
    """The breaker's state at a moment."""
    ends = half_open_at(record, policy)
    if ends is None:
        return State.CLOSED
    return State.OPEN if now < ends else State.HALF_OPEN


def required_strategy(state: State) -> Strategy | None:
    """The strategy a promotion must use; None leaves the choice."""
    return Strategy.CANARY if state is State.HALF_OPEN else None


def after_failure(record: Breaker, policy: ReleasePolicy, now: datetime, reason: str, by: str) -> Breaker:
    """The breaker after a failed promotion: one failure more, and open from the threshold on or when half-open."""
    failures = record.failures + 1
    opens = record.opened_at is not None or failures >= policy.breaker_threshold
    return replace(record, failures=failures, opened_at=now if opens else None, reason=reason, by=by)


def after_success(record: Breaker) -> Breaker:
    """The breaker after a promotion succeeded: closed. A rollback is no promotion and closes nothing."""
    closed = replace(record, failures=0, opened_at=None, reason="", by="")
    return closed if record.failures or record.opened_at else record


def breaker_changes(record: Breaker) -> dict[str, bytes | None]:
    """The change that writes it to the ledger."""
    return {PATH: encode(record)}


def failure_change(
    production: Snapshot, policy: ReleasePolicy, now: datetime, reason: str, by: str
) -> dict[str, bytes | None]:
    """The change for a failed promotion."""
    return breaker_changes(after_failure(read_breaker(production), policy, now, reason, by))


def reset_change(production: Snapshot, reason: str, by: str) -> dict[str, bytes | None]:
    """The change with which a person closes it; this also repairs a damaged breaker file."""
    try:
        record = read_breaker(production)
    except LedgerError:
        record = Breaker()
    return breaker_changes(replace(record, failures=0, opened_at=None, reason=reason, by=by))


def success_change(production: Snapshot) -> dict[str, bytes | None]:
    """The change for a successful promotion; empty when the breaker was closed without failures."""
    record = read_breaker(production)
    closed = after_success(record)
    return {} if closed == record else breaker_changes(closed)


def breaker_gate(situation: Situation) -> Gate:
    record = read_breaker(situation.target)
    state = state_at(record, situation.policy, situation.now)
    ends = half_open_at(record, situation.policy)
    if record.opened_at is None or ends is None:
        threshold = situation.policy.breaker_threshold
        return Gate("breaker", True, f"closed; {record.failures} promotions failed in a row, {threshold} open it")
    if state is State.HALF_OPEN:
        return Gate("breaker", True, f"half-open since {write_moment(ends)}: lets one promotion through, as a canary")
    reason = f"open since {write_moment(record.opened_at)}, {record.failures} failed in a row: {record.reason}"
    reset = f'invoke breaker --reset --reason "…"{situation.flags}'
    action = f"fix the cause, then: {reset}; or wait until {write_moment(ends)}"
    return Gate("breaker", False, reason, action)
