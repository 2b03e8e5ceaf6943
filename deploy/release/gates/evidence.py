"""The gates on the proving environment's ledger: the commit was served there, is proven, and was built clean."""

from __future__ import annotations

from datetime import timedelta

from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.release.gates.gate import Gate, Situation
from deploy.settings.durations import write_moment


def staged(snapshot: Snapshot, sha: str) -> DeploymentInfo | None:
    """The newest deployment of the commit that an environment served, whether or not it still does."""
    served = [e for e in snapshot.events() if e.commit_sha == sha and e.status is Status.DEPLOYED]
    return served[-1] if served else None


def staged_gate(situation: Situation, deployment: DeploymentInfo | None) -> Gate:
    where = situation.source_name
    if deployment is not None:
        return Gate("staged", True, f"{where} served {deployment.version}")
    ended = (Status.FAILED, Status.ROLLED_BACK)
    events = situation.source.events()
    failed = [event for event in events if event.commit_sha == situation.sha and event.status in ended]
    why = f"its deployment to {where} failed: {failed[-1].reason}" if failed else f"it was never deployed to {where}"
    if situation.source_promoted:
        action = f"invoke promote --sha {situation.short} --env {where}{situation.flag}"
    else:
        commands = f"invoke build --env {where} && invoke deploy --env {where}{situation.flag}"
        action = f"{commands} (with {situation.short} checked out)"
    return Gate("staged", False, f"{situation.short}: {why}", action)


def evidence_gate(situation: Situation, deployment: DeploymentInfo) -> Gate:
    gate = _evidence(situation, deployment)
    evidence = situation.source.evidence_for(deployment)
    days, where = situation.policy.evidence_days, situation.source_name
    if not gate.ok or evidence is None or situation.now - evidence.at <= timedelta(days=days):
        return gate
    reason = f"{situation.short} was proven on {write_moment(evidence.at)}: longer ago than EVIDENCE_DAYS={days} allows"
    action = f"invoke verify --env {where}{situation.flag} (while {where} serves {situation.short})"
    return Gate("evidence", False, reason, action)


def _evidence(situation: Situation, deployment: DeploymentInfo) -> Gate:
    sha = deployment.commit_sha
    where = situation.source_name
    action = f"invoke verify --env {where}{situation.flag} (while {where} serves {sha[:12]})"
    evidence = situation.source.evidence_for(deployment)
    if evidence is None:
        return Gate("evidence", False, f"{sha[:12]}: no suite has run against it in {where}", action)
    if not evidence.covers(deployment):
        return Gate("evidence", False, f"{sha[:12]}: the evidence is for other digests than {where} served", action)
    if not evidence.ok:
        failed = ", ".join(f"{s.name}: {s.failed} failed" for s in evidence.suites if not s.ok)
        return Gate("evidence", False, f"{sha[:12]}: its suites failed in {where} ({failed})", action)
    passed = sum(suite.passed for suite in evidence.suites)
    called = "" if evidence.commit_sha == sha else f", as {evidence.commit_sha[:12]}, which has the same digests"
    return Gate("evidence", True, f"{passed} checks passed in {where} on {write_moment(evidence.at)}{called}")


def clean_gate(deployment: DeploymentInfo) -> Gate:
    if deployment.version.endswith(".dirty"):
        reason = f"{deployment.version} was built from a tree that differs from its commit"
        return Gate("clean tree", False, reason, "commit the changes, then build, deploy and verify that commit")
    return Gate("clean tree", True, "built from the commit itself")
