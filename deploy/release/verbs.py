"""Deploy, verify, promote, tidy. A verb that changes an environment holds its lock and first settles unfinished work.

`recovery.py` holds the other verbs: rollback, resume, repair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.artifacts.build import layouts, load_manifest
from deploy.artifacts.frontend import Named, former_assets, site_files
from deploy.errors import NotProven, RolloutFailed, SuiteFailed, UsageError
from deploy.events.bus import Bus
from deploy.events.events import EvidenceRecorded, GateRefused, ImageCopied, Tidied
from deploy.ledger import DeploymentInfo, Evidence, Status
from deploy.ledger.app_secrets import read_secrets
from deploy.ledger.identity import who
from deploy.ledger.records import new_id
from deploy.platforms.errors import PlatformError
from deploy.platforms.registry import copy_image
from deploy.release.addresses import ensure_addresses
from deploy.release.desk import Desk, working_on
from deploy.release.gates.ancestry import ancestry, in_history, replaces
from deploy.release.gates.breaker import read_breaker, required_strategy, state_at
from deploy.release.gates.evidence import staged
from deploy.release.gates.gate import Gate, Situation
from deploy.release.gates.promotion import passes, promotion_gates
from deploy.release.release_command import run_release_command
from deploy.release.rollout.former import former_pages
from deploy.release.rollout.machine import config_digest, names_of, release_config, usual_strategy
from deploy.release.rollout.platform import read_page, read_pages
from deploy.release.rollout.strangers import launches_of
from deploy.release.rollout.world import Seen
from deploy.release.stock import push, share_targets
from deploy.settings.environments import ROOT, EnvironmentConfig
from deploy.settings.policy import Strategy
from deploy.settings.remotes import DEFAULT_REMOTE
from deploy.target import Target
from deploy.workstation.packages import need


@dataclass(frozen=True)
class Options:
    """How a promotion is made: reasons for overriding gates, and a strategy instead of the configured one."""

    strategy: Strategy | None = None
    hotfix_reason: str = ""
    again_reason: str = ""
    downgrade_reason: str = ""
    wait: timedelta = timedelta()
    """How long to wait while another deployer holds the lock."""


@dataclass(frozen=True)
class Plan:
    """What a promotion would do, and which gates refuse it. Making a plan changes nothing."""

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


def plan(source: Target, target: Target, sha: str, options: Options | None = None) -> Plan:
    """What promoting `sha` from `source` to `target` would do."""
    options = options or Options()
    ledger, now = target.ledger.snapshot(), datetime.now(UTC)
    situation = Situation(
        source_name=source.name,
        source=source.ledger.snapshot(),
        target=ledger,
        sha=sha,
        config=target.config,
        now=now,
        ancestry=in_history(ROOT, sha)
        if target.rehearsal
        else ancestry(ROOT, sha, target.config.branch, target.ledger.remote),
        flag=target.flag,
        to=target.to,
        source_promoted=source.promoted,
        remote=target.ledger.remote or DEFAULT_REMOTE,
        hotfix_reason=options.hotfix_reason,
        again_reason=options.again_reason,
        downgrade_reason=options.downgrade_reason,
        replaces=replaces(ROOT, ledger.current(), sha),
    )
    policy = target.config.release
    required = required_strategy(state_at(read_breaker(ledger), policy, now))
    return Plan(
        sha=sha,
        release=staged(situation.source, sha),
        serving=ledger.current(),
        strategy=required or options.strategy or usual_strategy(target.config),
        gates=promotion_gates(situation),
        notes=passes(situation),
    )


def superseded(target: Target, sha: str) -> DeploymentInfo | None:
    """The release that `target` serves if `sha` is older, as when a CI job ran late or was run again; else None."""
    serving = target.ledger.snapshot().current()
    return serving if replaces(ROOT, serving, sha) == "older" else None


def deploy(
    target: Target,
    root: Path,
    label: str,
    bus: Bus,
    logs: Path,
    strategy: Strategy | None = None,
    *,
    wait: timedelta = timedelta(),
) -> DeploymentInfo:
    """Deploy an artifact that was built here; raises RolloutFailed when it was rolled back."""
    target.require_tokens()
    manifest = load_manifest(root, label)
    backend, frontend = layouts(root, label)
    with working_on(target, f"deploy {manifest.version}", bus, logs, wait=wait) as desk:
        _ensure_app(desk)
        _settle(desk)
        desk.refuse_strangers()
        config = release_config(target.config, desk.toml)
        with bus.step("push the images"):
            push(desk, backend, label)
            push(desk, frontend, f"frontend-{label}")
        share_targets(desk, manifest)
        info = pending(desk, manifest.sha, manifest.version, manifest.image, manifest.frontend, config)
        _prepare(desk, info, config)
        return desk.roll_out("deploy", info, config, strategy or usual_strategy(target.config))


def verify(target: Target, configs: Sequence[EnvironmentConfig], bus: Bus, logs: Path) -> Evidence:
    """Prove what an environment serves, and record it. `configs` are those of all environments that have a page.

    Raises SuiteFailed when it is not proven; SuiteNotRun, and records nothing, when the suites were not run to their
    end or the release changed meanwhile.
    """
    from deploy.release.steady import require_steady, require_unchanged  # slow to import
    from deploy.verification.suites import prove

    before = require_steady(target)
    serving = before.release
    need("browser", tell=bus.note)
    with target.registry() as registry:
        image = read_page(registry, serving.frontend)
        named = Named(serving.version, serving.commit_sha)
        pages = {one.name: site_files(image, one.name, named, one.api_url) for one in configs}
        earlier = former_pages(target.ledger.snapshot(), serving)
        former = former_assets(pages[target.name], read_pages(registry, earlier))
    evidence, log = prove(
        serving,
        pages,
        target.config.frontend_url,
        rehearsal=target.rehearsal,
        logs=logs,
        tell=bus.note,
        former=former,
    )
    require_unchanged(target, before)
    target.ledger.prove(evidence)
    passed, failed = (sum(getattr(suite, key) for suite in evidence.suites) for key in ("passed", "failed"))
    bus.about(target.name).emit(EvidenceRecorded(sha=serving.commit_sha, ok=evidence.ok, passed=passed, failed=failed))
    if not evidence.ok:
        names = ", ".join(f"{s.name}: {s.failed} failed" for s in evidence.suites if not s.ok)
        raise SuiteFailed(
            f"{serving.version} is not proven ({names}); it will not be promoted. Fix it, commit, and deploy again",
            log=log,
        )
    return evidence


def promote(
    source: Target, target: Target, sha: str, bus: Bus, logs: Path, options: Options | None = None
) -> DeploymentInfo:
    """Promote to `target` what `source` proved, by digest; raises NotProven, or RolloutFailed when rolled back."""
    source.require_tokens()
    options = options or Options()
    with working_on(target, f"promote {sha[:12]}", bus, logs, wait=options.wait) as desk:
        left = _settle(desk)
        if left is not None and (left.commit_sha, left.status) == (sha, Status.DEPLOYED):
            return left
        desk.refuse_strangers()
        wanted = plan(source, target, sha, options)
        release = _allowed(wanted, desk.bus)  # before anything is made: a refused promotion leaves nothing behind
        config = release_config(target.config, desk.toml)
        _ensure_app(desk)
        with bus.step("copy the images"), source.registry() as origin:
            for image, tag in ((release.image, sha), (release.frontend, f"frontend-{sha}")):
                copy_image(origin, desk.registry, image, tag)
                desk.bus.emit(ImageCopied(image=image, source=source.name))
        info = pending(desk, sha, release.version, release.image, release.frontend, config)
        _prepare(desk, info, config)
        return desk.roll_out("promote", info, config, wanted.strategy, wanted.notes)


def _prepare(desk: Desk, info: DeploymentInfo, config: dict[str, Any]) -> None:
    """Run the release's own command, before anything is changed."""
    name, image = f"{desk.target.name}-command-{info.launch}", desk.registry.reference(info.image)
    named = config | {"env": config.get("env", {}) | names_of(info)}
    run_release_command(desk.fly, desk.bus, desk.toml, image, named, name, info.secrets_version)


def _allowed(wanted: Plan, bus: Bus) -> DeploymentInfo:
    """The plan's release if every gate is open; else raises NotProven with each closed gate's reason and action."""
    closed = [gate for gate in wanted.gates if not gate.ok]
    if not closed and wanted.release is not None:
        return wanted.release
    for gate in closed:
        bus.emit(GateRefused(sha=wanted.sha, gate=gate.name, reason=gate.reason, action=gate.action))
    lines = "".join(f"\n  {gate.name}: {gate.reason}\n    run: {gate.action}" for gate in closed)
    raise NotProven(f"{wanted.sha[:12]} is not promoted:{lines}", [gate.reason for gate in closed])


def tidy(target: Target, bus: Bus, logs: Path, *, wait: timedelta = timedelta()) -> int:
    """Remove the machines kept for a rollback once the rollback window is over; returns how many.

    Those of earlier releases on lost hosts go too, whatever they did: they would come back with an old release.
    """
    with working_on(target, "tidy", bus, logs, wait=wait) as desk:
        snapshot = desk.snapshot()
        serving = snapshot.current()
        if serving is None or snapshot.intent() is not None:
            return 0
        if datetime.now(UTC) - serving.deployed_at < target.config.release.rollback_window:
            return 0
        known = launches_of(snapshot) - {serving.launch}
        there = [m for m in desk.platform.machines() if m.launch in known]
        kept = [m for m in there if (m.asleep and not m.traffic) or not m.reachable]
        removed = tuple(machine.id for machine in kept if _removed(desk, machine))
        desk.bus.emit(Tidied(machines=removed))
        return len(removed)


def _removed(desk: Desk, machine: Seen) -> bool:
    """Remove a machine; False, and a note, when its host does not let it go: the others must not wait for it."""
    try:
        with desk.bus.step(f"remove {machine.id}"):
            desk.platform.destroy(machine.id)
    except PlatformError as failed:
        now = desk.platform.look(machine.id)
        if now and now.reachable and failed.status < 500:
            raise
        why = str(failed)
    else:
        return True
    again = f"invoke tidy --env {desk.target.name}{desk.target.flag}"
    desk.bus.note(f"machine {machine.id} was left as it is: {why[:300]}; once it answers again: {again}")
    return False


def _settle(desk: Desk) -> DeploymentInfo | None:
    """Settle an unfinished rollout first; that it was rolled back does not stop the verb."""
    try:
        return desk.settle()
    except RolloutFailed as failed:
        if desk.snapshot().intent() is not None:
            raise
        desk.bus.say(str(failed))
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
        secrets_version=read_secrets(desk.snapshot()).version,
    )


def _ensure_app(desk: Desk) -> None:
    """Create the environment's app when there is none yet, with its addresses; its repository comes with it.

    Raises UsageError, before anything is begun, when there is no Pages project: which branch it serves is a choice.
    """
    if desk.pages.project_info() is None:
        make = f"invoke setup --env {desk.target.name}{desk.target.flag}"
        raise UsageError(f"there is no Pages project {desk.pages.project}; make it: {make}")
    if not desk.fly.app_exists():
        config = desk.target.config
        app, organization = config.deployment_target, config.fly_organization
        with desk.bus.step(f"create app {app} in organisation {organization}"):
            desk.fly.create_app(organization, network=app)  # a network of its own: no other app reaches its machines
    ensure_addresses(desk.fly, desk.bus)
