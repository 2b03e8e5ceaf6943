"""Records and files: what was written before is read, what a newer version added is kept, what is damaged is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Evidence, Intent, Span, Status, Suite
from deploy.ledger.controls import Approval, Breaker, Freeze, Rejection
from deploy.ledger.encoding import Record, encode, record_from, records_from
from deploy.ledger.lock import Lock
from deploy.ledger.records import outcome

GOLDEN = Path(__file__).with_name("golden")  # a ledger as it was before records were read by msgspec
KINDS: dict[str, type[Record]] = {
    "events": DeploymentInfo,
    "evidence": Evidence,
    "rejected": Rejection,
    "approvals": Approval,
    "intent.json": Intent,
    "lock.json": Lock,
    "breaker.json": Breaker,
    "freezes.json": Freeze,
}
FILES = sorted(
    str(file.relative_to(GOLDEN)) for file in GOLDEN.rglob("*.json") if file.relative_to(GOLDEN).parts[0] in KINDS
)
EVIDENCE = next(path for path in FILES if path.startswith("evidence"))
LATER = {  # what some ledgers lack, or what follows from the rest
    "event": {"reason", "config", "launch", "spans", "notes", "secretsVersion"},
    "intent.json": {"regions", "before"},
    "lock.json": {"token", "process"},
    EVIDENCE: {"ok"},
}
INFO = DeploymentInfo(
    "1", "staging", "0.1.0", "a" * 40, datetime(2026, 3, 1, tzinfo=UTC), "me", Status.PENDING, "sha256:i", "sha256:f"
)


def golden(path: str) -> Any:
    """A file's JSON."""
    return json.loads((GOLDEN / path).read_bytes())


def again(path: str, body: Any) -> Any:
    """What is in the file after it was read and written."""
    kind = KINDS[path.split("/")[0]]
    found: Any = records_from(kind, body, path) if isinstance(body, list) else record_from(kind, body, path)
    return json.loads(encode(found))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a value."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(each)


def test_every_kind_of_file_is_tried() -> None:
    assert {path.split("/")[0] for path in FILES} == KINDS.keys()


@pytest.mark.parametrize("path", FILES)
def test_a_ledger_written_before_is_read_and_written_as_it_was(path: str) -> None:
    body = json.loads((GOLDEN / path).read_bytes())
    assert again(path, body) == golden(path)
    assert encode(golden(path)).decode().isascii()


@pytest.mark.parametrize("path", FILES)
def test_fields_of_a_newer_version_stay_at_every_depth(path: str) -> None:
    body = golden(path)
    for number, each in enumerate(list(objects(body))):
        each |= {"addedLater": {"deep": [number, None, 2**70, 0.1]}, "unknown": number, "": "nameless"}
    assert again(path, body) == body


@pytest.mark.parametrize("path", FILES)
def test_a_field_that_is_missing_is_named_with_its_file_and_what_to_do(path: str) -> None:
    for number, each in enumerate(list(objects(golden(path)))):
        for field in each:
            body = golden(path)
            del list(objects(body))[number][field]
            if field in LATER.get(("event" if "deployedAt" in each else path), ()):
                assert again(path, body)
            else:
                with pytest.raises(LedgerError) as failed:
                    again(path, body)
                told = str(failed.value)
                assert told.startswith(f"{path} in the ledger is damaged (")
                assert f"{field}: it is " in told
                assert "restore the file by a new commit on its branch" in told


@pytest.mark.parametrize(
    ("path", "where", "value", "says"),
    [
        ("intent.json", ("wanted", "version"), 3, r"wanted\.version: Expected str, got int"),
        ("intent.json", ("direction",), "sideways", r"direction: Invalid enum value 'sideways'"),
        (
            "intent.json",
            ("previous", "spans", 0, "seconds"),
            "1.2",
            r"previous\.spans\[0\]\.seconds: Expected float",
        ),
        ("intent.json", ("count",), True, "count: Expected int, got bool"),
        ("intent.json", ("blame",), "no", "blame: Expected bool, got str"),
        ("intent.json", ("previous",), [], "previous: Expected object | null, got array"),
        ("freezes.json", (1, "until"), "2026-03-01T12:00:00", r"\[1\]\.until: "),
        ("freezes.json", (0, "from"), "soon", r"\[0\]\.from: Invalid RFC3339"),
        ("breaker.json", ("state",), "closed", "state: it is 'closed'; other fields contradict that"),
        ("lock.json", ("expires",), 1767225600, "expires: Expected datetime"),
    ],
)
def test_what_is_wrong_is_named_with_its_field(path: str, where: tuple[Any, ...], value: Any, says: str) -> None:
    body = inside = golden(path)
    for step in where[:-1]:
        inside = inside[step]
    inside[where[-1]] = value
    with pytest.raises(LedgerError, match=rf"in the ledger is damaged \({says}.*\); restore the file .* update this"):
        again(path, body)


ODD: list[Any] = [
    None, True, -1, 2**70, 2**2000, 1.5, float("nan"), "", "x", "\ud800", "closed", "pending",
    "2026-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-30T00:00:00Z",
    [], [1], [[]], [{}], [None], {}, {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("path", FILES)
def test_whatever_is_in_a_field_is_read_and_written_or_named(path: str) -> None:
    for number, each in enumerate(list(objects(golden(path)))):
        for field in each:
            for value in ODD:
                body = golden(path)
                list(objects(body))[number][field] = value
                try:
                    told = "" if again(path, body) else "nothing was read"
                except LedgerError as failed:
                    told = str(failed)
                assert not told or told.startswith(f"{path} in the ledger is damaged (")


@pytest.mark.parametrize("body", [None, 3, "x", [], [1], {"id": "1"}])
@pytest.mark.parametrize("kind", [DeploymentInfo, Evidence, Intent, Lock, Breaker, Freeze, Approval, Rejection])
def test_what_is_no_record_at_all_is_named(kind: type[Record], body: Any) -> None:
    with pytest.raises(LedgerError, match=r"^x\.json in the ledger is damaged \(.*restore the file"):
        record_from(kind, body, "x.json")


def test_a_release_before_secrets_were_known_has_version_0() -> None:
    body = INFO.to_json()
    del body["secretsVersion"]
    assert record_from(DeploymentInfo, body, "x").secrets_version == 0
    assert record_from(DeploymentInfo, body | {"secretsVersion": 7}, "x").to_json()["secretsVersion"] == 7


def test_an_event_of_the_first_versions_is_completed() -> None:
    first = copy.deepcopy(INFO.to_json())
    for field in ("reason", "config", "launch", "spans", "notes"):
        del first[field]
    assert record_from(DeploymentInfo, first, "x") == replace(INFO, launch="1")
    assert record_from(DeploymentInfo, first | {"launch": ""}, "x").launch == "1"


def test_what_follows_from_a_record_keeps_what_a_newer_version_added() -> None:
    body = INFO.to_json() | {"region": "fra"}
    wanted = record_from(DeploymentInfo, body, "x")
    intent = Intent("promote", wanted, None, record_from(Intent, golden("intent.json"), "x").strategy, 1)
    turned = intent.marked("smoke").turned("x", blame=True).acquitted("y").turned_forward()
    assert turned.to_json()["wanted"]["region"] == "fra"
    assert outcome(turned.wanted, Status.DEPLOYED).to_json()["region"] == "fra"


def test_moments_are_written_in_utc_and_times_to_the_millisecond() -> None:
    there = datetime.fromisoformat("2026-03-01T12:00:00.123456+02:00")
    body = replace(INFO, deployed_at=there, spans=(Span("a", 0.12345),)).to_json()
    assert body["deployedAt"] == "2026-03-01T10:00:00.123+00:00"
    assert body["spans"] == [{"name": "a", "seconds": 0.123}]


def test_what_people_read_is_written_along() -> None:
    proven = Evidence("staging", "a" * 40, "i", "f", INFO.deployed_at, "me", (Suite("s", 3, 0, 1.5),))
    assert proven.to_json()["ok"] is True
    assert Breaker(1, INFO.deployed_at).to_json()["state"] == "open"
