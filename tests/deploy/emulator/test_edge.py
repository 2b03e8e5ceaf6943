"""What reaches whom through the edge."""

from __future__ import annotations

import threading
from typing import Any

import httpx
import pytest

from tests.deploy.emulator.support import Emulated, is_healthy, machine_config, until

STAGING, PRODUCTION = "runner-staging.fly.dev", "runner.fly.dev"


@pytest.fixture(scope="module")
def machines(emulated: Emulated, staging: dict[str, Any]) -> dict[str, str]:
    """A healthy machine in each environment."""
    production = machine_config("runner", emulated.push("production", "runner"))
    found = {
        "staging": emulated.serving("staging", staging)["id"],
        "production": emulated.serving("production", production)["id"],
    }
    assert until(lambda: all(emulated.edge(host, "/healthz").is_success for host in (STAGING, PRODUCTION)))
    return found


def test_hosts_are_routed_to_their_own_machines(emulated: Emulated, machines: dict[str, str]) -> None:
    for host, environment in ((STAGING, "staging"), (PRODUCTION, "production")):
        answer = emulated.edge(host, "/cgi-bin/who")
        assert answer.json()["machine"] == machines[environment]
        assert answer.json()["host"] == host
        assert answer.headers["fly-request-id"]
        direct = httpx.get(f"{emulated.running.urls[host]}/cgi-bin/who", trust_env=False)
        assert (direct.json()["machine"], direct.json()["host"]) == (machines[environment], host)
    unknown = emulated.edge("elsewhere.fly.dev")
    assert (unknown.status_code, "no such host" in unknown.text) == (404, True)


def test_bodies_arrive_whole(emulated: Emulated, machines: dict[str, str]) -> None:
    body = "x" * 100_000
    answer = emulated.edge(STAGING, "/cgi-bin/who", method="POST", content=body)
    assert answer.json()["body"] == body


def test_requests_go_to_all_healthy_machines_and_to_no_other(
    emulated: Emulated, machines: dict[str, str], staging: dict[str, Any]
) -> None:
    sick = {**staging, "services": [{**staging["services"][0], "checks": [{"type": "http", "path": "/missing"}]}]}
    second = emulated.serving("staging", staging)["id"]
    unregistered = emulated.serving("staging", staging, skip_service_registration=True)["id"]
    unhealthy = emulated.create("staging", sick)["id"]
    assert until(lambda: [c["status"] for c in emulated.look("staging", unhealthy)["checks"]] == ["critical"])

    def seen(asked: int = 12) -> set[str]:
        return {emulated.edge(STAGING, "/cgi-bin/who").json()["machine"] for _ in range(asked)}

    assert until(lambda: seen() == {machines["staging"], second})
    with emulated.fly("staging") as fly:
        assert fly.post(f"/apps/runner-staging/machines/{unregistered}/uncordon").status_code == 200
        assert until(lambda: seen() == {machines["staging"], second, unregistered})
        for machine in (second, unregistered, unhealthy):
            fly.delete(f"/apps/runner-staging/machines/{machine}?force=true")
    assert until(lambda: seen() == {machines["staging"]})


def test_a_request_that_names_a_machine_goes_to_it_or_nowhere(
    emulated: Emulated, machines: dict[str, str], staging: dict[str, Any]
) -> None:
    second = emulated.serving("staging", staging)["id"]

    def named(machine: str) -> httpx.Response:
        return emulated.edge(STAGING, "/cgi-bin/who", headers={"Fly-Force-Instance-Id": machine})

    for machine in (machines["staging"], second):
        assert until(lambda machine=machine: named(machine).status_code == 200)  # type: ignore[misc]
        assert {named(machine).json()["machine"] for _ in range(4)} == {machine}
    assert named(machines["production"]).status_code == 503
    with emulated.fly("staging") as fly:
        fly.delete(f"/apps/runner-staging/machines/{second}?force=true")
    assert until(lambda: named(second).status_code == 503)


def test_no_request_is_lost_while_machines_are_replaced(
    emulated: Emulated, machines: dict[str, str], staging: dict[str, Any]
) -> None:
    done, answers, stop = threading.Lock(), [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = emulated.edge(STAGING, "/cgi-bin/slow")
            with done:
                answers.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        green = emulated.serving("staging", staging)["id"]
        with emulated.fly("staging") as fly:
            fly.post(f"/apps/runner-staging/machines/{machines['staging']}/cordon")
            fly.post(f"/apps/runner-staging/machines/{machines['staging']}/stop")
            version = emulated.look("staging", machines["staging"])["instance_id"]
            query = {"state": "stopped", "instance_id": version}
            fly.get(f"/apps/runner-staging/machines/{machines['staging']}/wait", params=query)
        before = len(answers)
        assert until(lambda: len(answers) > before + 8)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        with emulated.fly("staging") as fly:
            fly.post(f"/apps/runner-staging/machines/{machines['staging']}/start")
            fly.post(f"/apps/runner-staging/machines/{machines['staging']}/uncordon")
    assert [answer for answer in answers if answer[0] != 200] == []
    assert {text for _, text in answers} == {machines["staging"], green}
    assert until(lambda: is_healthy(emulated.look("staging", machines["staging"])))


def test_without_a_machine_the_edge_says_so(emulated: Emulated, machines: dict[str, str]) -> None:
    emulated.clear("production")
    answer = until(lambda: (a := emulated.edge(PRODUCTION, "/healthz")).status_code == 503 and a)
    assert "no healthy machine of runner answers" in answer.text
