"""The ledger in real git repositories: append-only, compare-and-swap, locked."""

import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Evidence, Ledger, Status, Suite
from deploy.ledger.patience import NONE
from deploy.ledger.records import outcome

SHA = "a" * 40


def repository(path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    return path


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    return repository(tmp_path / "remote.git")


def clone(tmp_path: Path, remote: Path | None, name: str = "clone", environment: str = "staging") -> Ledger:
    place = tmp_path / f"{name}.git"
    where = place if place.exists() else repository(place)
    return Ledger(where, environment, str(remote) if remote else None, patience=NONE)


def info(id_: str = "1", status: Status = Status.PENDING, sha: str = SHA) -> DeploymentInfo:
    return DeploymentInfo(id_, "staging", "0.1.0", sha, datetime.now(UTC), "me", status, "sha256:i", "sha256:f")


@pytest.mark.parametrize("local", [True, False])
def test_events_are_appended_and_read_in_order(tmp_path: Path, remote: Path, local: bool) -> None:
    ledger = clone(tmp_path, None if local else remote)
    assert ledger.snapshot().events() == []
    first = info()
    ledger.record(first)
    ledger.record(outcome(first, Status.DEPLOYED))
    events = ledger.snapshot().events()
    assert [event.status for event in events] == [Status.PENDING, Status.DEPLOYED]
    current = ledger.snapshot().current()
    assert current is not None
    assert current.id == "1"


def test_json_is_the_seeds(tmp_path: Path) -> None:
    body = info().to_json()
    for key in ("environment", "version", "commitSha", "deployedAt", "deployedBy", "status"):
        assert body[key]
    assert body["status"] == "pending"


def test_the_same_outcome_is_recorded_once(tmp_path: Path, remote: Path) -> None:
    ledger = clone(tmp_path, remote)
    ledger.record(info())
    ledger.record(replace(info(), deployed_by="again"))
    assert len(ledger.snapshot().events()) == 1


def test_writers_at_once_lose_nothing(tmp_path: Path, remote: Path) -> None:
    ledgers = [clone(tmp_path, remote, f"clone{n}") for n in range(3)]

    def write(number: int) -> None:
        for event in range(4):
            ledgers[number].record(info(f"{number}-{event}"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = ledgers[0].snapshot().events()
    assert {event.id for event in events} == {f"{n}-{e}" for n in range(3) for e in range(4)}


def test_every_write_is_a_commit_on_top_of_the_last(tmp_path: Path, remote: Path) -> None:
    ledger = clone(tmp_path, remote)
    for number in range(3):
        ledger.record(info(str(number)))
    log = subprocess.run(
        ["git", "-C", str(remote), "rev-list", "--count", "deployments/staging"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert log.stdout.strip() == "3"


def test_environments_are_branches_of_their_own(tmp_path: Path, remote: Path) -> None:
    clone(tmp_path, remote).record(info())
    assert clone(tmp_path, remote, environment="production").snapshot().events() == []


def test_evidence_is_tied_to_digests(tmp_path: Path, remote: Path) -> None:
    ledger = clone(tmp_path, remote)
    evidence = Evidence("staging", SHA, "sha256:i", "sha256:f", datetime.now(UTC), "me", (Suite("s", 3, 0, 1.5),))
    ledger.prove(evidence)
    kept = ledger.snapshot().evidence(SHA)
    assert kept is not None
    assert (kept.ok, kept.image, kept.suites) == (True, "sha256:i", evidence.suites)
    assert ledger.snapshot().evidence("b" * 40) is None


@pytest.mark.parametrize("suites", [(), (Suite("s", 0, 0, 0),), (Suite("s", 3, 1, 0),)])
def test_no_suite_no_test_and_a_failure_prove_nothing(suites: tuple[Suite, ...]) -> None:
    assert not Evidence("staging", SHA, "i", "f", datetime.now(UTC), "me", suites).ok


def test_a_damaged_entry_is_named(tmp_path: Path) -> None:
    ledger = clone(tmp_path, None)
    ledger.write("by hand", lambda _: {"events/000001-x-pending.json": b"{not json"})
    with pytest.raises(LedgerError, match=r"events/000001-x-pending\.json in the ledger is not JSON"):
        ledger.snapshot().events()
    ledger.write("by hand", lambda _: {"events/000001-x-pending.json": b"{}"})
    with pytest.raises(LedgerError, match=r"events/000001-x-pending\.json in the ledger is damaged"):
        ledger.snapshot().events()


def test_a_remote_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be read"):
        clone(tmp_path, tmp_path / "nowhere.git").snapshot()
