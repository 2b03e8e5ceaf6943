"""Freezes: by people and by the week."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deploy.errors import LedgerError
from deploy.ledger import Snapshot
from deploy.ledger.controls import Freeze
from deploy.release.gates.freezes import freeze_change, in_force, lift_change, read_freezes
from deploy.settings.environments import load_environment
from deploy.settings.windows import parse_windows

NOW = datetime(2026, 1, 17, 12, tzinfo=UTC)  # a Saturday
HOUR = timedelta(hours=1)
POLICY = load_environment("staging").release
WEEKEND = replace(POLICY, freeze_windows=parse_windows("Fri 16:00 - Mon 08:00 UTC"))


def freeze(id_: str, start: timedelta, until: timedelta) -> Freeze:
    return Freeze(id_, NOW + start, NOW + until, f"reason of {id_}", "me")


def snapshot(*freezes: Freeze) -> Snapshot:
    found = Snapshot("", {})
    for each in freezes:
        content = freeze_change(found, each, each.start)["freezes.json"]
        assert content is not None
        found = Snapshot("c" * 40, {"freezes.json": content})
    return found


def test_nothing_is_frozen_by_default() -> None:
    assert in_force(Snapshot("", {}), POLICY, NOW) == ()


def test_a_freeze_holds_from_its_beginning_up_to_its_end() -> None:
    ledger = snapshot(freeze("a", HOUR, 2 * HOUR))
    held = [bool(in_force(ledger, POLICY, NOW + HOUR * half / 2)) for half in range(6)]
    assert held == [False, False, True, True, False, False]


def test_the_one_that_ends_last_is_first_and_a_weekly_one_has_no_id() -> None:
    held = in_force(snapshot(freeze("a", -HOUR, HOUR), freeze("b", -HOUR, 2 * HOUR)), WEEKEND, NOW)
    assert [each.id for each in held] == ["", "b", "a"]
    assert held[0].until == datetime(2026, 1, 19, 8, tzinfo=UTC)
    assert "Fri 16:00 - Mon 08:00 UTC" in held[0].reason
    assert "reason of b (by me)" in held[1].reason


def test_setting_one_drops_those_that_ended() -> None:
    ledger = snapshot(
        freeze("ended", -2 * HOUR, -HOUR), freeze("holds", -HOUR / 2, HOUR), freeze("new", -HOUR / 4, HOUR)
    )
    assert [each.id for each in read_freezes(ledger)] == ["holds", "new"]


def test_lifting_one_leaves_the_others_and_lifting_the_last_leaves_no_file() -> None:
    two = snapshot(freeze("a", -HOUR, HOUR), freeze("b", -HOUR, HOUR))
    content = lift_change(two, frozenset({"a"}))["freezes.json"]
    assert content is not None
    one = Snapshot("c" * 40, {"freezes.json": content})
    assert [each.id for each in read_freezes(one)] == ["b"]
    assert lift_change(one, frozenset({"b"})) == {"freezes.json": None}
    assert lift_change(one, frozenset({"a"})) == {}


def test_what_a_newer_version_added_to_one_stays_when_others_are_set_or_lifted() -> None:
    newer = [freeze(name, -HOUR, HOUR).to_json() | {"ticket": name} for name in "ab"]
    there = Snapshot("c" * 40, {"freezes.json": json.dumps(newer).encode()})
    for changed, tickets in (
        (freeze_change(there, freeze("c", HOUR, 2 * HOUR), NOW), ["a", "b", None]),
        (lift_change(there, frozenset({"a"})), ["b"]),
    ):
        assert [each.get("ticket") for each in json.loads(changed["freezes.json"] or b"")] == tickets


@pytest.mark.parametrize("content", [b"{}", b'"x"', b'[{"id": "a"}]', b"[1]"])
def test_damage_names_the_file(content: bytes) -> None:
    with pytest.raises(LedgerError, match=r"freezes\.json in the ledger"):
        in_force(Snapshot("c" * 40, {"freezes.json": content}), POLICY, NOW)
