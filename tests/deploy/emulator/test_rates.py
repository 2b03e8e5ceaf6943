"""The documented rate limits: by a clock of the test's own, and once on the wire."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import httpx
import pytest

from deploy.emulator.faults import FaultClient
from deploy.emulator.fly.rates import Action, Buckets, action_of
from tests.deploy.emulator.support import Emulated, emulator

MACHINES = "/v1/apps/a/machines"


@pytest.mark.parametrize(
    ("method", "path", "name", "identifier"),
    [
        ("GET", "/v1/apps", "GET app", ""),
        ("GET", "/v1/apps/a", "GET app", "a"),
        ("POST", MACHINES, "POST machines", "a"),
        ("GET", MACHINES, "GET machines", "a"),
        ("GET", f"{MACHINES}/1", "GET machine", "1"),
        ("POST", f"{MACHINES}/1", "POST machine", "1"),
        ("GET", f"{MACHINES}/1/wait", "GET machine/wait", "1"),
        ("POST", f"{MACHINES}/1/start", "POST machine/start", "1"),
        ("POST", f"{MACHINES}/1/metadata/key", "POST machine/metadata/…", "1"),
        ("POST", "/v1/apps/a/secrets/NAME", "POST app/secrets/…", "a"),
    ],
)
def test_requests_are_counted_by_action_and_identifier(method: str, path: str, name: str, identifier: str) -> None:
    assert action_of(method, path) == Action(name, identifier)


def test_what_is_not_the_machines_api_is_not_counted() -> None:
    assert action_of("GET", "/client/v4/accounts/x") is None
    assert action_of("GET", "/registry-access") is None


@pytest.mark.parametrize(
    ("action", "burst", "rate"),
    [(Action("POST machine/start", "1"), 3, 1.0), (Action("GET machine", "1"), 10, 5.0)],
)
def test_a_bucket_gives_its_burst_and_then_its_rate(action: Action, burst: int, rate: float) -> None:
    now = [100.0]
    buckets = Buckets(lambda: now[0])
    assert [buckets.take(action) for _ in range(burst)] == [0.0] * burst
    assert buckets.take(action) == pytest.approx(1 / rate)
    now[0] += 1 / rate
    assert buckets.take(action) == 0.0
    assert buckets.take(action) > 0
    now[0] += 1000
    assert [buckets.take(action) > 0 for _ in range(burst + 1)] == [False] * burst + [True]
    assert buckets.take(Action(action.name, "another")) == 0.0
    assert buckets.take(Action("POST machine/stop", action.identifier)) == 0.0


@pytest.fixture(scope="module")
def limited(
    docker_host: str, engine: docker.DockerClient, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    """An emulator that was started with the documented limits."""
    with emulator(tmp_path_factory.mktemp("limited"), docker_host, engine, rates="documented") as found:
        yield found


def many(client: httpx.Client, path: str, count: int) -> list[httpx.Response]:
    """The same request again and again, as fast as it goes."""
    return [client.get(path) for _ in range(count)]


def test_beyond_the_burst_a_request_is_answered_429(limited: Emulated) -> None:
    with limited.fly("staging") as fly:
        assert fly.post("/apps", json={"name": "runner-staging", "org_slug": "staging"}).status_code == 201
        answers = many(fly, "/apps/runner-staging/machines", 12)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
        assert refused
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert refused[0].headers["fly-request-id"]
        assert fly.get("/apps/runner-staging").status_code == 200  # another action
    with httpx.Client(base_url=f"{limited.running.fly_api}/v1", trust_env=False) as nobody:
        assert {answer.status_code for answer in many(nobody, "/apps", 6)} == {401}


def test_by_default_there_are_no_limits_and_a_rule_brings_them(emulated: Emulated) -> None:
    faults = FaultClient(emulated.state)
    with emulated.fly("staging") as fly:
        fly.post("/apps", json={"name": "runner-staging", "org_slug": "staging"})
        assert {answer.status_code for answer in many(fly, "/apps/runner-staging/machines", 12)} == {200}
        (rule,) = faults.add({"kind": "rates", "times": None})
        assert 429 in {answer.status_code for answer in many(fly, "/apps/runner-staging/machines", 12)}
        faults.forget(rule["id"])
        assert faults.all() == []
        assert {answer.status_code for answer in many(fly, "/apps/runner-staging/machines", 12)} == {200}
