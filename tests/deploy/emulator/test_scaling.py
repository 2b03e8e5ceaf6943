"""Auto stop and auto start, with an idle time of a second instead of minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
import httpx
import pytest

from tests.deploy.emulator.support import Emulated, emulator, machine_config, until

HOST = "runner-staging.fly.dev"
IDLE = 1.0


@pytest.fixture(scope="module")
def idle(
    docker_host: str, engine: docker.DockerClient, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    """An emulator whose machines are idle soon."""
    with emulator(tmp_path_factory.mktemp("idle"), docker_host, engine, idle_seconds=IDLE) as found:
        yield found


@pytest.fixture(scope="module")
def digest(idle: Emulated) -> str:
    """The image, pushed."""
    return idle.push("staging", "runner-staging")


def scaled(digest: str, **service: Any) -> dict[str, Any]:
    """A configuration whose service has these fields."""
    config = machine_config("runner-staging", digest)
    return {**config, "services": [{**config["services"][0], **service}]}


@pytest.fixture(autouse=True)
def empty(idle: Emulated) -> Iterator[None]:
    """No machines of the test before."""
    yield
    idle.clear("staging")


def states(emulated: Emulated) -> list[str]:
    """The states of all machines."""
    with emulated.fly("staging") as fly:
        return sorted(machine["state"] for machine in fly.get("/apps/runner-staging/machines").json())


def starts(emulated: Emulated) -> list[int]:
    """How often each machine was started: on a busy host one may be idle again before its state is asked for."""
    with emulated.fly("staging") as fly:
        machines = fly.get("/apps/runner-staging/machines").json()
        events = [fly.get(f"/apps/runner-staging/machines/{one['id']}/events").json() for one in machines]
    return sorted(sum((event["type"], event["status"]) == ("start", "started") for event in each) for each in events)


def test_idle_machines_stop_down_to_the_minimum_which_serves_on(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=1)
    for _ in range(2):
        idle.create("staging", config)
    assert until(lambda: states(idle) == ["started", "stopped"], 30)
    time.sleep(2 * IDLE)
    assert states(idle) == ["started", "stopped"]
    assert idle.edge(HOST, "/healthz").status_code == 200


def test_a_busy_app_keeps_its_machines(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=0)
    idle.create("staging", config)
    assert until(lambda: idle.edge(HOST, "/healthz").status_code == 200)
    before = starts(idle)
    began = time.monotonic()
    while time.monotonic() - began < 2.5 * IDLE:
        assert idle.edge(HOST, "/cgi-bin/slow").status_code == 200
    assert starts(idle) == before


def test_a_long_request_keeps_its_machine(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=0)
    machine = idle.create("staging", config)["id"]
    answers: list[httpx.Response] = []
    path = f"/cgi-bin/slow?{2.5 * IDLE}"  # asked before the machine is healthy: held, then served
    asking = threading.Thread(target=lambda: answers.append(idle.edge(HOST, path)))
    asking.start()
    asking.join()
    assert [(answer.status_code, answer.text) for answer in answers] == [(200, machine)]
    assert until(lambda: states(idle) == ["stopped"], 30)


@pytest.mark.parametrize(("word", "resting"), [("stop", "stopped"), ("suspend", "suspended")])
def test_a_request_wakes_a_machine_and_is_served(idle: Emulated, digest: str, word: str, resting: str) -> None:
    config = scaled(digest, autostop=word, autostart=True, min_machines_running=0)
    machine = idle.create("staging", config)["id"]
    assert until(lambda: states(idle) == [resting], 30)
    (before,) = starts(idle)
    body = "x" * 300_000
    answer = idle.edge(HOST, "/cgi-bin/who", method="POST", content=body)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["machine"], answer.json()["body"]) == (machine, body)
    assert answer.json()["host"] == HOST
    assert starts(idle) == [before + 1]


def test_many_requests_at_once_wake_one_machine(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=0)
    for _ in range(2):
        idle.create("staging", config)
    assert until(lambda: states(idle) == ["stopped", "stopped"], 30)
    one, other = starts(idle)
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda: answers.append(idle.edge(HOST, "/cgi-bin/who").status_code)) for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert one == other
    assert starts(idle) == [one, one + 1]


def test_a_machine_that_cannot_be_woken_is_told_so(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=0)
    machine = idle.create("staging", config)["id"]
    assert until(lambda: states(idle) == ["stopped"], 30)
    with idle.fly("staging") as fly:
        assert fly.post(f"/apps/runner-staging/machines/{machine}/cordon").status_code == 200
    assert idle.edge(HOST, "/healthz").status_code == 503
    assert states(idle) == ["stopped"]


def test_a_machine_too_many_is_stopped_however_busy_the_app_is(idle: Emulated, digest: str) -> None:
    """Two machines, each below its soft limit: one is enough, and nobody loses a request for it."""
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=1, concurrency={"soft_limit": 5})
    for _ in range(2):
        idle.serving("staging", config)
    began = time.monotonic()
    while time.monotonic() - began < 5 * IDLE:
        assert idle.edge(HOST, "/cgi-bin/who").status_code == 200
    assert until(lambda: states(idle) == ["started", "stopped"], 20)


def test_machines_beyond_their_soft_limit_are_all_needed(idle: Emulated, digest: str) -> None:
    config = scaled(digest, autostop="stop", autostart=True, min_machines_running=0, concurrency={"soft_limit": 1})
    for _ in range(2):
        idle.serving("staging", config)
    threads = [
        threading.Thread(target=lambda: idle.edge(HOST, f"/cgi-bin/slow?{3 * IDLE}")) for _ in range(6)
    ]  # three a machine, in turn
    for thread in threads:
        thread.start()
    time.sleep(2.5 * IDLE)
    assert states(idle) == ["started", "started"]
    for thread in threads:
        thread.join()


def test_a_request_starts_what_people_stopped_where_autostop_is_off(idle: Emulated, digest: str) -> None:
    machine = idle.serving("staging", scaled(digest, autostop="off", autostart=True))["id"]
    time.sleep(2 * IDLE)
    assert states(idle) == ["started"]
    with idle.fly("staging") as fly:
        assert fly.post(f"/apps/runner-staging/machines/{machine}/stop").status_code == 200
    assert until(lambda: states(idle) == ["stopped"], 30)
    assert idle.edge(HOST, "/cgi-bin/who").json()["machine"] == machine


@pytest.mark.parametrize("service", [{"autostop": "stop", "autostart": False}, {}])
def test_only_what_asks_for_it_is_stopped_and_started(idle: Emulated, digest: str, service: dict[str, Any]) -> None:
    machine = idle.create("staging", scaled(digest, **service))
    if service.get("autostop") != "stop":
        assert until(lambda: idle.edge(HOST, "/healthz").status_code == 200)
        time.sleep(2 * IDLE)
        assert states(idle) == ["started"]
        with idle.fly("staging") as fly:
            assert fly.post(f"/apps/runner-staging/machines/{machine['id']}/stop").status_code == 200
    assert until(lambda: states(idle) == ["stopped"], 30)
    assert idle.edge(HOST, "/healthz").status_code == 503
    assert states(idle) == ["stopped"]
