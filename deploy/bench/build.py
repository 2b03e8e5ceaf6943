"""Measures `invoke build` beside Turborepo and Nx: each does nothing, because nothing has changed, in turn.

The equivalent tree has the same sources in three packages (page, service, docs), whose build copies them: what is
compared is how long a tool takes to find out that there is nothing to do, not what a build takes. Turborepo and Nx run
as they come, Nx with its daemon. Then, ours alone: a change of the service, of the page, of the docs, and a second
clone.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.artifacts.source import git
from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.processes import run
from deploy.settings.environments import ROOT

PEERS = Path(__file__).with_name("peers")
OURS, TURBO, NX, LISTED, INVOKE = "build", "turbo", "nx", "list", "invoke_list"
PACKAGES = {"page": "frontend/src", "service": "backend/runner", "docs": "docs"}
COPY = "node -e \"require('fs').cpSync('src','dist',{recursive:true})\""
CHANGES = {
    "service": ("backend/runner/settings.py", "\n# measured {}\n"),
    "page": ("frontend/src/404.html", "<!-- measured {} -->\n"),
    "docs": ("docs/canvas.md", "\nmeasured {}\n"),
}


@dataclass(frozen=True)
class Times:
    """Seconds of one command, round by round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    def ratio(self, other: Times) -> tuple[float, float, float]:
        """How many times as long as `other`, round by round: the middle one, the least and the most."""
        found = [ours / theirs for ours, theirs in zip(self.seconds, other.seconds, strict=True)]
        return statistics.median(found), min(found), max(found)


@dataclass(frozen=True)
class Report:
    """What was measured: doing nothing, side by side; and each change: seconds, and the targets that it made."""

    idle: dict[str, Times]
    changed: dict[str, Times]
    made: dict[str, tuple[str, ...]]
    second_clone: float

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it. Seconds are medians; ratios are [middle, least, most] of the rounds."""
        body: dict[str, Any] = {
            "noop_seconds": self.idle[OURS].median,
            "turbo_noop_seconds": self.idle[TURBO].median,
            "nx_noop_seconds": self.idle[NX].median,
            "list_seconds": self.idle[LISTED].median,
            "invoke_list_seconds": self.idle[INVOKE].median,
            "second_clone_seconds": self.second_clone,
        }
        body |= {f"change_{name}_seconds": times.median for name, times in self.changed.items()}
        body = {name: round(seconds, 3) for name, seconds in body.items()}
        pairs = {"noop_to_turbo": (OURS, TURBO), "noop_to_nx": (OURS, NX), "list_to_invoke_list": (LISTED, INVOKE)}
        ratios = {name: self.idle[ours].ratio(self.idle[theirs]) for name, (ours, theirs) in pairs.items()}
        return body | {
            "ratios": {name: [round(each, 2) for each in ratio] for name, ratio in ratios.items()},
            "made": {name: list(targets) for name, targets in self.made.items()},
            "rounds": len(self.idle[OURS].seconds),
        }


def bench_build(rounds: int, languages: str, bus: Bus) -> Report:
    """Measure in clones of what is committed; this clone is not touched. Raises UsageError for a dirty tree."""
    if rounds < 1:
        raise UsageError(f"--rounds {rounds}: give 1 or more")
    if git(ROOT, "status", "--porcelain"):
        raise UsageError("the working tree differs from its commit; commit or stash, so that clones have what you have")
    with tempfile.TemporaryDirectory(prefix="codecanvas-bench-") as scratch:
        place = Path(scratch)
        with bus.step("clone and build once"):
            clone = _clone(place / "clone")
            _build(clone, languages)
        with bus.step("install Turborepo and Nx"):
            tree = _tree(place / "tree", clone)
        with _nx_ended(tree):
            idle = _idle(rounds, languages, clone, tree, bus)
        with bus.step("a second clone"):
            second = _clone(place / "second")
            begun = time.monotonic()
            made = {"second_clone": _build(second, languages)}
            second_clone = time.monotonic() - begun
        changed: dict[str, Times] = {}
        for name in CHANGES:
            with bus.step(f"a change of the {name}"):
                changed[name], made[name] = _changed(rounds, name, languages, clone)
    return Report(idle, changed, made, second_clone)


def _clone(place: Path) -> Path:
    """A clone that shares what this one installed: the environment of Python, and the page's packages."""
    git(ROOT, "clone", "--quiet", str(ROOT), str(place))
    for name in (".venv", ".tools", "frontend/node_modules"):
        if (ROOT / name).exists():
            (place / name).symlink_to(ROOT / name)
    return place


def _tree(place: Path, clone: Path) -> Path:
    """The equivalent tree, built once by both tools."""
    for name, sources in PACKAGES.items():
        shutil.copytree(clone / sources, place / "packages" / name / "src")
        package = {"name": name, "version": "1.0.0", "scripts": {"build": COPY}}
        (place / "packages" / name / "package.json").write_text(json.dumps(package))
    peers = json.loads((PEERS / "package.json").read_text())
    settings = {"workspaces": ["packages/*"], "packageManager": "npm@11.0.0"}
    task = {"inputs": ["src/**"], "outputs": ["dist/**"]}
    (place / "turbo.json").write_text(json.dumps({"tasks": {"build": task}}))
    nx = {"inputs": ["{projectRoot}/src/**"], "outputs": ["{projectRoot}/dist"], "cache": True}
    (place / "nx.json").write_text(json.dumps({"targetDefaults": {"build": nx}, "analytics": False}))
    (place / ".gitignore").write_text("node_modules\ndist\n.turbo\n.nx\n")
    with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
        installed = Path(scratch) / "peers"
        shutil.copytree(PEERS, installed)
        _run([_bin("npm"), "ci", "--no-audit", "--no-fund"], installed)
        shutil.move(installed / "node_modules", place / "node_modules")
    (place / "package.json").write_text(json.dumps(peers | settings))
    git(place, "init", "--quiet")
    git(place, "add", "--all")
    git(place, "-c", "user.name=bench", "-c", "user.email=bench@codecanvas.invalid", "commit", "--quiet", "-m", "tree")
    for command in (_turbo(place), _nx(place)):
        _run(command, place)
    return place


def _turbo(tree: Path) -> list[str]:
    return [str(tree / "node_modules/.bin/turbo"), "run", "build"]


def _nx(tree: Path) -> list[str]:
    return [str(tree / "node_modules/.bin/nx"), "run-many", "-t", "build"]


@contextlib.contextmanager
def _nx_ended(tree: Path) -> Iterator[None]:
    """Nx leaves a daemon behind; it ends with the block."""
    try:
        yield
    finally:
        with contextlib.suppress(DeployError):
            _run([str(tree / "node_modules/.bin/nx"), "daemon", "--stop"], tree)


def _idle(rounds: int, languages: str, clone: Path, tree: Path, bus: Bus) -> dict[str, Times]:
    """Each command where nothing is to be done, in turn, so that all meet the same moments of the machine."""
    bare = tree.parent / "bare"
    bare.mkdir()
    (bare / "tasks.py").write_text("from invoke import task\n\n@task\ndef build(context): 'Build.'\n")
    commands: dict[str, Callable[[], object]] = {
        OURS: lambda: _run(["./dev", "invoke", "build", "--languages", languages], clone),
        TURBO: lambda: _run(_turbo(tree), tree),
        NX: lambda: _run(_nx(tree), tree),
        LISTED: lambda: _run(["./dev", "invoke", "--list"], clone),
        INVOKE: lambda: _run([_bin("invoke"), "--list"], bare),
    }
    for command in commands.values():
        command()  # the first is not counted: files come from the disk
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    with bus.step(f"do nothing, {rounds} times each"):
        for number in range(rounds):
            bus.note(f"round {number + 1} of {rounds}")
            for name, command in commands.items():
                begun = time.monotonic()
                command()
                seconds[name].append(time.monotonic() - begun)
    return {name: Times(tuple(found)) for name, found in seconds.items()}


def _changed(rounds: int, name: str, languages: str, clone: Path) -> tuple[Times, tuple[str, ...]]:
    """A change that was never built, some times: seconds, and the targets that were made each time."""
    path, text = CHANGES[name]
    seconds: list[float] = []
    made: set[str] = set()
    for _ in range(min(rounds, 5)):
        with (clone / path).open("a") as file:
            file.write(text.format(time.time_ns()))
        begun = time.monotonic()
        made.update(_build(clone, languages))
        seconds.append(time.monotonic() - begun)
    git(clone, "checkout", "--quiet", "--", path)
    return Times(tuple(seconds)), tuple(sorted(made))


def _build(clone: Path, languages: str) -> tuple[str, ...]:
    """Build; the targets that were made."""
    said = _run(["./dev", "invoke", "build", "--languages", languages, "--explain", "--json"], clone)
    return tuple(target["target"] for target in json.loads(said)["targets"] if target["made"])


def _bin(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(command: Sequence[str], place: Path) -> str:
    """Run a command as a person would; its output. Raises DeployError with its last words."""
    quiet = {"TURBO_TELEMETRY_DISABLED": "1", "NX_NO_CLOUD": "true", "NX_TUI": "false", "NO_UPDATE_NOTIFIER": "1"}
    environment = {**os.environ, **quiet, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    environment.pop("VIRTUAL_ENV", None)
    done = run(command, cwd=place, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise DeployError(f"`{' '.join(map(str, command))}` failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout
