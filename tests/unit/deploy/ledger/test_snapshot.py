"""What a snapshot says of a ledger, and what of it has to be read for that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Intent, Launches, Snapshot, Status
from deploy.ledger.encoding import encode
from deploy.ledger.snapshot import appended
from deploy.settings.policy import Strategy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INFO = DeploymentInfo("d1", "staging", "0.1.0", "a" * 40, NOW, "me", Status.PENDING, "sha256:i", "sha256:f")


class Watched(Mapping[str, bytes]):
    """Files that remember which of them were read."""

    def __init__(self, files: Mapping[str, bytes | None]) -> None:
        self.all = {path: body for path, body in files.items() if body is not None}
        self.read: list[str] = []

    def __getitem__(self, path: str) -> bytes:
        if path in self.all:
            self.read.append(path)
        return self.all[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)


def ledger(*infos: DeploymentInfo, old_names: bool = False) -> Snapshot:
    """A ledger that these were appended to, one after the other; `old_names` leave a deployment's id out."""
    files: dict[str, bytes | None] = {}
    for info in infos:
        made = appended(Snapshot("c", {path: body for path, body in files.items() if body is not None}), info)
        if old_names:
            made = {path.replace(f"-{info.id}-", "-"): body for path, body in made.items()}
        files |= made
    return Snapshot("c", Watched(files))


def read(snapshot: Snapshot) -> list[str]:
    assert isinstance(snapshot.files, Watched)
    return snapshot.files.read


def deployed(count: int) -> list[DeploymentInfo]:
    """Pending and deployed, of so many deployments of the same commit."""
    made = (replace(INFO, id=f"d{number}", version=f"0.{number}.0") for number in range(count))
    return [replace(each, status=status) for each in made for status in (Status.PENDING, Status.DEPLOYED)]


def test_events_are_numbered_in_order_and_name_what_they_are() -> None:
    paths = ledger(*deployed(2)).paths("events")
    assert paths == [
        "events/000001-d0-aaaaaaaaaaaa-pending.json",
        "events/000002-d0-aaaaaaaaaaaa-deployed.json",
        "events/000003-d1-aaaaaaaaaaaa-pending.json",
        "events/000004-d1-aaaaaaaaaaaa-deployed.json",
    ]


@pytest.mark.parametrize("old_names", [False, True])
def test_an_event_that_is_there_is_not_appended_again(old_names: bool) -> None:
    there = ledger(*deployed(3), old_names=old_names)
    for info in deployed(3):
        assert there.recorded(info)
        assert appended(there, replace(info, deployed_by="again")) == {}
    assert not there.recorded(replace(INFO, id="d1", status=Status.FAILED))
    assert not there.recorded(replace(INFO, id="d9"))


def test_two_ids_that_a_files_name_cannot_tell_apart_are_two_deployments() -> None:
    first, second = replace(INFO, id="a b"), replace(INFO, id="a/b")
    there = ledger(first)
    assert not there.recorded(second)
    (path,) = appended(there, second)
    assert path == "events/000002-a_b-aaaaaaaaaaaa-pending.json"


def test_an_event_that_somebody_removed_frees_no_number() -> None:
    there = ledger(*deployed(3))
    files = {path: there.files[path] for path in there.paths("events")[1:]}
    (path,) = appended(Snapshot("c", files), replace(INFO, id="new"))
    assert path.startswith("events/000007-")


def test_what_somebody_named_by_hand_takes_no_number() -> None:
    there = ledger(*deployed(1))
    files = {**{path: there.files[path] for path in there.files}, "events/zz-by-hand.txt": b""}
    (path,) = appended(Snapshot("c", files), replace(INFO, id="new"))
    assert path.startswith("events/000004-")


def test_appending_reads_no_event() -> None:
    there = ledger(*deployed(50))
    assert appended(there, replace(INFO, id="new"), replace(INFO, id="new", status=Status.DEPLOYED))
    assert read(there) == []


@pytest.mark.parametrize("old_names", [False, True])
def test_what_serves_is_the_last_one_deployed_and_only_that_is_read(old_names: bool) -> None:
    failed = [replace(INFO, id="bad", status=status) for status in (Status.PENDING, Status.FAILED)]
    there = ledger(*deployed(50), *failed, old_names=old_names)
    current = there.current()
    assert current is not None
    assert current.version == "0.49.0"
    assert len(read(there)) == 1
    assert ledger(*failed).current() is None


def test_a_name_that_says_nothing_is_read() -> None:
    files = {f"events/{number:06d}.json": encode(each) for number, each in enumerate(deployed(2))}
    there = Snapshot("c", files)
    current = there.current()
    assert current is not None
    assert current.id == "d1"
    assert there.recorded(deployed(1)[0])


def test_a_launch_that_serves_is_known_by_one_event() -> None:
    there = ledger(*deployed(50))
    launches = Launches(there)
    assert "d49" in launches
    assert len(read(there)) == 1
    assert "d48" in launches
    assert len(read(there)) < 12
    assert "of another ledger" not in launches
    assert set(launches) == {f"d{number}" for number in range(50)}


def test_launches_of_what_is_half_way_and_more_are_known() -> None:
    old, new = replace(INFO, launch="old"), replace(INFO, id="d2", launch="new")
    there = Snapshot("c", {"intent.json": encode(Intent("promote", new, old, Strategy.BLUEGREEN, 1))})
    assert set(Launches(there)) == {"old", "new"}
    assert set(Launches(there) | {"more"}) == {"old", "new", "more"}
    assert Launches(there) - {"old"} == {"new"}
    assert len(Launches(Snapshot("", {}))) == 0


def test_more_launches_are_still_read_as_they_are_asked_for() -> None:
    there = ledger(*deployed(50))
    launches = Launches(there) | {"mine"}
    assert "mine" in launches
    assert len(read(there)) < 12
    assert "d0" in launches


def test_every_commit_that_was_deployed_or_proven_is_told() -> None:
    there = ledger(INFO)
    files = {**{path: there.files[path] for path in there.files}, f"evidence/{'b' * 40}.json": b"{}"}
    assert Snapshot("c", files).shas() == {"a" * 40, "b" * 40}


def test_a_configuration_that_is_none_is_named() -> None:
    there = Snapshot("c", {"configs/a.json": b"{}", "configs/b.json": b"[1]"})
    assert (there.config("a"), there.config("none")) == ({}, None)
    with pytest.raises(LedgerError, match=r"configs/b\.json in the ledger is damaged \(it is not an object\)"):
        there.config("b")


def test_json_is_the_seeds() -> None:
    (body,) = (json.loads(content or b"") for content in appended(Snapshot("", {}), INFO).values())
    for key in ("environment", "version", "commitSha", "deployedAt", "deployedBy", "status"):
        assert body[key]
    assert body["status"] == "pending"
