"""A project of its own to break: a copy of this tree as a fresh repository, with its own rehearsal.

Verbs run as a person types them, in processes of their own. Needs a Docker engine; `nox -s deploy` sees to it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.ledger import Evidence, Ledger, Suite

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """A repository with a rehearsal."""

    place: Path
    state: Path

    def git(self, *arguments: str) -> str:
        """Output of git in the repository."""
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@codecanvas.invalid"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.place, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, message: str, *changes: tuple[str, str, str]) -> str:
        """Commit changes, each (path, old text, new text); returns the sha."""
        for path, old, new in changes:
            file = self.place / path
            text = file.read_text()
            assert old in text, f"{file} no longer has {old!r}"
            file.write_text(text.replace(old, new, 1))
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def invoke(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run a verb and assert its exit code."""
        environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
        environment["CODECANVAS_REHEARSAL_DIR"] = str(self.state)
        # Late, as the provider's edge, but not by seconds in each of some fifty rollouts; the bench's test has those.
        environment.setdefault("CODECANVAS_REHEARSAL_LAG", "0.3")
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            cwd=self.place, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, (
            f"invoke {' '.join(arguments)} → {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done

    def status(self) -> dict[str, Any]:
        """`invoke status --rehearsal --json`."""
        return dict(json.loads(self.invoke("status", "--rehearsal", "--json").stdout))

    def prove(self, environment: str) -> None:
        """Record that what an environment serves passed a suite, without running one: `first` has seen them run."""
        serves = self.status()[environment]
        evidence = Evidence(
            environment=environment,
            commit_sha=serves["commitSha"],
            image=serves["image"],
            frontend=serves["frontend"],
            at=datetime.now(UTC),
            by="a test",
            suites=(Suite("integration", 1, 0, 0.1),),
        )
        Ledger(self.state / "ledger.git", environment, str(self.state / "remote.git")).prove(evidence)

    def report(self) -> dict[str, Any]:
        """What the last rehearsal wrote."""
        return dict(json.loads((self.state / "report.json").read_text()))


def copied(scratch: Path) -> Project:
    """A copy of this tree as a fresh repository in `scratch`, its builds and packages shared with this tree."""
    place = scratch / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    # Builds are by commit, so both may keep them in one place; packages are locked, so both may use them.
    for shared in ("dist", "frontend/node_modules", ".tools"):
        (ROOT / shared).mkdir(parents=True, exist_ok=True)
        (place / shared).symlink_to(ROOT / shared)
    project = Project(place, scratch / "state")
    project.git("init", "--quiet", "--initial-branch=main")
    project.commit("A tree to break")
    return project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The copy, with its rehearsal's platforms stopped at the end."""
    project = copied(tmp_path_factory.mktemp("project"))
    try:
        yield project
    finally:
        project.invoke("rehearse", "--down")


@pytest.fixture(scope="session")
def first(project: Project) -> str:
    """A commit that was rehearsed: staging and production have served it."""
    sha = project.git("rev-parse", "HEAD")
    project.invoke("rehearse")
    return sha


@pytest.fixture(scope="session")
def second(project: Project, first: str) -> str:
    """Another, after it."""
    said = ("A program may use these", "Programs may use these")  # a part of the page that loads later
    sha = project.commit(
        "Say more", ("README.md", "# codecanvas", "# codecanvas."), ("frontend/src/canvas/dialogs.ts", *said)
    )
    project.invoke("build", "--languages", "core")
    project.invoke("deploy", "--env", "staging", "--rehearsal")
    project.prove("staging")
    project.invoke("approve", "--sha", sha, "--yes", "all", "--rehearsal")
    project.invoke("promote", "--sha", sha, "--rehearsal")
    return sha
