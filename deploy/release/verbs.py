"""Deploy, promote and roll back: each takes the lock, records its intent, rolls out, and records the outcome."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.artifacts.build import layouts, load_manifest
from deploy.artifacts.oci import Layout
from deploy.console import Teller
from deploy.errors import DeployError, NotProven, RolloutFailed, UsageError
from deploy.ledger import DeploymentInfo, Status
from deploy.ledger.store import outcome, who
from deploy.platforms.registry import MANIFEST, copy_image
from deploy.release.gates import Gate, gates, staged
from deploy.release.rollout import Rollout
from deploy.target import Target

ORGANIZATION = "personal"  # of an app that has to be created


@dataclass(frozen=True)
class Plan:
    """What a promotion would do, and what speaks against it. Making one changes nothing."""

    sha: str
    release: DeploymentInfo | None
    serving: DeploymentInfo | None
    gates: tuple[Gate, ...]

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
            "replaces": self.serving.to_json() if self.serving else None,
            "gates": [gate.to_json() for gate in self.gates],
        }


def plan(staging: Target, production: Target, sha: str) -> Plan:
    """What promoting `sha` would do."""
    snapshot = staging.ledger.snapshot()
    flag = " --rehearsal" if staging.rehearsal else ""
    serving = production.ledger.snapshot().current()
    return Plan(sha, staged(snapshot, sha), serving, tuple(gates(snapshot, sha, flag)))


def deploy(target: Target, root: Path, label: str, teller: Teller, logs: Path) -> DeploymentInfo:
    """Deploy an artifact that was built here; raises RolloutFailed when it was taken back."""
    target.require_tokens()
    manifest = load_manifest(root, label)
    backend, frontend = layouts(root, label)
    info = _pending(target, manifest.sha, manifest.version, manifest.image, manifest.frontend)
    with target.ledger.locked(f"deploy {manifest.version}"):
        _ensure_app(target, teller)
        with teller.step("push the images"):
            _push(target, backend, label)
            _push(target, frontend, f"frontend-{label}")
        return _roll_out(target, info, teller, logs)


def promote(staging: Target, production: Target, sha: str, teller: Teller, logs: Path) -> DeploymentInfo:
    """Bring to production what staging proved, by digest; raises NotProven, or RolloutFailed when it was taken back."""
    for target in (staging, production):
        target.require_tokens()
    with production.ledger.locked(f"promote {sha[:12]}"):
        wanted = plan(staging, production, sha)
        release = wanted.release
        if not wanted.allowed or release is None:
            closed = [gate for gate in wanted.gates if not gate.ok]
            lines = "".join(f"\n  {gate.name}: {gate.reason}\n    run: {gate.action}" for gate in closed)
            raise NotProven(f"{sha[:12]} is not promoted:{lines}", [gate.reason for gate in closed])
        info = _pending(production, sha, release.version, release.image, release.frontend)
        _ensure_app(production, teller)
        with teller.step("copy the images"), staging.registry() as source, production.registry() as own:
            copy_image(source, own, release.image, sha)
            copy_image(source, own, release.frontend, f"frontend-{sha}")
        return _roll_out(production, info, teller, logs)


def rollback(target: Target, sha: str | None, teller: Teller, logs: Path) -> DeploymentInfo:
    """Back to the release before, or to that of `sha`: image, configuration and page."""
    target.require_tokens()
    with target.ledger.locked(f"roll back to {sha[:12] if sha else 'the release before'}"):
        snapshot = target.ledger.snapshot()
        serving = snapshot.current()
        if serving is None:
            raise UsageError(f"{target.name} has no release yet; deploy one first")
        gone = {event.id for event in snapshot.events() if event.status is Status.ROLLED_BACK}
        earlier = [
            event
            for event in snapshot.events()
            if event.status is Status.DEPLOYED
            and event.commit_sha != serving.commit_sha
            and event.commit_sha.startswith(sha or "")
            and (sha or event.id not in gone)
        ]
        if not earlier:
            wanted = f"no earlier release of {sha[:12]}" if sha else "no release before the one that serves"
            raise UsageError(f"{target.name} has {wanted}; see `invoke history --env {target.name}`")
        back = earlier[-1]
        info = _pending(target, back.commit_sha, back.version, back.image, back.frontend)
        restored = _roll_out(target, info, teller, logs)
        target.ledger.record(outcome(serving, Status.ROLLED_BACK, f"rolled back to {back.version}"))
        return restored


def _pending(target: Target, sha: str, version: str, image: str, frontend: str) -> DeploymentInfo:
    now = datetime.now(UTC)
    id_ = f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}"
    return DeploymentInfo(id_, target.name, version, sha, now, who(), Status.PENDING, image, frontend)


def _roll_out(target: Target, info: DeploymentInfo, teller: Teller, logs: Path) -> DeploymentInfo:
    previous = target.ledger.snapshot().current()
    target.ledger.record(info)
    try:
        Rollout(target, info, previous, teller, logs).run()
    except DeployError as failed:
        status = Status.ROLLED_BACK if isinstance(failed, RolloutFailed) and previous else Status.FAILED
        target.ledger.record(outcome(info, status, str(failed)[:2000]))
        raise
    done = outcome(info, Status.DEPLOYED)
    target.ledger.record(done)
    return done


def _ensure_app(target: Target, teller: Teller) -> None:
    """Create the environment's app when there is none yet: its repository comes with it."""
    with target.fly() as fly:
        if not fly.app_exists():
            app = target.config.deployment_target
            with teller.step(f"create app {app}"):
                fly.create_app(ORGANIZATION, network=app)


def _push(target: Target, layout: Layout, tag: str) -> None:
    with target.registry() as registry:
        if registry.has_manifest(layout.digest):
            return
        for blob in layout.blobs():
            registry.push_blob(blob.digest, blob.size, lambda blob=blob: layout.read(blob.digest))  # type: ignore[misc]
        registry.push_manifest(layout.manifest, MANIFEST, tag)
