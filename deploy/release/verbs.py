"""Deploy, promote, tidy: each works at a desk (the lock held) and first settles what was left half-way.

`recovery.py` holds the verbs that bring an environment back: rollback, resume, repair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.artifacts.build import layouts, load_manifest
from deploy.artifacts.oci import Layout
from deploy.console import Teller
from deploy.environments import ROOT
from deploy.errors import NotProven, RolloutFailed
from deploy.ledger import DeploymentInfo, Status
from deploy.ledger.identity import who
from deploy.ledger.records import new_id
from deploy.platforms.registry import MANIFEST, RegistryClient, copy_image
from deploy.policy import Strategy
from deploy.release.ancestry import ancestry, in_history, replaces
from deploy.release.breaker import read_breaker, required_strategy, state_at
from deploy.release.desk import Desk, at_work
from deploy.release.gates import Gate, Situation, passes, promotion_gates, staged
from deploy.release.machine import config_digest, release_config
from deploy.release.strangers import launches_of
from deploy.remotes import DEFAULT_REMOTE
from deploy.target import Target

ORGANIZATION = "personal"  # of an app that has to be created


@dataclass(frozen=True)
class Options:
    """How a promotion is made: the reasons given for passing a gate, and a strategy other than the settings'."""

    strategy: Strategy | None = None
    hotfix_reason: str = ""
    again_reason: str = ""
    downgrade_reason: str = ""
    wait: timedelta = timedelta()
    """How long to wait while another deployer holds the lock."""


@dataclass(frozen=True)
class Plan:
    """What a promotion would do, and what speaks against it. Making one changes nothing."""

    sha: str
    release: DeploymentInfo | None
    serving: DeploymentInfo | None
    strategy: Strategy
    gates: tuple[Gate, ...]
    notes: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether every gate is open."""
        return all(gate.ok for gate in self.gates)

    def to_json(self) -> dict[str, Any]:
        """As `promote --plan --json` prints it."""
        return {
            "sha": self.sha,
            "allowed": self.allowed,
            "version": self.release.version if self.release else None,
            "image": self.release.image if self.release else None,
            "frontend": self.release.frontend if self.release else None,
            "strategy": self.strategy.value,
            "replaces": self.serving.to_json() if self.serving else None,
            "gates": [gate.to_json() for gate in self.gates],
            "overrides": list(self.notes),
        }


def plan(staging: Target, production: Target, sha: str, options: Options | None = None) -> Plan:
    """What promoting `sha` would do."""
    options = options or Options()
    ledger, now = production.ledger.snapshot(), datetime.now(UTC)
    situation = Situation(
        staging=staging.ledger.snapshot(),
        production=ledger,
        sha=sha,
        config=production.config,
        now=now,
        ancestry=in_history(ROOT, sha)
        if production.rehearsal
        else ancestry(ROOT, sha, production.config.branch, production.ledger.remote),
        flag=staging.flag,
        remote=production.ledger.remote or DEFAULT_REMOTE,
        hotfix_reason=options.hotfix_reason,
        again_reason=options.again_reason,
        downgrade_reason=options.downgrade_reason,
        replaces=replaces(ROOT, ledger.current(), sha),
    )
    policy = production.config.release
    required = required_strategy(state_at(read_breaker(ledger), policy, now))
    return Plan(
        sha=sha,
        release=staged(situation.staging, sha),
        serving=ledger.current(),
        strategy=required or options.strategy or policy.strategy,
        gates=promotion_gates(situation),
        notes=passes(situation),
    )


def superseded(production: Target, sha: str) -> DeploymentInfo | None:
    """The release that serves in production, when `sha` is older than it: a job that was run again, or ran late."""
    serving = production.ledger.snapshot().current()
    return serving if replaces(ROOT, serving, sha) == "older" else None


def deploy(
    target: Target,
    root: Path,
    label: str,
    teller: Teller,
    logs: Path,
    strategy: Strategy | None = None,
    *,
    wait: timedelta = timedelta(),
) -> DeploymentInfo:
    """Deploy an artifact that was built here; raises RolloutFailed when it was taken back."""
    target.require_tokens()
    manifest = load_manifest(root, label)
    backend, frontend = layouts(root, label)
    with at_work(target, f"deploy {manifest.version}", teller, logs, wait=wait) as desk:
        _ensure_app(desk)
        _settle(desk)
        desk.refuse_strangers()
        with teller.step("push the images"):
            _push(desk.registry, backend, label)
            _push(desk.registry, frontend, f"frontend-{label}")
        config = release_config(target.config, desk.toml)
        info = pending(desk, manifest.sha, manifest.version, manifest.image, manifest.frontend, config)
        return desk.roll_out("deploy", info, config, strategy or target.config.release.strategy)


def promote(
    staging: Target, production: Target, sha: str, teller: Teller, logs: Path, options: Options | None = None
) -> DeploymentInfo:
    """Bring to production what staging proved, by digest; raises NotProven, or RolloutFailed when it was taken back."""
    staging.require_tokens()
    options = options or Options()
    with at_work(production, f"promote {sha[:12]}", teller, logs, wait=options.wait) as desk:
        _ensure_app(desk)
        left = _settle(desk)
        if left is not None and (left.commit_sha, left.status) == (sha, Status.DEPLOYED):
            return left
        desk.refuse_strangers()
        wanted = plan(staging, production, sha, options)
        release = wanted.release
        if not wanted.allowed or release is None:
            closed = [gate for gate in wanted.gates if not gate.ok]
            lines = "".join(f"\n  {gate.name}: {gate.reason}\n    run: {gate.action}" for gate in closed)
            raise NotProven(f"{sha[:12]} is not promoted:{lines}", [gate.reason for gate in closed])
        with teller.step("copy the images"), staging.registry() as source:
            copy_image(source, desk.registry, release.image, sha)
            copy_image(source, desk.registry, release.frontend, f"frontend-{sha}")
        config = release_config(production.config, desk.toml)
        info = pending(desk, sha, release.version, release.image, release.frontend, config)
        return desk.roll_out("promote", info, config, wanted.strategy, wanted.notes)


def tidy(target: Target, teller: Teller, logs: Path, *, wait: timedelta = timedelta()) -> int:
    """Remove the machines kept for a rollback once the rollback window is over; how many."""
    with at_work(target, "tidy", teller, logs, wait=wait) as desk:
        snapshot = desk.snapshot()
        serving = snapshot.current()
        if serving is None or snapshot.intent() is not None:
            return 0
        if datetime.now(UTC) - serving.deployed_at < target.config.release.rollback_window:
            return 0
        known = launches_of(snapshot) - {serving.launch}
        kept = [m for m in desk.platform.machines() if m.launch in known and m.asleep and not m.traffic]
        for machine in kept:
            with teller.step(f"remove {machine.id}"):
                desk.platform.destroy(machine.id)
        return len(kept)


def _settle(desk: Desk) -> DeploymentInfo | None:
    """What was left half-way comes first, whatever becomes of it."""
    try:
        return desk.settle()
    except RolloutFailed as failed:
        if desk.snapshot().intent() is not None:
            raise
        desk.teller.say(str(failed))
        return None


def pending(
    desk: Desk,
    sha: str,
    version: str,
    image: str,
    frontend: str,
    config: dict[str, Any],
    again: DeploymentInfo | None = None,
) -> DeploymentInfo:
    """A deployment that is about to begin; `again` is the release it brings back, with that one's machines."""
    now = datetime.now(UTC)
    id_ = new_id(now)
    return DeploymentInfo(
        id=id_,
        environment=desk.target.name,
        version=version,
        commit_sha=sha,
        deployed_at=now,
        deployed_by=who(),
        status=Status.PENDING,
        image=image,
        frontend=frontend,
        config=config_digest(config),
        launch=again.launch if again else id_,
    )


def _ensure_app(desk: Desk) -> None:
    """Create the environment's app when there is none yet: its repository comes with it."""
    if not desk.fly.app_exists():
        app = desk.target.config.deployment_target
        with desk.teller.step(f"create app {app}"):
            desk.fly.create_app(ORGANIZATION, network=app)


def _push(registry: RegistryClient, layout: Layout, tag: str) -> None:
    if registry.has_manifest(layout.digest):
        return
    for blob in layout.blobs():
        registry.push_blob(blob.digest, blob.size, lambda blob=blob: layout.read(blob.digest))  # type: ignore[misc]
    registry.push_manifest(layout.manifest, MANIFEST, tag)
