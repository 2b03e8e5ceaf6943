"""The gate for freezes: times without promotions, set by people in the ledger or weekly by FREEZE_WINDOWS."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deploy.ledger import Snapshot
from deploy.ledger.controls import Freeze
from deploy.ledger.encoding import encode, records_from
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.durations import write_moment
from deploy.settings.policy import ReleasePolicy

PATH = "freezes.json"


@dataclass(frozen=True)
class InForce:
    """A freeze that is in force. `id` is what lifts it; a weekly freeze has none and ends on its own."""

    until: datetime
    reason: str
    id: str = ""


def read_freezes(production: Snapshot) -> tuple[Freeze, ...]:
    """Every freeze that people set, also those to come and those that ended."""
    body = production.read(PATH)
    return () if body is None else records_from(Freeze, body, PATH)


def in_force(production: Snapshot, policy: ReleasePolicy, now: datetime) -> tuple[InForce, ...]:
    """The freezes that hold at a moment, the one that ends last first."""
    held = [
        InForce(freeze.until, f"{freeze.reason or 'no reason given'} (by {freeze.by})", freeze.id)
        for freeze in read_freezes(production)
        if freeze.start <= now < freeze.until
    ]
    weekly = ((window, window.end_of(now)) for window in policy.freeze_windows)
    held += [InForce(end, f"every week: {window.text}") for window, end in weekly if end]
    return tuple(sorted(held, key=lambda each: each.until, reverse=True))


def freeze_change(production: Snapshot, freeze: Freeze, now: datetime) -> dict[str, bytes | None]:
    """The change that sets a freeze. It also drops freezes that ended; the branch's history keeps them."""
    return _changes([*(each for each in read_freezes(production) if each.until > now), freeze])


def lift_change(production: Snapshot, ids: frozenset[str]) -> dict[str, bytes | None]:
    """The change that lifts freezes; empty when none of these is set."""
    freezes = read_freezes(production)
    kept = [each for each in freezes if each.id not in ids]
    return _changes(kept) if len(kept) < len(freezes) else {}


def _changes(freezes: list[Freeze]) -> dict[str, bytes | None]:
    return {PATH: encode(freezes) if freezes else None}


def freeze_gate(situation: Situation) -> Gate:
    held = in_force(situation.target, situation.policy, situation.now)
    if not held:
        return Gate("freeze", True, "nothing is frozen")
    reason = f"frozen until {write_moment(held[0].until)}: {'; '.join(freeze.reason for freeze in held)}"
    if situation.hotfix_reason:
        return Gate("freeze", True, f"PASSED AS A HOTFIX ({situation.hotfix_reason}) though {reason}")
    lift = "".join(f"invoke freeze --lift {freeze.id}{situation.flags}; or " for freeze in held if freeze.id)
    hotfix = f'for a hotfix: invoke promote --sha {situation.short} --hotfix --reason "…"{situation.flags}'
    return Gate("freeze", False, reason, f"wait; or {lift}{hotfix}")
