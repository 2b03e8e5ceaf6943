"""Volumes: what a machine keeps when it is replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.deploy.emulator.support import Emulated, is_healthy, until

VOLUMES, MACHINES = "/apps/runner-staging/volumes", "/apps/runner-staging/machines"


@pytest.fixture
def fly(emulated: Emulated) -> Iterator[httpx.Client]:
    """The API as staging's token sees it."""
    with emulated.fly("staging") as client:
        yield client


def execute(fly: httpx.Client, machine: str, script: str) -> dict[str, Any]:
    """Run a shell script in a machine."""
    body = {"command": ["/bin/sh", "-c", script]}
    return dict(fly.post(f"{MACHINES}/{machine}/exec", json=body).json())


def test_a_volume_outlives_its_machines(emulated: Emulated, fly: httpx.Client, staging: dict[str, Any]) -> None:
    volume = fly.post(VOLUMES, json={"name": "data", "region": "fra", "size_gb": 1}).json()
    assert (volume["name"], volume["region"], volume["attached_machine_id"]) == ("data", "fra", None)
    assert [one["id"] for one in fly.get(VOLUMES).json()] == [volume["id"]]
    config = {**staging, "mounts": [{"volume": volume["id"], "path": "/data"}]}
    first = emulated.serving("staging", config, region="fra")["id"]
    assert execute(fly, first, "echo kept >/data/file")["exit_code"] == 0
    assert fly.get(f"{VOLUMES}/{volume['id']}").json()["attached_machine_id"] == first

    refused = fly.post(MACHINES, json={"config": config, "region": "fra"})
    assert (refused.status_code, first in refused.json()["error"]) == (412, True)
    assert fly.post(MACHINES, json={"config": config, "region": "ams"}).status_code == 400
    assert fly.delete(f"{VOLUMES}/{volume['id']}").status_code == 412

    assert fly.post(f"{MACHINES}/{first}", json={"config": config}).status_code == 200
    assert until(lambda: is_healthy(emulated.look("staging", first)))
    assert execute(fly, first, "cat /data/file")["stdout"] == "kept\n"
    emulated.clear("staging")
    second = emulated.serving("staging", config, region="fra")["id"]
    assert execute(fly, second, "cat /data/file")["stdout"] == "kept\n"
    emulated.clear("staging")

    assert fly.delete(f"{VOLUMES}/{volume['id']}").json()["state"] == "destroyed"
    assert fly.get(f"{VOLUMES}/{volume['id']}").status_code == 404
    assert fly.get(VOLUMES).json() == []
    assert not (emulated.state / "volumes" / volume["id"]).exists()


@pytest.mark.parametrize(
    "body", [{}, {"name": "Big-Name"}, {"name": "ok", "size_gb": 0}, {"name": "ok", "size_gb": "1"}]
)
def test_a_volume_needs_a_name_and_a_size(fly: httpx.Client, staging: dict[str, Any], body: dict[str, Any]) -> None:
    assert fly.post(VOLUMES, json=body).status_code == 400
