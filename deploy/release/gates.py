"""What must hold before a commit reaches production. Each gate is a value with its reason; all are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.ledger import DeploymentInfo, Snapshot, Status


@dataclass(frozen=True)
class Gate:
    """One condition; `reason` says why it holds or not, `action` what to run when it does not."""

    name: str
    ok: bool
    reason: str
    action: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `promote --plan --json` prints it."""
        return {"name": self.name, "ok": self.ok, "reason": self.reason, "action": self.action}


def staged(snapshot: Snapshot, sha: str) -> DeploymentInfo | None:
    """The newest deployment of the commit that staging served, whether or not it still does."""
    served = [e for e in snapshot.events() if e.commit_sha == sha and e.status is Status.DEPLOYED]
    return served[-1] if served else None


def gates(staging: Snapshot, sha: str, flag: str = "") -> list[Gate]:
    """The gates of promoting `sha`, from staging's ledger alone. `flag` is added to the commands named in actions."""
    short = sha[:12]
    deployment = staged(staging, sha)
    if deployment is None:
        failed = [
            e for e in staging.events() if e.commit_sha == sha and e.status in (Status.FAILED, Status.ROLLED_BACK)
        ]
        why = f"its deployment to staging failed: {failed[-1].reason}" if failed else "it was never deployed to staging"
        action = f"invoke build --env staging && invoke deploy --env staging{flag} (with {short} checked out)"
        return [
            Gate("staged", False, f"{short}: {why}", action),
            Gate("evidence", False, f"{short} is unproven", action),
        ]
    return [
        Gate("staged", True, f"staging served {deployment.version}"),
        _evidence(staging, deployment, flag),
        _clean(deployment),
    ]


def _evidence(staging: Snapshot, deployment: DeploymentInfo, flag: str) -> Gate:
    sha = deployment.commit_sha
    action = f"invoke verify --env staging{flag} (while staging serves {sha[:12]})"
    evidence = staging.evidence(sha)
    if evidence is None:
        return Gate("evidence", False, f"{sha[:12]}: no suite has run against it in staging", action)
    if (evidence.image, evidence.frontend) != (deployment.image, deployment.frontend):
        return Gate(
            "evidence", False, f"{sha[:12]}: what was proven has other digests than what staging served", action
        )
    if not evidence.ok:
        failed = ", ".join(f"{s.name}: {s.failed} failed" for s in evidence.suites if not s.ok)
        return Gate("evidence", False, f"{sha[:12]}: its suites failed in staging ({failed})", action)
    passed = sum(suite.passed for suite in evidence.suites)
    return Gate("evidence", True, f"{passed} checks passed in staging on {evidence.at.astimezone():%Y-%m-%d %H:%M}")


def _clean(deployment: DeploymentInfo) -> Gate:
    if deployment.version.endswith(".dirty"):
        reason = f"{deployment.version} was built from a tree that differs from its commit"
        return Gate("clean tree", False, reason, "commit the changes, then build, deploy and verify that commit")
    return Gate("clean tree", True, "built from the commit itself")
