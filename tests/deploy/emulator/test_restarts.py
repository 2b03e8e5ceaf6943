"""Machines that end by themselves, or never begin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator.faults import inject
from deploy.emulator.machines import restarts
from tests.deploy.emulator.support import Emulated, is_healthy, until

MACHINES = "/apps/runner-staging/machines"


@pytest.fixture
def fly(emulated: Emulated) -> Iterator[httpx.Client]:
    """The API as staging's token sees it."""
    with emulated.fly("staging") as client:
        yield client


def exits(machine: dict[str, Any]) -> list[dict[str, Any]]:
    """What the exit events say, oldest first."""
    return [event["request"] for event in reversed(machine["events"]) if event["type"] == "exit"]


@pytest.mark.parametrize(
    ("restart", "code", "lives"),
    [
        ({"policy": "no"}, "3", 1),
        ({"policy": "on-failure", "max_retries": 2}, "3", 3),
        ({"policy": "on-failure", "max_retries": 2}, "0", 1),
    ],
)
def test_a_crash_is_answered_by_the_restart_policy(
    emulated: Emulated, staging: dict[str, Any], restart: dict[str, Any], code: str, lives: int
) -> None:
    config = {**staging, "restart": restart, "env": {"EXIT": code}}
    machine = emulated.create("staging", config)["id"]
    assert until(lambda: emulated.look("staging", machine)["state"] == "stopped", 30), emulated.look("staging", machine)
    told = exits(emulated.look("staging", machine))
    assert [one["exit_event"]["exit_code"] for one in told] == [int(code)] * lives
    assert [one["exit_event"]["restarting"] for one in told] == [True] * (lives - 1) + [False]
    assert [one.get("restart_count") for one in told][: lives - 1] == list(range(lives - 1))


def test_a_machine_that_always_restarts_can_still_be_stopped(
    emulated: Emulated, fly: httpx.Client, staging: dict[str, Any]
) -> None:
    machine = emulated.create("staging", {**staging, "restart": {"policy": "always"}, "env": {"EXIT": "0"}})["id"]
    assert until(lambda: len(exits(emulated.look("staging", machine))) > 2)
    assert until(lambda: fly.post(f"{MACHINES}/{machine}/stop").status_code == 200)
    assert until(lambda: emulated.look("staging", machine)["state"] == "stopped")
    lives = len(exits(emulated.look("staging", machine)))
    assert not until(lambda: len(exits(emulated.look("staging", machine))) > lives, 1.0)


def test_a_killed_machine_is_brought_back_and_serves(emulated: Emulated, staging: dict[str, Any]) -> None:
    machine = emulated.serving("staging", staging)
    inject(emulated.state, [{"kind": "die", "match": {"machine": machine["id"]}}])

    def back() -> bool:
        seen = emulated.look("staging", machine["id"])
        return len(exits(seen)) == 1 and is_healthy(seen)

    assert until(back)
    assert exits(emulated.look("staging", machine["id"]))[0]["exit_event"]["exit_code"] == 137
    assert emulated.look("staging", machine["id"])["instance_id"] == machine["instance_id"]


def test_the_pause_between_lives_grows_to_a_limit() -> None:
    pauses = [restarts.pause(crashes) for crashes in range(12)]
    assert pauses == sorted(pauses)
    assert pauses[0] < 1 < pauses[-1] == restarts.LONGEST_PAUSE


def test_auto_destroy_leaves_nothing(emulated: Emulated, fly: httpx.Client, staging: dict[str, Any]) -> None:
    config = {**staging, "auto_destroy": True, "restart": {"policy": "no"}, "env": {"EXIT": "0"}}
    machine = emulated.create("staging", config)["id"]
    assert fly.get(f"{MACHINES}/{machine}/wait?state=destroyed&timeout=20").status_code == 200


def test_what_cannot_be_started_has_failed(emulated: Emulated, fly: httpx.Client, staging: dict[str, Any]) -> None:
    machine = emulated.create("staging", {**staging, "init": {"exec": ["/no/such/program"]}})["id"]
    assert fly.get(f"{MACHINES}/{machine}/wait?state=failed&timeout=20").json()["state"] == "failed"
    event = emulated.look("staging", machine)["events"][0]
    assert event["type"] == "launch_failed"
    assert "/no/such/program" in event["request"]["error"]
    assert fly.delete(f"{MACHINES}/{machine}").status_code == 200


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"image": f"registry.fly.io/runner-staging@sha256:{'0' * 64}"}, "MANIFEST_UNKNOWN"),
        ({"image": "registry.fly.io/runner-staging:never-pushed"}, "MANIFEST_UNKNOWN"),
        ({"image": "docker.io/library/debian"}, "only registry.fly.io"),
        ({"restart": {"policy": "sometimes"}}, "restart.policy"),
        ({"stop_config": {"signal": "SIGNOTHING"}}, "stop_config.signal"),
        ({"checks": {"odd": {"type": "smell", "port": 1}}}, "neither http nor tcp"),
        ({"guest": {"memory_mb": -1}}, "guest.memory_mb"),
        ({"mounts": [{"volume": "vol_none", "path": "/data"}]}, "create it first"),
        ({"schedule": "daily"}, "leave it out"),
    ],
)
def test_what_cannot_be_made_is_refused_and_nothing_is_made(
    fly: httpx.Client, emulated: Emulated, staging: dict[str, Any], config: dict[str, Any], told: str
) -> None:
    before = fly.get(MACHINES, params={"include_deleted": "true"}).json()
    answer = fly.post(MACHINES, json={"config": {**staging, **config}})
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert len(fly.get(MACHINES, params={"include_deleted": "true"}).json()) == len(before)
