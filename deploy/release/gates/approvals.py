"""The gates that people answer: approvals and checklists. An approval counts only for the digests that it names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Ledger, Snapshot
from deploy.ledger.controls import Approval
from deploy.ledger.encoding import encode
from deploy.release.gates.checklists import ITEMS, chosen
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.policy import Promotion


def read_approvals(production: Snapshot, deployment: DeploymentInfo) -> tuple[Approval, ...]:
    """The approvals of exactly the artifact that a deployment is, the oldest first."""
    prefix = f"approvals/{deployment.commit_sha}-"
    found = production.records(Approval, (path for path in production.paths("approvals") if path.startswith(prefix)))
    wanted = (deployment.commit_sha, deployment.image, deployment.frontend)
    same = [each for each in found if (each.commit_sha, each.image, each.frontend) == wanted]
    return tuple(sorted(same, key=lambda each: each.at))


def approve(
    production: Ledger, deployment: DeploymentInfo, who: str, items: Iterable[str], now: datetime, note: str = ""
) -> Approval:
    """Record that a person answers these items (names, or `all`) of what staging served, in production's ledger.

    Items that the same person answered before, of the same digests, stay answered.
    """
    names = chosen(items)
    made = Approval(deployment.commit_sha, deployment.image, deployment.frontend, who, now, names, note)

    def change(snapshot: Snapshot) -> dict[str, bytes | None]:
        nonlocal made
        for earlier in read_approvals(snapshot, deployment):
            if earlier.person == made.person:
                answered = (*earlier.items, *(name for name in names if name not in earlier.items))
                made = replace(made, items=answered, note=note or earlier.note, unknown=earlier.unknown)
        return {made.path: encode(made)}

    production.write(f"approved: {deployment.version} by {made.person}", change)
    return made


def approvals_gate(situation: Situation, deployment: DeploymentInfo) -> Gate:
    needed = situation.policy.approvals
    people = sorted({each.person for each in read_approvals(situation.target, deployment)})
    said = f"approved by {', '.join(people)}" if people else "approved by nobody"
    if len(people) >= needed:
        return Gate("approvals", True, said if people else "none is needed (APPROVALS=0)")
    reason = f"{len(people)} of {needed}: these digests are {said}"
    who = "somebody else runs: " if people else ""
    return Gate("approvals", False, reason, f"{who}invoke approve --sha {situation.short}{situation.flags}")


def checklist_gate(situation: Situation, deployment: DeploymentInfo, evidence: Gate, name: str) -> Gate:
    """A list is complete when each item holds: shown by the ledger, or answered by people or by the evidence.

    That staging served the release is what brought us here; all else that the ledger shows is in the evidence.
    """
    items = [item for item in ITEMS if item.list == name]
    by_hand = [item.name for item in items if item.manual]
    if not evidence.ok:
        return Gate(name, False, "the evidence does not hold: see the gate evidence", evidence.action)
    if situation.policy.promotion is Promotion.AUTOMATIC:
        return Gate(name, True, f"answered by the evidence (PROMOTION=automatic): {', '.join(by_hand)}")
    answers = {item: each.person for each in read_approvals(situation.target, deployment) for item in each.items}
    missing = [item for item in by_hand if item not in answers]
    if missing:
        action = f"invoke approve --sha {situation.short} --yes {','.join(missing)}{situation.flag} (once all are true)"
        return Gate(name, False, f"not answered by anybody: {', '.join(missing)}", action)
    people = sorted({answers[item] for item in by_hand})
    return Gate(name, True, f"{', '.join(by_hand)}: answered by {', '.join(people)}")
