"""Machines in several regions: which of them the edge uses, and where there is room for more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator.edge.config import AppRoute, Layout, edge_config
from deploy.emulator.edge.regions import chosen, label_of, wishes
from deploy.emulator.faults import FaultClient
from deploy.emulator.machines.scaling import surplus
from deploy.emulator.model import Machine
from tests.deploy.emulator.support import Emulated, until

HOST = "runner-staging.fly.dev"
MACHINES = "/apps/runner-staging/machines"


@pytest.fixture(scope="module")
def machines(emulated: Emulated, staging: dict[str, Any]) -> dict[str, str]:
    """A healthy machine in each of three regions."""
    made = {region: emulated.create("staging", staging, region=region)["id"] for region in ("ord", "fra", "iad")}
    assert until(lambda: all(asked(emulated, **{FORCED: id_}).is_success for id_ in made.values()))
    return made


@pytest.fixture
def faults(emulated: Emulated) -> Iterator[FaultClient]:
    client = FaultClient(emulated.state)
    yield client
    client.clear()


FORCED, PREFERRED = "Fly-Force-Instance-Id", "Fly-Prefer-Region"


def asked(emulated: Emulated, **headers: str) -> httpx.Response:
    return emulated.edge(HOST, "/cgi-bin/who", headers=headers)


def answering(emulated: Emulated, preferred: str = "") -> str:
    """The one machine that answers eight requests, or all of them."""
    headers = {PREFERRED: preferred} if preferred else {}
    return " ".join({asked(emulated, **headers).json()["machine"] for _ in range(8)})


def test_requests_go_to_the_nearest_region_and_to_another_that_is_asked_for(
    emulated: Emulated, machines: dict[str, str]
) -> None:
    assert answering(emulated) == machines["fra"]
    for wish, served in (
        ("iad", "iad"),
        ("ord,iad", "ord"),
        ("ams, iad,ord", "iad"),  # none there: the next in the list
        ("ams", "fra"),  # nor anywhere: the nearest
        ("us,any", "fra"),
        ("Frankfurt!", "fra"),
    ):
        assert answering(emulated, wish) == machines[served], wish


def test_a_named_machine_is_reached_wherever_it_is(emulated: Emulated, machines: dict[str, str]) -> None:
    for id_ in machines.values():
        assert asked(emulated, **{FORCED: id_}).json()["machine"] == id_
        assert asked(emulated, **{FORCED: id_, PREFERRED: "fra"}).json()["machine"] == id_


def test_an_edge_elsewhere_has_another_nearest_region(
    emulated: Emulated, machines: dict[str, str], faults: FaultClient
) -> None:
    def moved_to(region: str) -> bool:
        with contextlib.suppress(httpx.TransportError):  # the edge reloads, which ends requests of that moment
            return answering(emulated) == machines[region]
        return False

    (rule,) = faults.add({"kind": "nearest", "code": "iad"})
    assert until(lambda: moved_to("iad"))
    faults.forget(rule["id"])
    assert until(lambda: moved_to("fra"))


def test_another_region_serves_when_the_nearest_has_no_machine_in_traffic(
    emulated: Emulated, machines: dict[str, str]
) -> None:
    with emulated.fly("staging") as fly:
        assert fly.post(f"{MACHINES}/{machines['fra']}/cordon").is_success
        assert until(lambda: answering(emulated) in (machines["iad"], machines["ord"]))
        assert answering(emulated, "ord") == machines["ord"]
        assert fly.post(f"{MACHINES}/{machines['fra']}/uncordon").is_success
    assert until(lambda: answering(emulated) == machines["fra"])


def test_a_region_without_room_takes_no_machine_and_others_do(
    emulated: Emulated, staging: dict[str, Any], faults: FaultClient
) -> None:
    faults.add({"kind": "full", "match": {"region": "syd"}})
    with emulated.fly("staging") as fly:
        refused = fly.post(MACHINES, json={"config": staging, "region": "syd"})
        assert (refused.status_code, "insufficient resources" in refused.text) == (412, True)
        made = fly.post(MACHINES, json={"config": staging, "region": "nrt", "skip_launch": True}).json()
        assert made["region"] == "nrt"
        for wrong in ("fr", "eu-central", "FRA"):
            assert fly.post(MACHINES, json={"config": staging, "region": wrong}).status_code == 400
        fly.delete(f"{MACHINES}/{made['id']}?force=true")


def test_a_machine_knows_its_region_and_the_primary_one_only_from_its_configuration(
    emulated: Emulated, staging: dict[str, Any], machines: dict[str, str]
) -> None:
    def told(machine: str) -> dict[str, str]:
        with emulated.fly("staging") as fly:
            answer = fly.post(f"{MACHINES}/{machine}/exec", json={"command": ["/bin/sh", "-c", "cat /proc/1/environ"]})
        return dict(pair.split("=", 1) for pair in answer.json()["stdout"].split("\0") if "=" in pair)

    assert (told(machines["iad"])["FLY_REGION"], "PRIMARY_REGION" in told(machines["iad"])) == ("iad", False)
    primary = emulated.serving("staging", {**staging, "env": {"PRIMARY_REGION": "fra"}}, region="iad")["id"]
    assert (told(primary)["FLY_REGION"], told(primary)["PRIMARY_REGION"]) == ("iad", "fra")
    with emulated.fly("staging") as fly:
        fly.delete(f"{MACHINES}/{primary}?force=true")


def running(region: str, number: int, primary: str = "fra", least: int = 2) -> Machine:
    service = {"autostop": "stop", "min_machines_running": least, "internal_port": 80}
    config = {"services": [service], "env": {"PRIMARY_REGION": primary} if primary else {}}
    there = Machine(f"{region}{number}", "app", f"{region}{number}", region, "v1", config, {})
    there.state, there.private_ip = "started", f"{region}{number}"
    return there


@pytest.mark.parametrize(
    ("region", "primary", "stopped"),
    [("fra", "fra", False), ("iad", "fra", True), ("iad", "", False)],
)
def test_the_least_number_of_machines_counts_in_the_primary_region_alone(
    region: str, primary: str, stopped: bool
) -> None:
    both = [running(region, number, primary) for number in (1, 2)]
    assert (surplus(both, {}) is not None) == stopped
    assert (surplus(both[:1], {}) is not None) == stopped  # the last one too, elsewhere


def test_wishes_are_read_from_the_label_of_a_name() -> None:
    assert wishes(label_of("iad", "ord", "")) == ["iad", "ord"]
    assert wishes("4d89e5d2f00000") is None
    there = [("iad", "a"), ("fra", "b"), ("iad", "c")]
    assert chosen(there, ["ams", "iad"]) == ["a", "c"]
    assert chosen(there, []) == ["b"]
    assert chosen([], ["iad"]) == []


def test_machines_are_told_where_the_edge_is() -> None:
    layout = Layout(1, 2, 3, "127.0.0.1:4", [AppRoute("a.fly.dev", "a", (8080,), None)], [], "iad")
    _, route, *_ = edge_config(layout)["apps"]["http"]["servers"]["edge"]["routes"][0]["handle"][0]["routes"]
    assert route["handle"][0]["headers"]["request"]["set"]["Fly-Region"] == ["iad"]
