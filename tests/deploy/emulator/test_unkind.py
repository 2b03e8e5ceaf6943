"""The emulator is as unkind as the provider, and the pipeline's engine ends well all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator.faults import FaultClient
from deploy.ledger import Status
from deploy.platforms.fly import FlyClient
from deploy.settings.policy import Strategy
from deploy.settings.secrets import Secret
from tests.deploy.emulator.released import Staging
from tests.deploy.emulator.support import Emulated, is_healthy, until

APP, HOST = "/apps/runner-staging", "runner-staging.fly.dev"
MACHINES = f"{APP}/machines"


@pytest.fixture
def faults(emulated: Emulated) -> Iterator[FaultClient]:
    """Faults, all forgotten after the test."""
    client = FaultClient(emulated.state)
    yield client
    client.clear()


@pytest.fixture
def fly(emulated: Emulated, staging: dict[str, Any], faults: FaultClient) -> Iterator[httpx.Client]:
    """The API as staging's token sees it, its app there and empty afterwards."""
    with emulated.fly("staging") as client:
        yield client
    faults.clear()
    emulated.clear("staging")


@pytest.fixture
def released(emulated: Emulated, staging: dict[str, Any], fly: httpx.Client) -> Iterator[Staging]:
    """Staging with one release in traffic."""
    made = Staging(emulated, staging)
    assert made.deploy(made.release()) is Status.DEPLOYED
    yield made
    made.close()


def test_a_machine_on_a_lost_host_is_shown_without_its_configuration(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any], emulated: Emulated
) -> None:
    made = emulated.serving("staging", {**staging, "metadata": {"a": "b"}, "env": {"C": "d"}}, name="one")
    path = f"{MACHINES}/{made['id']}"
    faults.add({"kind": "lose_host", "match": {"machine": "one"}})
    (shown,) = fly.get(MACHINES).json()
    assert shown == fly.get(path).json()
    assert (shown["host_status"], "config" in shown, shown.get("checks")) == ("unreachable", False, None)
    assert (shown["incomplete_config"]["metadata"], "env" in shown["incomplete_config"]) == ({"a": "b"}, False)
    assert until(lambda: emulated.edge(HOST, "/healthz").status_code == 503)
    for verb in ("lease", "cordon", "start", "stop", "metadata/x"):
        assert fly.post(f"{path}/{verb}", json={"ttl": 5, "value": "y"}).status_code == 503
    assert fly.delete(path).status_code == 503
    faults.clear()
    assert "config" in fly.get(path).json()
    assert until(lambda: emulated.edge(HOST, "/healthz").status_code == 200)
    faults.add({"kind": "lose_host", "code": "bare", "match": {"machine": made["id"]}})
    assert "metadata" not in fly.get(path).json()["incomplete_config"]
    faults.clear()
    faults.add({"kind": "lose_host", "code": "unknown whole", "match": {"machine": made["id"]}})
    shown = fly.get(path).json()
    assert (shown["host_status"], shown["config"]["env"], "checks" in shown) == ("unknown", {"C": "d"}, True)
    assert fly.post(f"{path}/lease", json={"ttl": 5}).status_code == 503


@pytest.mark.parametrize("word", ["force", "kill"])
def test_a_machine_on_a_lost_host_is_destroyed_by_force_alone(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any], emulated: Emulated, word: str
) -> None:
    made = emulated.serving("staging", staging, name=f"lost-{word}")
    path, match = f"{MACHINES}/{made['id']}", {"machine": made["id"]}
    faults.add({"kind": "lose_host", "code": "stuck", "match": match})
    assert fly.delete(path, params={word: "true"}).status_code == 503  # not every host gives it up
    faults.clear()
    faults.add({"kind": "lose_host", "code": "unknown", "match": match})
    assert fly.delete(path, params={word: "false"}).status_code == 503
    assert fly.delete(path, params={word: "true"}).status_code == 200
    assert until(lambda: fly.get(MACHINES).json() == [])


def test_the_client_destroys_what_is_on_a_lost_host_without_a_lease(released: Staging, faults: FaultClient) -> None:
    faults.add({"kind": "lose_host", "match": {"machine": "staging-d1-1$"}})
    lost = next(each for each in released.platform.machines() if not each.reachable)
    released.platform.destroy(lost.id)
    assert until(lambda: lost.id not in {each.id for each in released.platform.machines()})
    released.platform.destroy(lost.id)  # gone already


def test_an_app_that_was_just_created_is_not_found_for_a_while(
    fly: httpx.Client, faults: FaultClient, emulated: Emulated
) -> None:
    assert fly.delete("/apps/runner-staging").status_code == 202
    faults.add({"kind": "eventual", "seconds": 1.5})
    token = Secret(emulated.tokens["staging"]["FLY_API_TOKEN"])
    client = FlyClient(emulated.running.fly_api, "runner-staging", token)
    client.create_app("staging", network="runner-staging")
    assert client.app_exists()
    faults.clear()
    assert fly.delete("/apps/runner-staging").status_code == 202
    faults.add({"kind": "eventual", "seconds": 1.5})
    assert fly.post("/apps", json={"name": "runner-staging", "org_slug": "staging"}).status_code == 201
    for path in ("", "/machines", "/secrets", "/ip_assignments"):
        assert fly.get(f"/apps/runner-staging{path}").status_code == 404
    client.create_app("staging", network="runner-staging")  # another deployer made it a moment ago
    assert client.app_exists()
    assert fly.post("/apps/runner-staging/ip_assignments", json={"type": "shared_v4"}).status_code == 200
    client.close()


def test_a_release_replaces_what_is_on_a_lost_host_and_a_repair_removes_it_when_it_is_back(
    released: Staging, faults: FaultClient
) -> None:
    faults.add({"kind": "lose_host", "code": "bare", "match": {"machine": "staging-d1-1$"}})
    assert released.repair() is Status.DEPLOYED
    assert len([each for each in released.machines() if each[3]]) >= 2
    lost = next(each for each in released.platform.machines() if not each.reachable)
    assert any(lost.id in getattr(event, "note", "") for event in released.events)
    assert released.deploy(released.release()) is Status.DEPLOYED
    faults.clear()
    assert released.repair() is Status.DEPLOYED
    assert {each[0] for each in released.machines() if each[3]} == {"d2"}
    assert sorted(each[:2] for each in released.machines() if each[0] == "d2") == [("d2", 1), ("d2", 2)]
    assert not [each for each in released.machines() if each[0] == "d1" and each[3]]


def test_what_is_eventually_consistent(fly: httpx.Client, faults: FaultClient, staging: dict[str, Any]) -> None:
    faults.add({"kind": "eventual", "seconds": 1.0})
    body = {"config": staging, "skip_launch": True}
    answers = [fly.post(MACHINES, json={**body, "name": name}).status_code for name in ("one", "two", "three")]
    assert answers == [408, 408, 200]  # the first was made, the second was not
    made = fly.post(MACHINES, json={**body, "name": "one"})
    assert made.status_code == 408
    assert fly.get(MACHINES).json() == []
    assert until(lambda: sorted(each["name"] for each in fly.get(MACHINES).json()) == ["one", "three"])
    faults.clear()
    faults.add({"kind": "eventual", "seconds": 1.0})
    fly.post(MACHINES, json={**body, "name": "four"})
    faults.clear()
    four = next(each["id"] for each in fly.get(MACHINES).json() if each["name"] == "four")
    faults.add({"kind": "eventual", "seconds": 2.0})
    assert fly.get(f"{MACHINES}/{four}").status_code == 404
    assert fly.get(f"{MACHINES}/{four}/wait?state=started&timeout=1").status_code == 404
    assert until(lambda: fly.get(f"{MACHINES}/{four}").status_code == 200)


def test_over_a_platform_that_is_eventually_consistent_no_machine_is_made_twice_or_left(
    released: Staging, faults: FaultClient
) -> None:
    faults.add({"kind": "eventual", "seconds": 1.5})
    with released.asked(HOST) as answers:
        assert released.deploy(released.release(), Strategy.BLUEGREEN) is Status.DEPLOYED
        assert released.back_to("d1") is Status.DEPLOYED
    faults.clear()
    assert [each[:2] for each in released.machines()] == [("d1", 1), ("d1", 2), ("d2", 1), ("d2", 2)]
    assert set(answers) == {200}


def test_machines_say_whether_they_are_cordoned_unless_the_rule_hides_it(
    fly: httpx.Client, faults: FaultClient, staging: dict[str, Any], emulated: Emulated
) -> None:
    made = emulated.create("staging", staging, skip_service_registration=True)
    path = f"{MACHINES}/{made['id']}"
    assert made["cordoned"] is True
    fly.post(f"{path}/uncordon")
    assert fly.get(path).json()["cordoned"] is False
    fly.post(f"{path}/cordon")
    assert [each["cordoned"] for each in fly.get(MACHINES).json()] == [True]
    faults.add({"kind": "hide_cordoned"})
    assert "cordoned" not in fly.get(path).json()


def test_the_engine_needs_no_word_on_what_is_cordoned(released: Staging, faults: FaultClient) -> None:
    faults.add({"kind": "hide_cordoned"})
    assert released.deploy(released.release()) is Status.DEPLOYED
    assert {each[0] for each in released.machines() if each[3]} == {"d2"}


@pytest.mark.parametrize(("kind", "status"), [("informational", 200), ("readiness", 503)])
def test_a_check_beside_the_services_keeps_requests_away_only_if_it_is_one_of_readiness(
    fly: httpx.Client, staging: dict[str, Any], emulated: Emulated, kind: str, status: int
) -> None:
    own = {"type": "http", "port": 8080, "path": "/missing", "interval": "200ms", "kind": kind}
    made = emulated.create("staging", {**staging, "checks": {"own": own}})

    def told() -> set[str]:
        return {check["status"] for check in emulated.look("staging", made["id"])["checks"]}

    assert until(lambda: told() == {"passing", "critical"})
    time.sleep(0.3)
    assert emulated.edge(HOST, "/healthz").status_code == status


def test_the_checks_that_the_platform_adds_count_for_nothing(released: Staging, faults: FaultClient) -> None:
    faults.add({"kind": "shadow_checks"})
    shown = released.emulated.look("staging", released.platform.machines()[0].id)["checks"]
    assert [(each["name"][:21], each["status"]) for each in shown] == [
        ("servicecheck-00-http-", "passing"),
        ("bg_deployments_compat", "critical"),
    ]
    assert released.deploy(released.release()) is Status.DEPLOYED


def test_a_machine_that_moved_to_another_host_has_a_successor(released: Staging, faults: FaultClient) -> None:
    before = {each.id for each in released.platform.machines()}
    faults.add({"kind": "migrate", "match": {"machine": "staging-d1-1$"}})
    assert until(lambda: len({each.id for each in released.platform.machines() if each.healthy}) == 2)
    assert len(before & {each.id for each in released.platform.machines()}) == 1
    states = {each["state"] for each in released.fly.sender.send("GET", MACHINES, asked="list").json()}
    assert states == {"started", "migrated"}
    assert released.deploy(released.release()) is Status.DEPLOYED
    assert {each[0] for each in released.machines() if each[3]} == {"d2"}


def test_a_rollback_to_machines_whose_snapshots_are_gone_loses_no_request(
    released: Staging, faults: FaultClient
) -> None:
    assert released.deploy(released.release()) is Status.DEPLOYED
    kept = [each.id for each in released.platform.machines() if each.launch == "d1"]
    # Suspended by hand: the image has no metrics, so they were stopped.
    assert until(lambda: {each.state for each in released.platform.machines() if each.id in kept} == {"stopped"})
    for machine in kept:
        released.fly.machines.start(machine)
    assert until(lambda: all(is_healthy(released.emulated.look("staging", machine)) for machine in kept))
    for machine in kept:
        assert released.fly.machines.suspend(machine)
    assert until(lambda: {each.state for each in released.platform.machines() if each.id in kept} == {"suspended"})
    faults.add({"kind": "forget_snapshot"})
    with released.asked(HOST) as answers:
        assert released.back_to("d1") is Status.DEPLOYED
    assert {each.id for each in released.platform.machines() if each.traffic} == set(kept)
    assert set(answers) == {200}
