"""What must hold before a commit reaches production. Each gate is a value with its reason; all are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.release.gates.approvals import read_approvals
from deploy.release.gates.breaker import State, half_open_at, read_breaker, state_at
from deploy.release.gates.checklists import ITEMS, READINESS, VALIDATION
from deploy.release.gates.freezes import InForce, in_force
from deploy.release.gates.rejections import rejection
from deploy.settings.durations import write_moment
from deploy.settings.environments import EnvironmentConfig
from deploy.settings.policy import Promotion, ReleasePolicy


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


@dataclass(frozen=True)
class Situation:
    """All that a promotion is judged by, read beforehand. `config` is production's.

    `ancestry` is what `ancestry()` found. `flag` is added to the commands that actions name. `hotfix_reason` and
    `again_reason` and `downgrade_reason` are the reasons given with --hotfix, --again and --downgrade, empty without.
    """

    staging: Snapshot
    production: Snapshot
    sha: str
    config: EnvironmentConfig
    now: datetime
    ancestry: bool | str
    flag: str = ""
    hotfix_reason: str = ""
    again_reason: str = ""
    downgrade_reason: str = ""
    remote: str = "origin"
    """The remote whose branch the commit must be part of."""
    replaces: str = "newer"
    """What `ancestry.replaces` found: whether the commit is older than the one that serves."""

    @property
    def policy(self) -> ReleasePolicy:
        """What production's settings ask of a promotion."""
        return self.config.release

    @property
    def short(self) -> str:
        """The commit as people read it."""
        return self.sha[:12]

    def freezes(self) -> tuple[InForce, ...]:
        """The freezes that hold, the one that ends last first."""
        return in_force(self.production, self.policy, self.now)


def staged(snapshot: Snapshot, sha: str) -> DeploymentInfo | None:
    """The newest deployment of the commit that staging served, whether or not it still does."""
    served = [e for e in snapshot.events() if e.commit_sha == sha and e.status is Status.DEPLOYED]
    return served[-1] if served else None


def promotion_gates(situation: Situation) -> tuple[Gate, ...]:
    """Every gate of a promotion, in order; each is shown whether or not those before it hold."""
    deployment = staged(situation.staging, situation.sha)
    first = _staged(situation, deployment)
    if deployment is None:
        unproven = {
            name: Gate(name, False, f"{situation.short} was never served by staging", first.action)
            for name in ("evidence", "approvals", VALIDATION, READINESS, "clean tree")
        }
        evidence, approvals, validation, readiness, clean = unproven.values()
    else:
        evidence = _fresh_evidence(situation, deployment)
        approvals = _approvals(situation, deployment)
        validation = _checklist(situation, deployment, evidence, VALIDATION)
        readiness = _checklist(situation, deployment, evidence, READINESS)
        clean = _clean(deployment)
    breaker, freeze = _breaker(situation), _freeze(situation)
    last = (_ancestor(situation), _downgrade(situation), _rejected(situation))
    return (first, evidence, breaker, freeze, approvals, validation, readiness, clean, *last)


def passes(situation: Situation) -> tuple[str, ...]:
    """The gates that would be closed but for a reason somebody gave: for the ledger."""
    notes = []
    if situation.hotfix_reason and (held := situation.freezes()):
        why = "; ".join(freeze.reason for freeze in held)
        notes.append(f"freeze passed with --hotfix ({situation.hotfix_reason}), frozen for: {why}")
    if situation.again_reason and (rejected := rejection(situation.production, situation.sha)):
        notes.append(f"rejection passed with --again ({situation.again_reason}), rejected for: {rejected.reason}")
    if situation.downgrade_reason and situation.replaces == "older":
        notes.append(f"downgrade passed with --downgrade ({situation.downgrade_reason})")
    return tuple(notes)


def _staged(situation: Situation, deployment: DeploymentInfo | None) -> Gate:
    if deployment is not None:
        return Gate("staged", True, f"staging served {deployment.version}")
    ended = (Status.FAILED, Status.ROLLED_BACK)
    events = situation.staging.events()
    failed = [event for event in events if event.commit_sha == situation.sha and event.status in ended]
    why = f"its deployment to staging failed: {failed[-1].reason}" if failed else "it was never deployed to staging"
    commands = f"invoke build --env staging && invoke deploy --env staging{situation.flag}"
    action = f"{commands} (with {situation.short} checked out)"
    return Gate("staged", False, f"{situation.short}: {why}", action)


def _fresh_evidence(situation: Situation, deployment: DeploymentInfo) -> Gate:
    gate = _evidence(situation.staging, deployment, situation.flag)
    evidence = situation.staging.evidence(situation.sha)
    days = situation.policy.evidence_days
    if not gate.ok or evidence is None or situation.now - evidence.at <= timedelta(days=days):
        return gate
    reason = f"{situation.short} was proven on {write_moment(evidence.at)}: longer ago than EVIDENCE_DAYS={days} allows"
    action = f"invoke verify --env staging{situation.flag} (while staging serves {situation.short})"
    return Gate("evidence", False, reason, action)


def _breaker(situation: Situation) -> Gate:
    record = read_breaker(situation.production)
    state = state_at(record, situation.policy, situation.now)
    ends = half_open_at(record, situation.policy)
    if record.opened_at is None or ends is None:
        threshold = situation.policy.breaker_threshold
        return Gate("breaker", True, f"closed; {record.failures} failed in a row, {threshold} open it")
    if state is State.HALF_OPEN:
        return Gate("breaker", True, f"half-open since {write_moment(ends)}: lets one promotion through, as a canary")
    reason = f"open since {write_moment(record.opened_at)}, {record.failures} failed in a row: {record.reason}"
    reset = f'invoke breaker --reset --reason "…"{situation.flag}'
    action = f"mend the cause, then: {reset}; or wait until {write_moment(ends)}"
    return Gate("breaker", False, reason, action)


def _freeze(situation: Situation) -> Gate:
    held = situation.freezes()
    if not held:
        return Gate("freeze", True, "nothing is frozen")
    reason = f"frozen until {write_moment(held[0].until)}: {'; '.join(freeze.reason for freeze in held)}"
    if situation.hotfix_reason:
        return Gate("freeze", True, f"PASSED AS A HOTFIX ({situation.hotfix_reason}) though {reason}")
    lift = "".join(f"invoke freeze --lift {freeze.id}{situation.flag}; or " for freeze in held if freeze.id)
    hotfix = f'for a hotfix: invoke promote --sha {situation.short} --hotfix --reason "…"{situation.flag}'
    return Gate("freeze", False, reason, f"wait; or {lift}{hotfix}")


def _approvals(situation: Situation, deployment: DeploymentInfo) -> Gate:
    needed = situation.policy.approvals
    people = sorted({each.person for each in read_approvals(situation.production, deployment)})
    said = f"approved by {', '.join(people)}" if people else "approved by nobody"
    if len(people) >= needed:
        return Gate("approvals", True, said if people else "none is needed (APPROVALS=0)")
    reason = f"{len(people)} of {needed}: these digests are {said}"
    who = "somebody else runs: " if people else ""
    return Gate("approvals", False, reason, f"{who}invoke approve --sha {situation.short}{situation.flag}")


def _checklist(situation: Situation, deployment: DeploymentInfo, evidence: Gate, name: str) -> Gate:
    """A list is complete when the ledger shows, and somebody or else the evidence says, that each item holds.

    That staging served the release is what brought us here; all else that the ledger shows is in the evidence.
    """
    items = [item for item in ITEMS if item.list == name]
    by_hand = [item.name for item in items if item.manual]
    if not evidence.ok:
        return Gate(name, False, "the evidence does not hold: see the gate evidence", evidence.action)
    if situation.policy.promotion is Promotion.AUTOMATIC:
        return Gate(name, True, f"answered by the evidence (PROMOTION=automatic): {', '.join(by_hand)}")
    answers = {item: each.person for each in read_approvals(situation.production, deployment) for item in each.items}
    missing = [item for item in by_hand if item not in answers]
    if missing:
        action = f"invoke approve --sha {situation.short} --yes {','.join(missing)}{situation.flag} (when they hold)"
        return Gate(name, False, f"not answered by anybody: {', '.join(missing)}", action)
    people = sorted({answers[item] for item in by_hand})
    return Gate(name, True, f"{', '.join(by_hand)}: answered by {', '.join(people)}")


def _ancestor(situation: Situation) -> Gate:
    branch, short = situation.config.branch, situation.short
    if situation.ancestry is True:
        return Gate("ancestor", True, f"part of {branch}")
    if situation.ancestry is False:
        action = f"merge it into {branch}, push, git fetch; then promote the commit that {branch} has"
        return Gate("ancestor", False, f"{short} is not part of {branch}", action)
    action = (
        f"git fetch --unshallow or git fetch {situation.remote} {branch}; or set BRANCH in .env.{situation.config.name}"
    )
    return Gate("ancestor", False, f"whether {short} is part of {branch} is unknown: {situation.ancestry}", action)


def _downgrade(situation: Situation) -> Gate:
    """An old job that is run again must not bring back what was replaced."""
    if situation.replaces != "older":
        words = {"same": "it is what serves", "unknown": "whether it is older than what serves is unknown here"}
        return Gate("downgrade", True, words.get(situation.replaces, "it is not older than what serves"))
    serving = situation.production.current()
    version = serving.version if serving else "the release"
    reason = f"{situation.short} is older than {version}, which serves: it is an ancestor of that commit"
    if situation.downgrade_reason:
        return Gate("downgrade", True, f"PASSED WITH --downgrade ({situation.downgrade_reason}) though {reason}")
    action = (
        f"to go back: invoke rollback --env {situation.config.name} --to {situation.short}{situation.flag}; or "
        f'invoke promote --sha {situation.short} --downgrade --reason "…"{situation.flag}'
    )
    return Gate("downgrade", False, reason, action)


def _rejected(situation: Situation) -> Gate:
    found = rejection(situation.production, situation.sha)
    if found is None:
        return Gate("rejected", True, "was not rejected before")
    reason = f"rejected on {write_moment(found.at)}: {found.reason}"
    if situation.again_reason:
        return Gate("rejected", True, f"PASSED WITH --again ({situation.again_reason}) though {reason}")
    again = f'invoke promote --sha {situation.short} --again --reason "…"{situation.flag}'
    return Gate("rejected", False, reason, f"mend it in a new commit; or, when the cause lay elsewhere: {again}")


def _evidence(staging: Snapshot, deployment: DeploymentInfo, flag: str) -> Gate:
    sha = deployment.commit_sha
    action = f"invoke verify --env staging{flag} (while staging serves {sha[:12]})"
    evidence = staging.evidence(sha)
    if evidence is None or evidence.commit_sha != sha:
        return Gate("evidence", False, f"{sha[:12]}: no suite has run against it in staging", action)
    if (evidence.image, evidence.frontend) != (deployment.image, deployment.frontend):
        return Gate(
            "evidence", False, f"{sha[:12]}: what was proven has other digests than what staging served", action
        )
    if not evidence.ok:
        failed = ", ".join(f"{s.name}: {s.failed} failed" for s in evidence.suites if not s.ok)
        return Gate("evidence", False, f"{sha[:12]}: its suites failed in staging ({failed})", action)
    passed = sum(suite.passed for suite in evidence.suites)
    return Gate("evidence", True, f"{passed} checks passed in staging on {write_moment(evidence.at)}")


def _clean(deployment: DeploymentInfo) -> Gate:
    if deployment.version.endswith(".dirty"):
        reason = f"{deployment.version} was built from a tree that differs from its commit"
        return Gate("clean tree", False, reason, "commit the changes, then build, deploy and verify that commit")
    return Gate("clean tree", True, "built from the commit itself")
