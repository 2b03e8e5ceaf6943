"""What people say of an artifact before it is promoted. An approval counts only for the digests that it names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Ledger, Snapshot
from deploy.ledger.controls import Approval
from deploy.ledger.encoding import encode
from deploy.release.checklists import chosen


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
