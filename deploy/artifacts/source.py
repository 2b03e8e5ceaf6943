"""Which source an artifact is made from: commit, version, and whether the tree differs from the commit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import UsageError
from deploy.processes import End, run


@dataclass(frozen=True)
class Source:
    """A commit of this repository. A dirty tree says so in `version` and in `label`."""

    sha: str
    version: str
    dirty: bool
    branch: str

    @property
    def label(self) -> str:
        """Names the artifact's directory and tags: the sha, with -dirty for a tree that differs from it."""
        return f"{self.sha}-dirty" if self.dirty else self.sha


def git(root: Path, *arguments: str) -> str:
    """Output of a git command; raises UsageError with git's words."""
    done = run(["git", *arguments], cwd=root, capture_output=True, text=True, end=End.GENTLY)
    if done.returncode:
        raise UsageError(
            f"git {' '.join(arguments)}: {done.stderr.strip()}; run this in a clone with at least one commit"
        )
    return done.stdout.strip()


def read_source(root: Path) -> Source:
    """The commit that is checked out, and the version that pyproject.toml gives it."""
    sha = git(root, "rev-parse", "HEAD")
    dirty = bool(git(root, "status", "--porcelain"))
    branch = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    with (root / "pyproject.toml").open("rb") as file:
        number = tomllib.load(file)["project"]["version"]
    return Source(sha, f"{number}+{sha[:12]}{'.dirty' if dirty else ''}", dirty, branch)


def resolve_sha(root: Path, given: str) -> str:
    """The whole sha of a commit given by (short) sha or name; raises UsageError unless there is one."""
    command = ["git", "rev-parse", "--verify", "--quiet", f"{given}^{{commit}}"]
    done = run(command, cwd=root, capture_output=True, text=True, end=End.GENTLY)
    if done.returncode:
        raise UsageError(f"{given!r} names no single commit of this repository; give the sha that `git log` shows")
    return done.stdout.strip()
