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


def rejection(production: Snapshot, sha: str, release: DeploymentInfo | None = None) -> Rejection | None:
    """Why a commit is rejected; None when it is not. With its `release`: also as another commit of the same digests."""
    own = production.record(Rejection, _path(sha))
    if own or release is None:
        return own
    found = production.records(Rejection, production.paths("rejected"))
    alike = [each for each in found if _same(each, release)]
    return max(alike, key=lambda each: each.at, default=None)


def reject_change(failed: DeploymentInfo, reason: str, now: datetime, by: str) -> dict[str, bytes | None]:
    """The change that rejects a failed deployment's release."""
    record = Rejection(failed.commit_sha, failed.image, failed.frontend, failed.id, reason, now, by)
    return {_path(failed.commit_sha): encode(record)}


def readmit_change(production: Snapshot, release: DeploymentInfo) -> dict[str, bytes | None]:
    """The change that removes a release's rejections, after it was promoted again with success; empty without one."""
    found = production.records(Rejection, production.paths("rejected"))
    alike = {_path(each.commit_sha) for each in found if _same(each, release)}
    own = _path(release.commit_sha)
    return dict.fromkeys(sorted(alike | ({own} if own in production.files else set())))


def _same(found: Rejection, release: DeploymentInfo) -> bool:
    return (found.image, found.frontend) == (release.image, release.frontend)


def rejected_gate(situation: Situation, deployment: DeploymentInfo | None) -> Gate:
    found = rejection(situation.target, situation.sha, deployment)
    if found is None:
        return Gate("rejected", True, "was not rejected before")
    called = "" if found.commit_sha == situation.sha else f" as {found.commit_sha[:12]}, which has the same digests"
    reason = f"rejected on {write_moment(found.at)}{called}: {found.reason}"
    if situation.again_reason:
        return Gate("rejected", True, f"PASSED WITH --again ({situation.again_reason}) though {reason}")
    again = f'invoke promote --sha {situation.short} --again --reason "…"{situation.flags}'
    return Gate("rejected", False, reason, f"fix it in a new commit; or, if the release was not the cause: {again}")
