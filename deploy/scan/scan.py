"""One scan: all places, all findings but those that somebody said are no secrets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deploy.ledger.app_secrets import AppSecret
from deploy.scan.known import app_secrets, known
from deploy.scan.places import Named, Seen, builds, history, ledger, logs, named_in_commits, work_tree
from deploy.scan.search import Found, Searcher
from deploy.scan.unpack import Looker


@dataclass(frozen=True)
class Finding:
    """A secret, where it stands: file, line (from 1; 0 in a name), kind. Never the secret."""

    place: str
    file: str
    line: int
    kind: str
    mark: str = field(default="", repr=False)

    def to_json(self) -> dict[str, Any]:
        """As `secrets scan --json` prints it."""
        return {"place": self.place, "file": self.file, "line": self.line, "kind": self.kind}


@dataclass(frozen=True)
class Result:
    """What a scan found, without what is said to be no secret; `seconds` are those of each place."""

    findings: tuple[Finding, ...]
    seconds: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """As `secrets scan --json` prints it."""
        return {"findings": [each.to_json() for each in self.findings], "seconds": self.seconds}


def scan(
    root: Path,
    state: Path,
    environments: Iterable[str],
    secrets: dict[str, Iterable[AppSecret]],
    none: Container[str],
    *,
    commits: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """Look at the clone `root` and its rehearsal `state`; `commits` for all of git's objects.

    `secrets` are those of the environments' ledgers, `none` the marks of what is no secret. Raises ConfigurationError
    for a file of secrets that others may read, DeployError where git fails.
    """
    searcher = Searcher(known(root, state, environments), app_secrets(root, secrets))
    looker = Looker(searcher)
    findings: list[Finding] = []
    seconds: dict[str, float] = {}
    for place, streams in _places(root, state, commits):
        begun = time.monotonic()
        findings += (each for each in _look(looker, place, streams) if each.mark not in none)
        seconds[place] = round(time.monotonic() - begun, 2)
        tell(f"{place}: {seconds[place]:.1f} s")
    return Result(tuple(dict.fromkeys(findings)), seconds)


def _places(root: Path, state: Path, commits: bool) -> Iterator[tuple[str, Iterator[Named]]]:
    seen = Seen()
    yield "repository", work_tree(root, seen)
    yield "ledger", itertools.chain(ledger(root, seen), *(history(at, seen) for at in _ledgers(state)))
    if commits:
        yield "history", history(root, seen)
    yield "dist", builds(root / "dist", seen)
    kept = (logs(at, beside, seen) for at, beside in ((root / "dist/logs", root), (state / "logs", state.parent)))
    yield "logs", itertools.chain(*kept, logs(state / "report.json", state.parent, seen))


def _ledgers(state: Path) -> list[Path]:
    return [at for at in (state / "remote.git", state / "ledger.git") if (at / "HEAD").exists()]


def _look(looker: Looker, place: str, streams: Iterator[Named]) -> Iterator[Finding]:
    """Findings of a place; those in git's objects get their names at its end, when all are known."""
    unnamed: list[tuple[Named, Finding]] = []
    for named in streams:
        hidden = looker.searcher.hidden(named.name)
        if hidden != named.name:
            yield Finding(place, hidden, 0, "secret in a name")
        for name, found in looker.look(named.name, named.stream):
            finding = _finding(place, looker, name, found)
            if named.object:
                unnamed.append((named, finding))
            else:
                yield finding
    paths: dict[str, str] = {}
    for repository, several in itertools.groupby(unnamed, lambda each: each[0].repository):
        if repository:
            paths |= named_in_commits(repository, {named.object for named, _ in several})
    for named, finding in unnamed:
        file = finding.file.replace(named.name, looker.searcher.hidden(paths[named.object]), 1)
        yield replace(finding, file=file)


def _finding(place: str, looker: Looker, name: str, found: Found) -> Finding:
    return Finding(place, looker.searcher.hidden(name), found.line, found.kind, found.mark)
