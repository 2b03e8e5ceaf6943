"""What people and failures set: written, read again, and refused when damaged."""

import json
from datetime import UTC, datetime

import pytest

from deploy.errors import LedgerError
from deploy.ledger.controls import Approval, Breaker, Freeze, Rejection
from deploy.ledger.encoding import Record, record_from

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHA = "a" * 40
RECORDS: list[tuple[Record, str]] = [
    (Breaker(), "failures"),
    (Breaker(2, NOW, "smoke failed", "me"), "openedAt"),
    (Rejection(SHA, "sha256:i", "sha256:f", "7", "smoke failed", NOW, "me"), "commitSha"),
    (Freeze("1a", NOW, NOW, "incident", "me"), "until"),
    (Approval(SHA, "sha256:i", "sha256:f", "me", NOW, ("smoke",), "fine"), "items"),
]


@pytest.mark.parametrize(("record", "key"), RECORDS)
def test_what_is_written_is_read_again(record: Record, key: str) -> None:
    body = json.loads(json.dumps(record.to_json()))
    assert record_from(type(record), body, "x.json") == record
    assert key in body


@pytest.mark.parametrize(("record", "key"), RECORDS)
@pytest.mark.parametrize("damage", ["missing", "wrong", "list"])
def test_damage_names_the_file(record: Record, key: str, damage: str) -> None:
    body = record.to_json()
    if damage == "missing":
        del body[key]
    elif damage == "wrong":
        body[{"commitSha": "at", "items": "at"}.get(key, key)] = "2026-03-01T12:00"  # a moment without a time zone
    with pytest.raises(LedgerError, match=r"^x\.json in the ledger is damaged .*; restore the file"):
        record_from(type(record), [body] if damage == "list" else body, "x.json")


def test_a_breaker_whose_state_contradicts_itself_is_damaged() -> None:
    with pytest.raises(LedgerError, match="damaged"):
        record_from(Breaker, {**Breaker(1, NOW, "x", "me").to_json(), "state": "closed"}, "breaker.json")


def test_runs_of_one_actor_have_one_file() -> None:
    first, again, other = (
        Approval(SHA, "i", "f", by, NOW, ()).path
        for by in ("alice (GitHub Actions run 7)", "alice (GitHub Actions run 8)", "bob")
    )
    assert first == again != other


def test_a_file_of_an_approval_is_flat_and_tells_similar_names_apart() -> None:
    paths = {Approval(SHA, "i", "f", by, NOW, ()).path for by in ("a.b@host", "a-b@host", "A.B@host", "../../x", "é")}
    assert len(paths) == 5
    for path in paths:
        folder, _, name = path.partition("/")
        assert (folder, name[:41]) == ("approvals", f"{SHA}-")
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
