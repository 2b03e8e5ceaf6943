"""`invoke rehearse`: takes a commit from source to production on this machine."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json as jsonlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.context import Context

from deploy import interrupts, rehearsals
from deploy.artifacts import read_source
from deploy.artifacts.selection import select_languages
from deploy.cli.build import LANGUAGES, built
from deploy.cli.options import logs_of
from deploy.cli.wrapper import verb
from deploy.disk import cleaning
from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.events.console import print_result, steps_table
from deploy.events.events import Approved, BreakerReset
from deploy.events.times import StepTimes
from deploy.lazy import lazy
from deploy.ledger.identity import who
from deploy.release.gates.approvals import approve
from deploy.release.gates.breaker import read_breaker, reset_change
from deploy.release.gates.evidence import staged
from deploy.settings.chain import read_chain, require_promoted
from deploy.settings.environments import ROOT
from deploy.target import Target
from deploy.unkindness import STRICT, Unkindness, unkind

if TYPE_CHECKING:
    from deploy.release import verbs
    from deploy.verification import traffic
else:
    verbs = lazy("deploy.release.verbs")
    traffic = lazy("deploy.verification.traffic")


RATE = 200  # requests a second while a rehearsal promotes


@verb(
    help={
        "up": "only start the platforms",
        "down": "stop the platforms and everything started for them; refused while a verb uses them",
        "force": "with --down: stop them even while a verb uses them",
        "languages": f"{LANGUAGES} (default: core)",
        "strict": "the platforms as unkind as the providers are: the edge learns of machines 10 s late, the documented "
        "rates apply, what was written is read later, and machines too many are stopped; takes minutes longer",
    }
)
def rehearse(
    context: Context,
    up: bool = False,
    down: bool = False,
    languages: str = "core",
    force: bool = False,
    strict: bool = False,
) -> None:
    """Take this commit from source to production on this machine, with no account; leaves both environments serving."""
    bus: Bus = context.bus
    if force and not down:
        raise UsageError("--force belongs to --down: invoke rehearse --down --force")
    if strict and (up or down):
        raise UsageError("--strict is about a whole rehearsal: invoke rehearse --strict")
    if down:
        bus.say("stopped" if rehearsals.stop(force=force) else "nothing was running")
        return
    with rehearsals.in_use():
        if up:
            with bus.step("start the platforms"):
                rehearsals.start(bus.note)
            return
        again = f"invoke rehearse --languages {languages}{' --strict' if strict else ''}"
        with interrupts.explained_by(lambda: f"the rehearsal stopped before it was done. Run it again: {again}"):
            _rehearse_reported(bus, context.times, languages, strict=strict)
    for name in read_chain().deployed:
        config = rehearsals.rehearsal_config(name)
        bus.say(f"{name:<10}  page {config.frontend_url}   API {config.api_url}")


def _rehearse_reported(bus: Bus, times: StepTimes, languages: str, *, strict: bool) -> None:
    """Run the whole pipeline and write `.rehearsal/report.json`, also when it fails."""
    select_languages(languages)
    source = read_source(ROOT)
    if source.dirty:
        raise UsageError(
            "the working tree differs from its commit, and production takes only commits; "
            "commit or stash the changes first"
        )
    report: dict[str, object] = {
        "ok": False,
        "sha": source.sha,
        "version": source.version,
        "image": None,
        "frontend": None,
        "strict": strict,
    }
    try:
        with bus.step("start the platforms"):
            rehearsals.start(bus.note)
        with unkind(STRICT if strict else Unkindness()):
            _rehearse(bus, report, languages, strict=strict)
        report["ok"] = True
    finally:
        report["steps"] = [step.to_json() for step in times.steps if step.depth == 0]
        report["details"] = [step.to_json() for step in times.steps if step.depth > 0]
        _write_report(report)
    print_result(steps_table(times))


def _rehearse(bus: Bus, report: dict[str, object], languages: str, *, strict: bool) -> None:
    """The pipeline, one step a line."""
    source, logs, chain = read_source(ROOT), logs_of(rehearsal=True), read_chain()
    targets = {name: replace(rehearsals.rehearsal_target(name), strict=strict) for name in chain.deployed}
    configs = [target.config for target in targets.values()]
    report["urls"] = {c.name: {"api": c.api_url, "frontend": c.frontend_url} for c in configs}
    with bus.step("build"):
        outcome = built(bus, source, languages)
    manifest = outcome.manifest
    report["made"] = [step.target for step in outcome.steps if step.made]
    report["image"], report["frontend"] = manifest.image, manifest.frontend
    first, *others = [targets[name] for name in chain.line_to(require_promoted("", chain))]
    with bus.step(f"deploy to {first.name}"):
        verbs.deploy(first, ROOT, source.label, bus, logs)
    with bus.step(f"integration suite on {first.name}"):
        verbs.verify(first, configs, bus, logs)
    for before, target in itertools.pairwise((first, *others)):
        with bus.step("approve"):
            _permit(before, target, source.sha, bus)
        again = verbs.Options(again_reason="rehearsed again")
        counted = _counted(target, bus, logs, report) if target is others[-1] else contextlib.nullcontext()
        with counted, bus.step(f"promote to {target.name}"):
            verbs.promote(before, target, source.sha, bus, logs, again)
        if target is not others[-1]:
            with bus.step(f"integration suite on {target.name}"):
                verbs.verify(target, configs, bus, logs)
    _clean(bus)


def _clean(bus: Bus) -> None:
    """Remove what earlier rehearsals left; a failure here only postpones it to the next one, or to `invoke clean`."""
    try:
        with cleaning(orphans=False) as found:
            for waste in found.waste:
                waste.remove()
        if found.waste:
            bus.say(f"removed {len(found.waste)} leftovers of earlier builds, {found.bytes / 1e6:.0f} MB")
    except DeployError as busy:
        bus.say(f"old builds were not removed: {busy}")


@contextlib.contextmanager
def _counted(target: Target, bus: Bus, logs: Path, report: dict[str, object]) -> Iterator[None]:
    """Send requests to the target during the block and count the lost ones; counting starts with the first success."""
    config = target.config
    with traffic.Traffic.start(config.api_url, config.frontend_url, RATE, logs / "rehearse-traffic.json") as sending:
        try:
            yield
        finally:
            counted = sending.stop()
            report["requests"] = counted.to_json()
            bus.say(f"{counted.sent} requests sent meanwhile, {counted.lost} lost")
            for loss in counted.losses[:5]:
                bus.say(f"  lost: {loss}")


def _permit(source: Target, target: Target, sha: str, bus: Bus) -> None:
    """Whoever runs a rehearsal also approves the release, and resets the breaker that an earlier rehearsal opened."""
    deployment = staged(source.ledger.snapshot(), sha)
    if deployment is not None:
        made = approve(target.ledger, deployment, who(), ["all"], datetime.now(UTC), "a rehearsal")
        bus.about(target.name).emit(Approved(sha=sha, person=made.person, items=tuple(made.items)))
    if read_breaker(target.ledger.snapshot()).opened_at is not None:
        closed = functools.partial(reset_change, reason="a new rehearsal", by=who())
        target.ledger.write("breaker: reset by a new rehearsal", closed)
        bus.about(target.name).emit(BreakerReset(reason="a new rehearsal"))


def _write_report(report: dict[str, object]) -> None:
    rehearsals.STATE.mkdir(exist_ok=True)
    file = rehearsals.STATE / "report.json"
    temporary = file.with_suffix(".part")
    temporary.write_text(jsonlib.dumps(report, indent=2) + "\n")
    temporary.rename(file)


VERBS = (rehearse,)
