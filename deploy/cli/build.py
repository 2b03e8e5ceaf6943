"""The verb that builds the artifact of a commit: image and page, the same for every environment."""

from __future__ import annotations

from invoke.context import Context

from deploy.artifacts import Manifest, Source, read_source
from deploy.artifacts import build as build_artifact
from deploy.artifacts.selection import select_languages
from deploy.cli.wrapper import verb
from deploy.errors import UsageError
from deploy.events.bus import Bus
from deploy.events.console import print_json
from deploy.events.events import Built
from deploy.settings.environments import ROOT, environment_names
from deploy.workstation import docker_host

LANGUAGES = "languages in the image: all, core, or comma-separated names"


@verb(
    help={
        "env": "write the page directory of this environment only (default: of each). The artifact is the same for all",
        "languages": f"{LANGUAGES} (default: all)",
        "json": "print the manifest as JSON",
    }
)
def build(context: Context, env: str = "", languages: str = "all", json: bool = False) -> None:
    """Build the backend image and the page of this commit; every environment receives the same bytes."""
    names = environment_names()
    if env and env not in names:
        raise UsageError(f"unknown environment {env!r}; use one of {', '.join(names)}")
    bus: Bus = context.bus
    source = read_source(ROOT)
    select_languages(languages)  # a name that there is not is wrong use, said before anything is begun
    with bus.step(f"build {source.version}"):
        manifest, reused = built(bus, source, languages, env)
    if json:
        print_json(manifest.to_json())
        return
    place = f"dist/{source.label}"
    bus.say(f"{'already built' if reused else 'built'}: {place}/manifest.json")
    for name in [env] if env else names:
        bus.say(f"page     {place}/site/{name}")
    bus.say(f"languages {', '.join(manifest.languages)}")
    bus.say(f"image    {manifest.image}  {manifest.sizes['image'] / 1e6:.0f} MB")
    bus.say(f"frontend {manifest.frontend}")
    if source.dirty:
        bus.say("the working tree differs from its commit: this build can be deployed to staging, but never promoted")


def built(bus: Bus, source: Source, languages: str, environment: str = "") -> tuple[Manifest, bool]:
    """Build the artifact of a commit and emit the event; returns it, and whether it had been built before."""
    manifest, reused = build_artifact(
        ROOT, source, environment, languages, host=lambda: docker_host(bus.note), tell=bus.note
    )
    done = Built(
        version=manifest.version,
        sha=manifest.sha,
        image=manifest.image,
        frontend=manifest.frontend,
        reused=reused,
    )
    bus.emit(done)
    return manifest, reused


VERBS = (build,)
