"""The gate for rejections: failed releases, keyed by commit, so that automation never promotes them again."""

from __future__ import annotations

from datetime import datetime

from deploy.ledger import DeploymentInfo, Snapshot
from deploy.ledger.controls import Rejection
from deploy.ledger.encoding import encode
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.durations import write_moment


def _path(sha: str) -> str:
    return f"rejected/{sha}.json"


def rejection(production: Snapshot, sha: str) -> Rejection | None:
    """Why a commit is rejected; None when it is not."""
    return production.record(Rejection, _path(sha))


def reject_change(failed: DeploymentInfo, reason: str, now: datetime, by: str) -> dict[str, bytes | None]:
    """The change that rejects a failed deployment's release."""
    record = Rejection(failed.commit_sha, failed.image, failed.frontend, failed.id, reason, now, by)
    return {_path(failed.commit_sha): encode(record)}


def readmit_change(production: Snapshot, sha: str) -> dict[str, bytes | None]:
    """The change that removes a rejection, after the commit was promoted again with success; empty without one."""
    return {_path(sha): None} if _path(sha) in production.files else {}


def rejected_gate(situation: Situation) -> Gate:
    found = rejection(situation.target, situation.sha)
    if found is None:
        return Gate("rejected", True, "was not rejected before")
    reason = f"rejected on {write_moment(found.at)}: {found.reason}"
    if situation.again_reason:
        return Gate("rejected", True, f"PASSED WITH --again ({situation.again_reason}) though {reason}")
    again = f'invoke promote --sha {situation.short} --again --reason "…"{situation.flags}'
    return Gate("rejected", False, reason, f"fix it in a new commit; or, if the release was not the cause: {again}")
