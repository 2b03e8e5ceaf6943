"""The ledger of one environment as it was at one commit, and what to add to it. Pure: nothing here calls git."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.ledger import intent, lock
from deploy.ledger.encoding import R, damaged, decode, encode, record_from
from deploy.ledger.intent import Intent
from deploy.ledger.lock import Lock
from deploy.ledger.records import DeploymentInfo, Evidence, Status
from deploy.ledger.tree import Tree

EVENTS = "events"


@dataclass(frozen=True)
class Snapshot:
    """One environment's ledger at one commit (`""` when it has none yet): path → contents, read when asked for."""

    commit: str
    files: Mapping[str, bytes]

    def read(self, path: str) -> Any:
        """A file's JSON, None when there is none; raises LedgerError when it is damaged."""
        content = self.files.get(path)
        return None if content is None else decode(content, path)

    def record(self, kind: type[R], path: str) -> R | None:
        """The record in a file, None when there is none; raises LedgerError when it is damaged."""
        body = self.read(path)
        return None if body is None else record_from(kind, body, path)

    def records(self, kind: type[R], paths: Iterable[str]) -> list[R]:
        """The records in these files, read at once; raises LedgerError when one is damaged."""
        paths = list(paths)
        if isinstance(self.files, Tree):
            self.files.fetch(paths)
        found = (self.record(kind, path) for path in paths)
        return [each for each in found if each is not None]

    def paths(self, folder: str) -> list[str]:
        """The paths of the files in a folder (`approvals`), sorted; no file is read."""
        if isinstance(self.files, Tree):
            return [f"{folder}/{name}" for name in self.files.names(folder)]
        return sorted(path for path in self.files if path.startswith(f"{folder}/"))

    def events(self) -> list[DeploymentInfo]:
        """Every deployment event, oldest first. Reads all: see `current`, `recorded` and `Launches` for less."""
        return list(self._events)

    @functools.cached_property
    def _events(self) -> list[DeploymentInfo]:
        return self.records(DeploymentInfo, self.paths(EVENTS))

    def recorded(self, info: DeploymentInfo) -> bool:
        """Whether this outcome of this deployment is there already."""
        old, new = f"{_about(info)}.json", f"{_slug(info.id)}-{_about(info)}.json"
        # A name without a dash says nothing, and a name of an earlier version does not hold the deployment's id.
        alike = (path for path in self.paths(EVENTS) if path.partition("-")[2] in ("", old, new))
        return any((each.id, each.status) == (info.id, info.status) for each in self.records(DeploymentInfo, alike))

    def shas(self) -> frozenset[str]:
        """Every commit that was ever deployed here or proven."""
        proven = (path.removeprefix("evidence/").removesuffix(".json") for path in self.paths("evidence"))
        return frozenset(event.commit_sha for event in self.events()) | frozenset(proven)

    def current(self) -> DeploymentInfo | None:
        """The release that serves: the last one deployed."""
        for path in reversed(self.paths(EVENTS)):
            event = self.record(DeploymentInfo, path) if _may_be(path, Status.DEPLOYED) else None
            if event is not None and event.status is Status.DEPLOYED:
                return event
        return None

    def evidence(self, sha: str) -> Evidence | None:
        """What is proven of a commit."""
        return self.record(Evidence, f"evidence/{sha}.json")

    def evidence_for(self, release: DeploymentInfo) -> Evidence | None:
        """What is proven of a release: of its commit, else of another with the same image, page and configuration.

        The same artifact in the same machines behaves the same, whichever commit it is called after.
        """
        own = self._proof(release.commit_sha)
        if own and own.covers(release):
            return own
        alike = {
            event.commit_sha
            for event in self.events()
            if (event.image, event.frontend, event.config) == (release.image, release.frontend, release.config)
            and event.status is Status.DEPLOYED
        }
        others = [proof for sha in sorted(alike) if (proof := self._proof(sha)) and proof.covers(release)]
        return max(others, key=lambda proof: proof.at, default=own)

    def _proof(self, sha: str) -> Evidence | None:
        found = self.evidence(sha)
        return found if found and found.commit_sha == sha else None

    def lock(self) -> Lock | None:
        """The lock, when it is held and has not expired by this machine's clock."""
        held = lock.held_in(self)
        return held if held and held.expires > datetime.now(UTC) else None

    def intent(self) -> Intent | None:
        """The rollout under way, or left half-way by a deployer that was killed."""
        return self.record(Intent, intent.PATH)

    def config(self, digest: str) -> dict[str, Any] | None:
        """A release's machine configuration, None when it is not there; raises LedgerError when it is damaged."""
        path = f"configs/{digest}.json"
        body = self.read(path)
        if body is not None and not isinstance(body, dict):
            raise damaged(path, "", "it is not an object")
        return body


class Launches(Set[str]):
    """The launches that a ledger knows: those of its events, and of what is half-way.

    Asking for one reads the release that serves, then events from the newest on, and only as many as it takes to find
    it. Counting or listing them, and asking for one that is not there, reads all. May raise LedgerError, as every
    reading of a snapshot.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        half_way = snapshot.intent()
        releases = (snapshot.current(), *((half_way.wanted, half_way.previous) if half_way else ()))
        self._known = {release.launch for release in releases if release}
        self._unread = snapshot.paths(EVENTS)
        self._batch = 8

    def __contains__(self, launch: object) -> bool:
        """Whether the ledger knows a launch."""
        while launch not in self._known and self._unread:
            self._read_more()
        return launch in self._known

    def __iter__(self) -> Iterator[str]:
        """All of them."""
        return iter(self._all())

    def __len__(self) -> int:
        """How many."""
        return len(self._all())

    @classmethod
    def _from_iterable(cls, launches: Iterable[Any]) -> frozenset[Any]:
        """What differences, unions and intersections are: plain sets."""
        return frozenset(launches)

    def _all(self) -> set[str]:
        while self._unread:
            self._read_more()
        return self._known

    def _read_more(self) -> None:
        newest = self._unread[-self._batch :]
        self._known |= {event.launch for event in self._snapshot.records(DeploymentInfo, newest)}
        self._unread, self._batch = self._unread[: -self._batch], self._batch * 4


def appended(snapshot: Snapshot, *infos: DeploymentInfo) -> dict[str, bytes | None]:
    """The changes that append these events; those which are there already are left out."""
    there = snapshot.paths(EVENTS)
    numbers = (int(found[1]) for path in there if (found := re.match(rf"{EVENTS}/(\d+)", path)))
    number = max(len(there), *numbers, 0)  # a file that somebody removed frees no number
    changes: dict[str, bytes | None] = {}
    for info in infos:
        if not snapshot.recorded(info):
            number += 1
            changes[f"{EVENTS}/{number:06d}-{_slug(info.id)}-{_about(info)}.json"] = encode(info)
    return changes


def _about(info: DeploymentInfo) -> str:
    """What a name of an event says of it."""
    return f"{info.commit_sha[:12]}-{info.status}"


def _may_be(path: str, status: Status) -> bool:
    """Whether an event may have this status: its name says so, or says none."""
    said = next((each for each in Status if path.endswith(f"-{each}.json")), None)
    return said in (None, status)


def _slug(id_: str) -> str:
    """A deployment's id as a file's name can hold it; two may look alike, so what is in the file decides."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", id_)[:80]
