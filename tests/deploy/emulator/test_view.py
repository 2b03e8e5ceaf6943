"""The edge learns late: nothing reaches what is new, and what is gone is still asked, for as long as was set."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from deploy.emulator.edge.view import Place, View
from deploy.emulator.faults import FaultClient
from deploy.emulator.model import Machine, World
from tests.deploy.emulator.support import Emulated, emulator, machine_config, until

HOST = "runner-staging.fly.dev"
LAG = 1.5


class Seen:
    """A view over machines that are set by hand, with a clock of its own."""

    def __init__(self, lag: float | None = 2.0) -> None:
        self.world, self.places, self.now, self.lag = World(), dict[str, Place](), 100.0, lag
        self.view = View(self.world, lambda m: self.places.get(m.id), lambda _: self.lag, lambda: self.now)

    def put(self, name: str, address: str) -> None:
        """The machine takes requests at this address; "" for nowhere."""
        machine = Machine(name, "app", name, "iad", "v1", {}, {})
        self.world.machines.setdefault(name, machine)
        self.places.pop(name, None)
        if address:
            self.places[name] = Place("app", address, 80)
        self.view.note()

    def at(self, seconds: float, instance: str = "") -> list[str]:
        """What is seen so many seconds after the beginning."""
        self.now = 100.0 + seconds
        return self.view.addresses("app", 80, instance)


def test_what_comes_and_goes_is_seen_late() -> None:
    seen = Seen()
    seen.put("m1", "10.0.0.1")
    assert (seen.at(1.9), seen.at(2.0)) == ([], ["10.0.0.1"])
    assert (seen.at(2.0, "m1"), seen.at(2.0, "m2")) == (["10.0.0.1"], [])
    seen.put("m1", "")
    assert (seen.at(3.9), seen.at(4.0)) == (["10.0.0.1"], [])


def test_a_machine_that_was_destroyed_is_asked_for_a_while() -> None:
    seen = Seen()
    seen.put("m1", "10.0.0.1")
    assert seen.at(5)
    del seen.world.machines["m1"]
    assert seen.at(6) == ["10.0.0.1"]
    assert seen.at(8.1) == []


def test_an_address_belongs_to_the_machine_that_has_it_now() -> None:
    seen = Seen()
    seen.put("m1", "10.0.0.1")
    assert seen.at(5)
    seen.put("m1", "")
    seen.put("m2", "10.0.0.1")
    assert (seen.at(6), seen.at(7)) == ([], ["10.0.0.1"])


def test_without_a_lag_the_present_is_seen_and_what_the_proxy_does_itself_always() -> None:
    at_once = Seen(lag=0)
    at_once.put("m1", "10.0.0.1")
    assert at_once.at(0) == ["10.0.0.1"]
    late, never = Seen(), Seen(lag=None)
    for seen in (late, never):
        seen.put("m1", "10.0.0.1")
        seen.view.catch_up()
    assert (late.at(0), never.at(1000)) == (["10.0.0.1"], [])


@pytest.fixture(scope="module")
def lagging(
    docker_host: str, engine: docker.DockerClient, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    """An emulator whose edge is late."""
    with emulator(tmp_path_factory.mktemp("lag"), docker_host, engine, lag=LAG) as found:
        yield found


def test_the_edge_sends_requests_to_what_was_withdrawn_and_to_nothing_new_for_a_while(lagging: Emulated) -> None:
    config = machine_config("runner-staging", lagging.push("staging", "runner-staging"))
    first = lagging.serving("staging", config)["id"]
    assert lagging.edge(HOST, "/cgi-bin/who").status_code == 503
    assert until(lambda: lagging.edge(HOST, "/cgi-bin/who").status_code == 200, 10)

    def who(**headers: str) -> Any:
        answer = lagging.edge(HOST, "/cgi-bin/who", headers=headers)
        return answer.json()["machine"] if answer.is_success else answer.status_code

    second = lagging.serving("staging", config, skip_service_registration=True)["id"]
    began = time.monotonic()
    with lagging.fly("staging") as fly:
        fly.post(f"/apps/runner-staging/machines/{second}/uncordon")
        assert (who(), who(**{"Fly-Force-Instance-Id": second})) == (first, 503)
        assert until(lambda: who() == second)
        assert time.monotonic() - began >= LAG
        began = time.monotonic()
        fly.post(f"/apps/runner-staging/machines/{first}/cordon")
        assert first in {who() for _ in range(4)}
        assert until(lambda: first not in {who() for _ in range(4)})
        assert time.monotonic() - began >= LAG
        # By rule: later still, or never.
        FaultClient(lagging.state).add({"kind": "unseen", "match": {"machine": first}, "times": None})
        fly.post(f"/apps/runner-staging/machines/{first}/uncordon")
        time.sleep(LAG + 0.2)
        assert {who() for _ in range(4)} == {second}
        FaultClient(lagging.state).clear()
        FaultClient(lagging.state).add({"kind": "lag", "seconds": 0, "match": {}, "times": None})
        assert until(lambda: {who() for _ in range(4)} == {first, second}, 1)
    lagging.clear("staging")
