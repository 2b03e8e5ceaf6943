"""Faults by rule: each kind as a client meets it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator import EmulatorError
from deploy.emulator.faults import FaultClient, inject
from tests.deploy.emulator.support import Emulated, is_healthy, until

APP = "/apps/runner-staging"
MACHINES = f"{APP}/machines"
CREATION = {"method": "POST", "path": "/machines$"}


@pytest.fixture
def faults(emulated: Emulated) -> Iterator[FaultClient]:
    """Faults, all forgotten after the test."""
    client = FaultClient(emulated.state)
    yield client
    client.clear()


@pytest.fixture
def fly(emulated: Emulated, staging: dict[str, Any]) -> Iterator[httpx.Client]:
    """The API as staging's token sees it, its app there and empty."""
    with emulated.fly("staging") as client:
        yield client
    emulated.clear("staging")


def names(fly: httpx.Client) -> list[str]:
    """The names of the app's machines, as listed."""
    return sorted(machine["name"] for machine in fly.get(MACHINES).json())


def test_error_before_does_nothing(fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]) -> None:
    rule = faults.add({"kind": "error_before", "status": 503, "retry_after": 2, "match": CREATION})[0]
    body = {"name": "one", "config": staging, "skip_launch": True}
    failed = fly.post(MACHINES, json=body)
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "2")
    assert failed.headers["fly-request-id"] == f"fault-{rule['id']}"
    assert names(fly) == []
    assert fly.post(MACHINES, json=body).status_code == 200  # once only, unless the rule says more
    assert faults.hits(rule["id"]) == 1


def test_an_error_may_have_the_platforms_own_words(fly: httpx.Client, faults: FaultClient) -> None:
    words, code = "insufficient resources available to fulfill request", "insufficient_capacity"
    faults.add({"kind": "error_before", "status": 412, "text": words, "code": code, "match": {"path": APP + "$"}})
    assert fly.get(APP).json() == {"error": words, "status": code}
    with pytest.raises(EmulatorError, match="text and code are strings"):
        faults.add({"kind": "error_before", "text": 3})


def test_error_after_has_done_it(fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]) -> None:
    faults.add({"kind": "error_after", "status": 504, "match": CREATION})
    answer = fly.post(MACHINES, json={"name": "one", "config": staging, "skip_launch": True})
    assert answer.status_code == 504
    assert names(fly) == ["one"]


@pytest.mark.parametrize(("kind", "done"), [("drop", []), ("drop_after", ["one"])])
def test_a_dropped_connection_gives_no_answer(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any], kind: str, done: list[str]
) -> None:
    faults.add({"kind": kind, "match": CREATION})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        fly.post(MACHINES, json={"name": "one", "config": staging, "skip_launch": True})
    assert names(fly) == done


def test_a_delayed_request_is_done_late(fly: httpx.Client, faults: FaultClient) -> None:
    faults.add({"kind": "delay", "seconds": 0.7, "match": {"path": f"{APP}$"}})
    began = time.monotonic()
    assert fly.get(APP).status_code == 200
    assert time.monotonic() - began >= 0.7


def test_a_stale_list_is_how_it_was_when_last_asked(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]
) -> None:
    faults.add({"kind": "stale_list", "match": {"method": "GET", "path": "/machines$"}, "skip": 1, "times": 1})
    assert names(fly) == []
    made = fly.post(MACHINES, json={"name": "one", "config": staging, "skip_launch": True}).json()
    assert names(fly) == []
    assert fly.get(f"{MACHINES}/{made['id']}").json()["name"] == "one"  # one machine is read from where it runs
    assert names(fly) == ["one"]


def test_a_stale_list_is_how_it_was_some_time_ago(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]
) -> None:
    faults.add({"kind": "stale_list", "seconds": 1.0, "match": {"path": "/machines$", "method": "GET"}, "times": None})
    fly.post(MACHINES, json={"name": "one", "config": staging, "skip_launch": True})
    made = time.monotonic()
    assert names(fly) == []
    assert until(lambda: names(fly) == ["one"])
    assert time.monotonic() - made > 0.9


def test_skip_times_and_environment_choose_who_is_hit(
    emulated: Emulated, fly: httpx.Client, faults: FaultClient
) -> None:
    match = {"path": "/apps/", "environment": "staging"}
    rule = faults.add({"kind": "error_before", "status": 500, "match": match, "skip": 1, "times": 2})[0]
    emulated.push("production", "runner")
    with emulated.fly("production") as other:
        assert [other.get("/apps/runner").status_code for _ in range(3)] == [200, 200, 200]
    assert [fly.get(APP).status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    shown = next(one for one in faults.all() if one["id"] == rule["id"])
    assert (shown["seen"], shown["hits"]) == (5, 2)
    faults.add({"kind": "error_before", "status": 500, "match": match, "times": None})
    assert [fly.get(APP).status_code for _ in range(4)] == [500] * 4
    faults.clear()
    assert fly.get(APP).status_code == 200


def test_pages_and_the_registry_fail_too(emulated: Emulated, staging: dict[str, Any], faults: FaultClient) -> None:
    faults.add(
        {"kind": "error_before", "status": 500, "match": {"path": "/upload-token$", "environment": "staging"}},
        {"kind": "error_before", "status": 500, "match": {"path": "/check-missing$", "environment": "staging"}},
        {"kind": "error_before", "status": 503, "match": {"method": "HEAD", "path": "^/v2/runner-staging/manifests/"}},
        {"kind": "drop", "match": {"method": "GET", "path": "^/v2/runner-staging/manifests/"}},
    )
    project = emulated.account("staging", "staging-frontend")
    with emulated.pages("staging") as pages:
        failed = pages.get(f"{project}/upload-token")
        assert (failed.status_code, failed.json()["success"]) == (500, False)
        jwt = pages.get(f"{project}/upload-token").json()["result"]["jwt"]
        ticket = {"Authorization": f"Bearer {jwt}"}
        asked = [pages.post("/pages/assets/check-missing", json={"hashes": []}, headers=ticket) for _ in range(2)]
        assert [answer.status_code for answer in asked] == [500, 200]
    digest = staging["image"].partition("@")[2]
    url = f"http://{emulated.running.registry}/v2/runner-staging/manifests/{digest}"
    auth = ("x", emulated.tokens["staging"]["FLY_API_TOKEN"])
    with httpx.Client(auth=auth, trust_env=False, timeout=20) as registry:
        assert [registry.head(url).status_code for _ in range(2)] == [503, 200]
        assert [registry.get(url).status_code for _ in range(2)] == [502, 200]


def test_a_machine_dies_as_of_a_crash(
    emulated: Emulated, fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]
) -> None:
    faults.add({"kind": "die", "match": {"machine": "doomed", "environment": "staging"}})
    config = {**staging, "restart": {"policy": "no"}}
    survivor = emulated.serving("staging", config, name="survivor")["id"]
    doomed = emulated.create("staging", config, name="doomed")["id"]
    assert until(lambda: emulated.look("staging", doomed)["state"] in ("stopped", "failed"))
    event = emulated.look("staging", doomed)["events"][0]["request"]["exit_event"]
    assert (event["exit_code"], event["requested_stop"]) == (137, False)
    assert is_healthy(emulated.look("staging", survivor))
    # a machine that runs already dies of a rule that comes later
    inject(emulated.state, [{"kind": "die", "seconds": 0.2, "match": {"machine": survivor}}])
    assert until(lambda: emulated.look("staging", survivor)["state"] in ("stopped", "failed"))


def test_a_flapping_check_alternates(
    emulated: Emulated, fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]
) -> None:
    service = staging["services"][0]
    check = {**service["checks"][0], "interval": "400ms"}  # long enough for each result to be seen
    config = {**staging, "services": [{**service, "checks": [check]}]}
    machine = emulated.serving("staging", config, name="nervous")["id"]
    rule = faults.add({"kind": "flap", "match": {"machine": "^.* nervous$"}, "times": 3})[0]
    seen: list[str] = []

    def flapped() -> bool:
        with contextlib.suppress(IndexError):
            status = emulated.look("staging", machine)["checks"][0]["status"]
            if seen[-1:] != [status]:
                seen.append(status)
        return faults.hits(rule["id"]) == 3 and seen[-1:] == ["passing"]

    assert until(flapped), seen
    assert "critical" in seen
    assert set(seen) == {"passing", "critical"}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"kind": "explode"}, "is none of"),
        ({"kind": "drop", "match": {"host": "x"}}, "with the fields environment, method, path"),
        ({"kind": "die", "match": {"path": "x"}}, "with the fields environment, machine"),
        ({"kind": "drop", "match": {"path": "("}}, "no regular expression"),
        ({"kind": "drop", "times": 0}, "times 0 is not a number of at least 1"),
        ({"kind": "delay"}, "delay needs seconds"),
        ({"kind": "drop", "often": 1}, "with the fields"),
    ],
)
def test_a_wrong_rule_is_refused(faults: FaultClient, rule: dict[str, Any], told: str) -> None:
    with pytest.raises(EmulatorError, match=told):
        faults.add(rule)
    assert faults.all() == []


def test_only_the_admin_key_sets_faults(emulated: Emulated) -> None:
    url = f"{emulated.running.fly_api}/emulator/faults"
    for key in ("wrong", emulated.tokens["staging"]["FLY_API_TOKEN"]):
        headers = {"Authorization": f"Bearer {key}"}
        for method in ("GET", "POST", "DELETE"):
            assert httpx.request(method, url, headers=headers, trust_env=False).status_code == 401
