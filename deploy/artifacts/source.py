"""The source of an artifact: commit, version, and whether the working tree differs from the commit."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import UsageError
from deploy.git import Answer
from deploy.git import git as run_git

SHOWN = 5  # shas that an error lists


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
    done = run_git(root, *arguments)
    if not done.ok:
        raise UsageError(_failed(root, arguments, done))
    return done.text


def read_source(root: Path) -> Source:
    """The commit that is checked out, and the version that pyproject.toml gives it."""
    sha = git(root, "rev-parse", "HEAD")
    dirty = bool(git(root, "status", "--porcelain"))
    branch = git(root, "rev-parse", "--abbrev-ref", "HEAD")
    with (root / "pyproject.toml").open("rb") as file:
        number = tomllib.load(file)["project"]["version"]
    return Source(sha, f"{number}+{sha[:12]}{'.dirty' if dirty else ''}", dirty, branch)


def resolve_sha(root: Path, given: str, known: Iterable[str] = ()) -> str:
    """The whole sha of a commit given by (short) sha or name.

    `known` are shas of releases (a ledger's, or those built here); they are asked first, so that a release can be named
    whose commit this clone never had (it is shallow) or has lost (amended and collected). Raises UsageError when there
    is no such commit, when several begin alike (it lists them), and with git's own words when git fails.
    """
    if re.fullmatch(r"[0-9a-fA-F]{4,40}", given):
        found = sorted({sha for sha in known if sha.startswith(given.lower())})
        if len(found) == 1:
            return found[0]
        if found:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise UsageError(
                f"{given!r} begins {len(found)} releases: {', '.join(found[:SHOWN])}{more}; give more digits of one"
            )
    arguments = ("rev-parse", "--verify", "--quiet", f"{given}^{{commit}}")
    done = run_git(root, *arguments)
    if done.ok:
        return done.text
    if done.code != 1:  # 1: there is no such commit; anything else is git's own trouble
        raise UsageError(_failed(root, arguments, done))
    among = f" ({' '.join(done.said.split())})" if done.said else ""  # several begin alike: git lists them
    raise UsageError(f"{given!r} names no single commit of this repository{among}; give the sha that `git log` shows")


def built_shas(root: Path) -> Iterator[str]:
    """The commits whose artifacts were built here, and are there still."""
    for manifest in sorted((root / "dist").glob("*/manifest.json")):
        if re.fullmatch(r"[0-9a-f]{40}", manifest.parent.name):
            yield manifest.parent.name


def _failed(root: Path, arguments: tuple[str, ...], done: Answer) -> str:
    said = done.said or f"exit code {done.code}"
    command = f"git {' '.join(arguments)}"
    return f"{command} (in {root}): {said}; fix that (a clone with a commit is needed), then run this again"
