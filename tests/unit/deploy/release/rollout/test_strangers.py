"""Machines that the ledger does not know: told apart, never touched, and a reason to begin nothing while they serve."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.errors import DeployError
from deploy.ledger import Snapshot
from deploy.platforms.fly.machines import Machine, parse_machine
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC
from deploy.release.rollout.strangers import IGNORED, launches_of, refuse, strangers
from tests.unit.deploy.release.rollout.test_trouble import NEW, OLD, PROMOTE

KNOWN = frozenset({"d1"})


def machine(state: str = "started", **labels: str) -> Machine:
    body: dict[str, Any] = {"id": "m1", "state": state, "config": {"metadata": labels}}
    return parse_machine(body)


def ours(launch: str = "d1", traffic: str = "on", environment: str = "production", **more: str) -> Machine:
    return machine(**{ENVIRONMENT: environment, LAUNCH: launch, NUMBER: "1", TRAFFIC: traffic, **more})


def test_the_ledgers_own_machines_are_no_strangers() -> None:
    assert strangers([ours()], "production", KNOWN) == ()


@pytest.mark.parametrize(
    ("one", "why", "traffic"),
    [
        (machine(), "no label", True),
        (machine("starting"), "no label", True),
        (machine("stopped"), "no label", False),
        (ours("d9"), "knows no launch d9", True),
        (ours("d9", traffic="off"), "knows no launch d9", False),
        (ours(environment="staging"), "labelled for staging", True),
    ],
)
def test_others_are_told_apart_with_whether_they_serve(one: Machine, why: str, traffic: bool) -> None:
    (stranger,) = strangers([one], "production", KNOWN)
    assert why in stranger.why
    assert stranger.traffic is traffic


def test_one_made_from_another_ledger_is_told_apart_from_one_made_by_hand() -> None:
    both = strangers([ours("d9"), machine()], "production", KNOWN)
    assert [each.foreign for each in both] == [True, False]


def test_nothing_is_begun_while_one_of_them_serves() -> None:
    found = strangers([ours("d9")], "production", KNOWN)
    with pytest.raises(DeployError) as refused:
        refuse(found, "production", "runner", "deployments/production of origin", " --rehearsal")
    words = str(refused.value)
    assert "m1 (started): the ledger of production knows no launch d9" in words
    assert "nothing was changed" in words
    assert "deployments/production of origin" in words
    assert "LEDGER_REMOTE" in words
    assert "invoke machines --env production --adopt m1 --rehearsal" in words
    assert "invoke machines --env production --ignore m1 --rehearsal" in words


@pytest.mark.parametrize("one", [ours("d9", traffic="off"), machine("stopped"), ours("d9", **{IGNORED: "by me"})])
def test_one_that_does_not_serve_or_was_let_be_stops_nothing(one: Machine) -> None:
    refuse(strangers([one], "production", KNOWN), "production", "runner", "a ledger", "")


def test_the_ledger_knows_what_its_events_and_what_is_half_way_made() -> None:
    files = {
        "events/000001-a-deployed.json": json.dumps(OLD.to_json()).encode(),
        "intent.json": json.dumps(replace(PROMOTE, wanted=NEW, previous=OLD).to_json()).encode(),
    }
    assert launches_of(Snapshot("c", files)) == {"d1", "d2"}
    assert launches_of(Snapshot("", {})) == frozenset()


@pytest.mark.parametrize("labels", [{}, {ENVIRONMENT: "production", LAUNCH: "d9", TRAFFIC: "on"}])
def test_one_on_a_lost_host_stops_nothing(labels: dict[str, str]) -> None:
    body = {"id": "m1", "state": "started", "host_status": "unreachable", "incomplete_config": {"metadata": labels}}
    found = strangers([parse_machine(body)], "production", KNOWN)
    assert "its host cannot be reached" in found[0].why
    refuse(found, "production", "runner", "a ledger", "")


def test_one_of_ours_on_a_lost_host_is_known_by_its_name() -> None:
    lost = parse_machine({"id": "m1", "name": "production-d1-2", "host_status": "unreachable"})
    assert strangers([lost], "production", KNOWN) == ()
