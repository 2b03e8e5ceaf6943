"""Machines as the platform shows them: what is read when it knows little, which checks count, how a wait is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deploy.platforms.errors import Malformed, NotFound, TimedOut
from deploy.platforms.fly import FlyClient, machines
from deploy.platforms.fly.machines import parse_machine
from deploy.platforms.http import Patience
from deploy.settings.secrets import Secret

SERVICES = [{"checks": [{"type": "http"}]}, {"checks": [{"type": "tcp"}]}]
FIRST, SECOND = "servicecheck-00-http-8080", "servicecheck-01-tcp-8081"


@pytest.mark.parametrize(
    "body",
    [
        {"host_status": "unreachable", "state": "started", "incomplete_config": {"image": "i", "metadata": {"a": "b"}}},
        {"host_status": "unreachable", "state": "started", "config": {"metadata": {"a": "b"}}},
        {"host_status": "unreachable", "state": "started", "checks": [{"name": "c", "status": "passing"}]},
        {"host_status": "unreachable", "config": None, "incomplete_config": None},
        {"host_status": "unreachable", "state": "", "checks": None, "events": None, "image_ref": None, "name": None},
        {"host_status": "unknown", "state": "started", "incomplete_config": {"metadata": None}},
        {"state": "started", "incomplete_config": {}, "checks": [None], "events": [None], "image_ref": "?"},
        {},
    ],
)
def test_a_machine_on_a_lost_host_is_read_whatever_is_missing(body: dict[str, Any]) -> None:
    found = parse_machine({"id": "m1", **body})
    assert (found.id, found.lost, found.healthy, found.gone) == ("m1", True, False, False)
    assert set(found.metadata) <= {"a"}


@pytest.mark.parametrize(
    ("host", "lost"), [("unknown", True), ("unreachable", True), ("new", True), ("ok", False), ("", False)]
)
def test_a_machine_is_lost_on_every_host_that_is_not_ok_whatever_is_known_of_it(host: str, lost: bool) -> None:
    assert parse_machine({"id": "m1", "state": "started", "host_status": host, "config": {"image": "i"}}).lost is lost


@pytest.mark.parametrize("body", [[], {"state": "started"}, {"id": "", "state": "x"}, {"id": "m", "config": {"a": 1}}])
def test_what_is_no_machine_is_refused(body: Any) -> None:
    with pytest.raises(Malformed):
        parse_machine(body)


@pytest.mark.parametrize(
    ("reported", "config", "healthy"),
    [
        ({}, {}, False),
        ({"own": "passing"}, {}, True),
        ({"own": "critical"}, {}, False),
        ({FIRST: "passing", SECOND: "passing"}, {"services": SERVICES}, True),
        ({FIRST: "passing"}, {"services": SERVICES}, False),  # the other has not been reported yet
        ({"own": "passing"}, {"services": SERVICES}, False),
        ({FIRST: "passing", SECOND: "warning"}, {"services": SERVICES}, False),
        ({FIRST: "passing", SECOND: "passing", "own": "critical"}, {"services": SERVICES, "checks": {"own": {}}}, True),
        (
            {FIRST: "passing", "own": "critical"},
            {"services": SERVICES[:1], "checks": {"own": {"kind": "readiness"}}},
            False,
        ),
        ({FIRST: "passing"}, {"services": SERVICES[:1], "checks": {"own": {"kind": "readiness"}}}, False),
        ({"own": "passing", "other": "critical"}, {"checks": {"own": {"kind": "readiness"}, "other": {}}}, True),
        ({FIRST: "passing", "bg_deployments_compat-00-http-8080": "critical"}, {"services": SERVICES[:1]}, True),
        ({"own": "passing", "bg_deployments_http": "critical"}, {}, True),
        ({"bg_deployments_http": "passing"}, {}, False),
        ({FIRST: "critical", "bg_deployments_compat-00-http-8080": "passing"}, {"services": SERVICES[:1]}, False),
    ],
)
def test_the_checks_that_decide_about_requests_decide_about_health(
    reported: dict[str, str], config: dict[str, Any], healthy: bool
) -> None:
    checks = [{"name": name, "status": status} for name, status in reported.items()]
    body = {"id": "m1", "state": "started", "config": {"image": "i", **config}, "checks": checks}
    assert parse_machine(body).healthy is healthy
    assert not parse_machine(body | {"state": "stopped"}).healthy


def test_one_that_was_migrated_is_gone_and_its_successor_is_there() -> None:
    old, new = (
        {"id": id_, "state": state, "config": {"image": "i"}} for id_, state in (("m1", "migrated"), ("m2", "started"))
    )
    client = FlyClient(
        "http://fly", "a", Secret("t"), transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[old, new]))
    )
    assert [machine.id for machine in client.machines.list()] == ["m2"]


def waiting(monkeypatch: pytest.MonkeyPatch, *answers: int) -> tuple[FlyClient, list[dict[str, str]]]:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        return httpx.Response(answers[min(len(asked), len(answers)) - 1], json={"error": "not found"})

    monkeypatch.setattr("time.sleep", lambda _: None)
    patience = Patience(attempts=1)
    return FlyClient("http://fly", "a", Secret("t"), patience=patience, transport=httpx.MockTransport(answer)), asked


ONE = parse_machine({"id": "m1", "state": "created", "instance_id": "01VERSION", "config": {"image": "i"}})


@pytest.mark.parametrize(("timeout", "seconds"), [(0.2, "1"), (5.5, "5"), (60, "59"), (600, "60")])
def test_a_wait_names_the_version_and_a_time_that_the_platform_takes(
    monkeypatch: pytest.MonkeyPatch, timeout: float, seconds: str
) -> None:
    client, asked = waiting(monkeypatch, 200)
    client.machines.wait(ONE, "started", timeout)
    assert asked == [{"state": "started", "timeout": seconds, "version": "01VERSION"}]


def test_a_machine_just_created_may_be_unknown_to_a_wait_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    client, asked = waiting(monkeypatch, 404, 404, 408, 200)
    client.machines.wait(ONE, "started", 30)
    assert len(asked) == 4
    monkeypatch.setattr(machines, "UNKNOWN_SECONDS", 0.0)
    client, _ = waiting(monkeypatch, 404)
    with pytest.raises(NotFound):
        client.machines.wait(ONE, "started", 30)
    client, _ = waiting(monkeypatch, 408)
    with pytest.raises(TimedOut, match="not started after 0 s"):
        client.machines.wait(ONE, "started", 0.05)
