"""Verbs for people: build, up, rehearse, doctor, lock; joined with those on environments. `./dev invoke --list`."""

from __future__ import annotations

import json as jsonlib
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from deploy import control_tasks, disk_tasks, interrupts, processes, recovery_tasks
from deploy import rehearsal as rehearsals
from deploy import tasks as verbs
from deploy.artifacts import build as build_artifact
from deploy.artifacts import read_source
from deploy.artifacts.selection import select_languages
from deploy.bench_tasks import BENCH
from deploy.cli.wrapper import required, told
from deploy.console import Teller, print_json, print_result
from deploy.disk import cleaning
from deploy.environments import ROOT, load_environment
from deploy.errors import DeployError, UsageError
from deploy.lazy import lazy
from deploy.ledger.identity import who
from deploy.release import breaker
from deploy.release.approvals import approve
from deploy.release.gates import staged
from deploy.target import DEPLOYED, Target
from deploy.tasks import logs_of
from deploy.workstation import docker_host
from deploy.workstation.packages import NEEDS, SERVERS, missing

if TYPE_CHECKING:
    from deploy import local
    from deploy.release import verbs as release
    from deploy.verification import traffic
else:
    local, release = lazy("deploy.local"), lazy("deploy.release.verbs")
    traffic = lazy("deploy.verification.traffic")

RATE = 200  # requests a second while a rehearsal promotes


LANGUAGES = "languages of the image: all, core, or names with commas between"


@task(
    help={
        "env": "environment the build is for: local, staging or production",
        "languages": f"{LANGUAGES} (default: all)",
        "json": "print the manifest as JSON",
    }
)
@told
def build(context: Context, env: str = "", languages: str = "all", json: bool = False) -> None:
    """Build the backend image and the page of this commit; every environment receives the same bytes."""
    name = load_environment(required(env, "--env")).name
    teller: Teller = context.teller
    source = read_source(ROOT)
    select_languages(languages)  # a name that there is not is wrong use, said before anything is begun
    with teller.step(f"build {source.version}"):
        manifest, reused = build_artifact(
            ROOT, source, name, languages, host=lambda: docker_host(teller.note), tell=teller.note
        )
    if json:
        print_json(manifest.to_json())
        return
    place = f"dist/{source.label}"
    teller.say(
        f"{'already built' if reused else 'built'}: {place}/manifest.json; the page for {name}: {place}/site/{name}"
    )
    teller.say(f"languages {', '.join(manifest.languages)}")
    teller.say(f"image    {manifest.image}  {manifest.sizes['image'] / 1e6:.0f} MB")
    teller.say(f"frontend {manifest.frontend}")
    if source.dirty:
        teller.say("the tree differs from its commit: staging takes this, production will not")


@task(help={"port": "port to serve on (default: 10100, as .env.local says)"})
@told
def up(context: Context, port: int = 0) -> None:
    """Serve the page and the API on this machine, without Docker, until interrupted."""
    teller: Teller = context.teller
    with local.serving(teller.note, port or None) as config:
        teller.say(f"page and API at {config.frontend_url}  (stop with Ctrl+C)")
        with interrupts.telling(lambda: f"{config.frontend_url} is served no longer"):
            while True:
                time.sleep(3600)


@task(
    help={
        "up": "only start the platforms",
        "down": "stop the platforms and what was started for them; refused while a verb works on them",
        "force": "with --down: stop them under whoever is at work",
        "languages": f"{LANGUAGES} (default: core)",
    }
)
@told
def rehearse(
    context: Context, up: bool = False, down: bool = False, languages: str = "core", force: bool = False
) -> None:
    """Take this commit from source to production on this machine, with no account; leaves both environments serving."""
    teller: Teller = context.teller
    if force and not down:
        raise UsageError("--force belongs to --down: invoke rehearse --down --force")
    if down:
        teller.say("stopped" if rehearsals.stop(force=force) else "nothing was running")
        return
    with rehearsals.at_work():
        if up:
            with teller.step("start the platforms"):
                rehearsals.start(teller.note)
            return
        again = f"invoke rehearse --languages {languages}"
        with interrupts.telling(lambda: f"the rehearsal stopped before it was done. Run it again: {again}"):
            _rehearse_reported(teller, languages)
    for name in DEPLOYED:
        config = rehearsals.rehearsal_config(name)
        teller.say(f"{name:<10}  page {config.frontend_url}   API {config.api_url}")


def _rehearse_reported(teller: Teller, languages: str) -> None:
    """The whole pipeline; what came of it is in `.rehearsal/report.json`, whatever came."""
    select_languages(languages)
    source = read_source(ROOT)
    if source.dirty:
        raise UsageError(
            "the tree differs from its commit, and production takes only commits; commit or stash the changes first"
        )
    report: dict[str, object] = {
        "ok": False,
        "sha": source.sha,
        "version": source.version,
        "image": None,
        "frontend": None,
    }
    try:
        _rehearse(teller, report, languages)
        report["ok"] = True
    finally:
        report["steps"] = [step.to_json() for step in teller.steps if step.depth == 0]
        report["details"] = [step.to_json() for step in teller.steps if step.depth > 0]
        _write_report(report)
    teller.close()
    teller.table()


def _rehearse(teller: Teller, report: dict[str, object], languages: str) -> None:
    """The pipeline, read aloud."""
    source, logs = read_source(ROOT), logs_of(rehearsal=True)
    with teller.step("start the platforms"):
        rehearsals.start(teller.note)
    configs = {name: rehearsals.rehearsal_config(name) for name in DEPLOYED}
    report["urls"] = {name: {"api": c.api_url, "frontend": c.frontend_url} for name, c in configs.items()}
    with teller.step("build"):
        manifest, _ = build_artifact(
            ROOT, source, "staging", languages, host=lambda: docker_host(teller.note), tell=teller.note
        )
    report["image"], report["frontend"] = manifest.image, manifest.frontend
    staging, production = (rehearsals.rehearsal_target(name) for name in DEPLOYED)
    with teller.step("deploy to staging"):
        release.deploy(staging, ROOT, source.label, teller, logs)
    with teller.step("integration suite on staging"):
        verbs.verify_release(staging, teller)
    with teller.step("approve"):
        _permit(staging, production, source.sha)
    again = release.Options(again_reason="rehearsed again")
    with _counted(production, teller, logs, report), teller.step("promote to production"):
        release.promote(staging, production, source.sha, teller, logs, again)
    _clean(teller)


def _clean(teller: Teller) -> None:
    """Remove what earlier rehearsals left; what could not be removed now is left to the next one, or `invoke clean`."""
    try:
        with cleaning(orphans=False) as found:
            for waste in found.waste:
                waste.remove()
        if found.waste:
            teller.say(f"removed what earlier builds left: {len(found.waste)} things, {found.bytes / 1e6:.0f} MB")
    except DeployError as busy:
        teller.say(f"old builds were not removed: {busy}")


@contextmanager
def _counted(production: Target, teller: Teller, logs: Path, report: dict[str, object]) -> Iterator[None]:
    """Send production requests meanwhile and count the lost; before a first release, from its first answer on."""
    config = production.config
    with traffic.Traffic.start(config.api_url, config.frontend_url, RATE, logs / "rehearse-traffic.json") as sending:
        try:
            yield
        finally:
            counted = sending.stop()
            report["requests"] = counted.to_json()
            teller.say(f"{counted.sent} requests meanwhile, {counted.lost} lost")
            for loss in counted.losses[:5]:
                teller.say(f"  lost: {loss}")


def _permit(staging: Target, production: Target, sha: str) -> None:
    """In a rehearsal, whoever runs it is also who approves, and who says that the last one's failure is mended."""
    deployment = staged(staging.ledger.snapshot(), sha)
    if deployment is not None:
        approve(production.ledger, deployment, who(), ["all"], datetime.now(UTC), "a rehearsal")
    if breaker.read_breaker(production.ledger.snapshot()).opened_at is not None:
        closed = partial(breaker.reset_change, reason="a new rehearsal", by=who())
        production.ledger.write("breaker: reset by a new rehearsal", closed)


def _write_report(report: dict[str, object]) -> None:
    rehearsals.STATE.mkdir(exist_ok=True)
    file = rehearsals.STATE / "report.json"
    temporary = file.with_suffix(".part")
    temporary.write_text(jsonlib.dumps(report, indent=2) + "\n")
    temporary.rename(file)


@task(help={"json": "print as JSON"})
@told
def doctor(context: Context, json: bool = False) -> None:
    """What this machine has, what it lacks, and the command that installs it."""
    found = {name: missing(name) for name in NEEDS}
    servers = {name: bool(shutil.which(name) or (ROOT / ".tools/usr/bin" / name).exists()) for name in SERVERS}
    if json:
        print_json({"missing": {k: v for k, v in found.items() if v}, "servers": servers})
        return
    for name, need in NEEDS.items():
        lacking = found[name]
        print_result(f"{'✗' if lacking else '✓'} {name}: {need.why}")
        if lacking:
            print_result(f"    lacks {', '.join(lacking)}; sudo apt-get install -y {' '.join(need.packages)}")
    for name, there in servers.items():
        print_result(
            f"{'✓' if there else '·'} {name}: {'there' if there else 'unpacked into .tools/ when first needed'}"
        )


@task(help={"upgrade": "take newer versions where pyproject.toml allows them"})
@told
def lock(context: Context, upgrade: bool = False) -> None:
    """Compile pyproject.toml's dependency groups into requirements/*.txt, with hashes."""
    uv = str(Path(sys.executable).with_name("uv"))
    common = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
    common += ["--no-emit-index-url", "--no-header", *(["--upgrade"] if upgrade else [])]
    for group in ("dev", "test", "fuzz", "runner", "uv"):
        constraint = [] if group == "dev" else ["-c", "requirements/dev.txt"]
        command = [*common, "--group", group, *constraint, "-o", f"requirements/{group}.txt"]
        done = processes.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise DeployError(f"requirements/{group}.txt could not be compiled: {done.stderr.strip()}")
        context.teller.say(f"requirements/{group}.txt")


VERBS = (*verbs.VERBS, *recovery_tasks.VERBS, *control_tasks.VERBS, *disk_tasks.VERBS)
namespace = Collection(build, up, rehearse, doctor, lock, *VERBS, BENCH)
