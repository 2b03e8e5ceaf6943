"""Verbs about this machine and this clone: up, doctor, clean, lock."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from deploy import interrupts, processes
from deploy.errors import DeployError, UsageError
from deploy.lazy import lazy
from deploy.settings.environments import ROOT
from deploy.workstation.browsers import BROWSERS, find
from deploy.workstation.namespaces import COMMAND, restricted
from deploy.workstation.packages import NEEDS, SYSTEM_PATH, missing
from deploy.workstation.servers import SERVERS, find_server

if TYPE_CHECKING:
    from deploy import local
    from deploy.release.setup import run as setting
    from deploy.release.setup import things
else:
    local = lazy("deploy.local")
    setting, things = lazy("deploy.release.setup.run"), lazy("deploy.release.setup.things")


from invoke.context import Context
from invoke.exceptions import Exit
from rich.table import Table
from rich.text import Text

from deploy.cli.options import REHEARSAL, target_of
from deploy.cli.setup import line
from deploy.cli.wrapper import verb
from deploy.disk import KEEP, Cleaning, cleaning
from deploy.events.bus import Bus
from deploy.events.console import print_json, print_result
from deploy.target import Target


@verb(
    help={
        "dry": "show what would be removed; remove nothing",
        "all": "remove every build, and this clone's rehearsal unless it is running",
        "json": "print as JSON",
    }
)
def clean(context: Context, dry: bool = False, all: bool = False, json: bool = False) -> None:
    """Remove old builds, images and caches; the builds used last and everything that is running are kept."""
    bus: Bus = context.bus
    with cleaning(everything=all) as found:
        if not dry:
            for waste in found.waste:
                with bus.step(f"remove {waste.kind} {waste.name}"):
                    waste.remove()
    if json:
        things = [one.to_json() for one in found.waste]
        print_json({"dry": dry, "keep": 0 if all else KEEP, "bytes": found.bytes, "waste": things, "kept": found.kept})
        return
    if found.waste:
        print_result(_table(found))
    for sentence in found.kept:
        bus.say(f"kept {sentence}")
    bus.say(_summary(found, dry=dry, everything=all))


def _summary(found: Cleaning, *, dry: bool, everything: bool) -> str:
    if not found.waste:
        return "nothing to remove"
    total = f"{len(found.waste)} items, {found.bytes / 1e6:.0f} MB"
    if dry:
        again = "invoke clean --all" if everything else "invoke clean"
        return f"would remove {total}; nothing was removed. To remove it: {again}"
    return f"removed {total}"


def _table(found: Cleaning) -> Table:
    table = Table(box=None)
    table.add_column("what")
    table.add_column("name")
    table.add_column("MB", justify="right")
    table.add_column("why")
    for one in found.waste:
        table.add_row(one.kind, Text(one.name), f"{one.bytes / 1e6:.1f}", one.why)
    return table


@verb(help={"port": "port to serve on (default: 10100, as .env.local says)"})
def up(context: Context, port: int = 0) -> None:
    """Serve the page and the API on this machine, without Docker, until interrupted."""
    bus: Bus = context.bus
    with local.serving(bus.note, port or None) as config:
        bus.say(f"page and API at {config.frontend_url}  (stop with Ctrl+C)")
        with interrupts.explained_by(lambda: f"stopped serving {config.frontend_url}"):
            while True:
                time.sleep(3600)


@verb(
    help={
        "env": "instead of this machine, look at all that this environment needs at its providers",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
def doctor(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Show what this machine lacks, or with --env an environment (exit 1 for any); each with what to do about it."""
    if env:
        _examine(context.bus, target_of(env, rehearsal), json)
        return
    if rehearsal:
        raise UsageError("--rehearsal is about an environment: invoke doctor --env NAME --rehearsal")
    found = {name: missing(name) for name in NEEDS}
    servers = {name: there.how if (there := find_server(name)) else None for name in SERVERS}
    browsers = {name: taken.how if (taken := find(name, SYSTEM_PATH)) else None for name in BROWSERS}
    if json:
        wanting = {name: programs for name, programs in found.items() if programs}
        print_json({"missing": wanting, "servers": servers, "browsers": browsers, "namespaces": not restricted()})
        return
    for name, need in NEEDS.items():
        lacking = found[name]
        print_result(f"{'✗' if lacking else '✓'} {name}: {need.why}")
        if lacking:
            print_result(f"    lacks {', '.join(lacking)}; sudo apt-get install -y {' '.join(need.packages)}")
        for program in need.programs:
            if told := browsers.get(program):
                print_result(f"    {program}: {told}")
    if restricted():
        print_result(f"✗ namespaces: plain users are kept from them, and programs cannot be sandboxed; {COMMAND}")
    for name, how in servers.items():
        print_result(f"{'✓' if how else '·'} {name}: {how or 'fetched into .tools/ when first needed'}")


def _examine(bus: Bus, target: Target, json: bool) -> None:
    """Look at all that the environment needs, and show it; raises Exit where something is missing or wrong."""
    checked = setting.look_at(target, things.things_of(target, bus))
    if json:
        print_json(setting.report(target, checked))
    else:
        for each in checked:
            print_result(Text(line(each)))
    if not setting.healthy(checked):
        raise Exit(code=1)


@verb(help={"upgrade": "upgrade to the newest versions that pyproject.toml allows"})
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
        context.bus.say(f"requirements/{group}.txt")


VERBS = (up, doctor, clean, lock)
