"""The verb that builds the artifact of a commit: image and page, the same for every environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from invoke.context import Context

from deploy.artifacts import Source, read_source, remote
from deploy.artifacts import build as build_artifact
from deploy.artifacts.build import Elsewhere, Outcome, Step, look, nowhere
from deploy.artifacts.selection import select_languages
from deploy.artifacts.store import Built, Store
from deploy.artifacts.targets import Target
from deploy.cli.wrapper import verb
from deploy.errors import DeployError, TokenMissing, UsageError
from deploy.events import events
from deploy.events.bus import Bus
from deploy.events.console import print_json
from deploy.platforms.http import Patience
from deploy.settings.chain import read_chain
from deploy.settings.environments import ROOT, environment_names
from deploy.target import cloud_target
from deploy.workstation import docker_host

PATIENCE = Patience(attempts=2)  # a build can do without a registry
LANGUAGES = "languages in the image: all, core, or comma-separated names"


@verb(
    help={
        "env": "write the page directory of this environment only (default: of each). The artifact is the same for all",
        "languages": f"{LANGUAGES} (default: all)",
        "explain": "say of each target whether it is made, and what of its inputs is why",
        "dry-run": "say what would be made, and build nothing",
        "json": "print the manifest as JSON; with --explain or --dry-run its targets too",
    }
)
def build(
    context: Context,
    env: str = "",
    languages: str = "all",
    explain: bool = False,
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Build the backend image and the page of this commit; every environment receives the same bytes."""
    names = environment_names()
    if env and env not in names:
        raise UsageError(f"unknown environment {env!r}; use one of {', '.join(names)}")
    bus: Bus = context.bus
    source = read_source(ROOT)
    select_languages(languages)  # a name that there is not is wrong use, said before anything is begun
    if dry_run:
        steps = look(ROOT, languages)
        if json:
            print_json({"targets": [_told(step) for step in steps]})
        else:
            _explain(bus, steps, dry=True)
        return
    with bus.step(f"build {source.version}"):
        outcome = built(bus, source, languages, env, elsewhere=_registries(bus))
    manifest = outcome.manifest
    if json:
        targets = {"targets": [_told(step) for step in outcome.steps]} if explain else {}
        print_json(manifest.to_json() | targets)
        return
    if explain:
        _explain(bus, outcome.steps)
    place = f"dist/{source.label}"
    bus.say(f"{'built' if outcome.made else 'already built'}: {place}/manifest.json")
    for name in [env] if env else names:
        bus.say(f"page     {place}/site/{name}")
    bus.say(f"languages {', '.join(manifest.languages)}")
    bus.say(f"image    {manifest.image}  {manifest.sizes['image'] / 1e6:.0f} MB")
    bus.say(f"frontend {manifest.frontend}")
    if source.dirty:
        bus.say("the working tree differs from its commit: this build can be deployed to staging, but never promoted")


def _told(step: Step) -> dict[str, Any]:
    return {"target": step.target, "made": step.made, "why": step.why, "seconds": step.seconds}


def _explain(bus: Bus, steps: Sequence[Step], *, dry: bool = False) -> None:
    for step in steps:
        done = ("would be made" if dry else f"made in {step.seconds:.1f} s") if step.made else "kept"
        bus.say(f"{step.target}: {done}: {step.why}")


def _registries(bus: Bus) -> Elsewhere:
    """Asks the environments' registries for a target, those whose token is here; what fails there is only noted."""

    def bring(target: Target, store: Store) -> Built | None:
        for name in read_chain().deployed:
            try:
                with cloud_target(name).registry(PATIENCE) as registry:
                    bus.note(f"asking the registry of {name} for the {target.name}")
                    if found := remote.fetch(registry, target, store):
                        return found
            except TokenMissing:
                continue
            except DeployError as failed:
                bus.note(f"the registry of {name} was not used: {str(failed)[:200]}")
        return None

    return bring


def built(bus: Bus, source: Source, languages: str, environment: str = "", elsewhere: Elsewhere = nowhere) -> Outcome:
    """Build the artifact of a commit and emit the event."""
    outcome = build_artifact(
        ROOT, source, environment, languages,
        host=lambda: docker_host(bus.note), tell=bus.note, elsewhere=elsewhere,
    )  # fmt: skip
    manifest = outcome.manifest
    done = events.Built(
        version=manifest.version,
        sha=manifest.sha,
        image=manifest.image,
        frontend=manifest.frontend,
        reused=not outcome.made,
    )
    bus.emit(done)
    return outcome


VERBS = (build,)
