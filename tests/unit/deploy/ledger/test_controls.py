"""What people and failures set: written, read again, and refused when damaged."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.errors import LedgerError
from deploy.ledger.controls import (
    Approval,
    Breaker,
    Freeze,
    Rejection,
    approval_from,
    breaker_from,
    freeze_from,
    person,
    rejection_from,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHA = "a" * 40
RECORDS: list[tuple[Any, Callable[[Any, str], Any], str]] = [
    (Breaker(), breaker_from, "failures"),
    (Breaker(2, NOW, "smoke failed", "me"), breaker_from, "openedAt"),
    (Rejection(SHA, "sha256:i", "sha256:f", "7", "smoke failed", NOW, "me"), rejection_from, "commitSha"),
    (Freeze("1a", NOW, NOW, "incident", "me"), freeze_from, "until"),
    (Approval(SHA, "sha256:i", "sha256:f", "me", NOW, ("smoke",), "fine"), approval_from, "items"),
]


@pytest.mark.parametrize(("record", "read", "key"), RECORDS)
def test_what_is_written_is_read_again(record: Any, read: Callable[[Any, str], Any], key: str) -> None:
    body = json.loads(json.dumps(record.to_json()))
    assert read(body, "x.json") == record
    assert key in body


@pytest.mark.parametrize(("record", "read", "key"), RECORDS)
@pytest.mark.parametrize("damage", ["missing", "wrong", "list"])
def test_damage_names_the_file(record: Any, read: Callable[[Any, str], Any], key: str, damage: str) -> None:
    body = record.to_json()
    if damage == "missing":
        del body[key]
    elif damage == "wrong":
        body[{"commitSha": "at", "items": "at"}.get(key, key)] = "2026-03-01T12:00"  # a moment without a time zone
    with pytest.raises(LedgerError, match=r"^x\.json in the ledger is damaged .*; restore the file"):
        read([body] if damage == "list" else body, "x.json")


def test_a_breaker_whose_state_contradicts_itself_is_damaged() -> None:
    with pytest.raises(LedgerError, match="damaged"):
        breaker_from({**Breaker(1, NOW, "x", "me").to_json(), "state": "closed"}, "breaker.json")


def test_runs_of_one_actor_are_one_person_with_one_file() -> None:
    assert person("alice (GitHub Actions run 7)") == person("alice (GitHub Actions run 8)") == "alice"
    assert person("alice@laptop") == "alice@laptop"
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
