"""Starting, stopping, and what comes back."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from deploy import workstation
from deploy.emulator import EmulatorError, Tenant, running, start, stop
from tests.deploy.emulator.support import (
    TENANTS,
    Emulated,
    emulator,
    is_healthy,
    launch,
    machine_config,
    until,
)

HOST = "runner-staging.fly.dev"


@pytest.fixture
def own(tmp_path: Path, docker_host: str, engine: docker.DockerClient, image: str) -> Iterator[Emulated]:
    """An emulator of a test's own."""
    with emulator(tmp_path / "emulator", docker_host, engine) as found:
        yield found


def left_in(engine: docker.DockerClient, state: Path) -> list[Any]:
    """Containers and networks of an emulator that stand in the engine."""
    instance = (state / "state.json").read_text().split('"instance": "')[1].split('"')[0]
    filters: dict[str, Any] = {"label": f"codecanvas.emulator={instance}"}
    return [*engine.containers.list(all=True, filters=filters), *engine.networks.list(filters=filters)]


def test_a_stopped_emulator_leaves_nothing_running_and_starts_with_the_same_machines(
    own: Emulated, engine: docker.DockerClient, docker_host: str
) -> None:
    config = machine_config("runner-staging", own.push("staging", "runner-staging"))
    serving = own.serving("staging", config, name="serving")["id"]
    resting = own.serving("staging", config, name="resting")
    with own.fly("staging") as fly:
        fly.post(f"/apps/runner-staging/machines/{resting['id']}/stop")
        query = {"state": "stopped", "instance_id": resting["instance_id"]}
        fly.get(f"/apps/runner-staging/machines/{resting['id']}/wait", params=query)
    assert stop(own.state) is True
    assert running(own.state) is None
    assert left_in(engine, own.state) == []
    assert stop(own.state) is False

    again = launch(own.state, docker_host)
    assert (again.fly_api, again.registry, again.urls) == (
        own.running.fly_api,
        own.running.registry,
        own.running.urls,
    )
    assert own.edge(HOST, "/cgi-bin/who").json()["machine"] == serving  # restored before start returned
    assert is_healthy(own.look("staging", serving))
    assert own.look("staging", resting["id"])["state"] == "stopped"
    with own.fly("staging") as fly:
        fly.post(f"/apps/runner-staging/machines/{resting['id']}/start")
    assert until(lambda: is_healthy(own.look("staging", resting["id"])))


def test_a_killed_emulator_is_swept_and_restored(own: Emulated, engine: docker.DockerClient, docker_host: str) -> None:
    config = machine_config("runner-staging", own.push("staging", "runner-staging"))
    machine = own.serving("staging", config)["id"]
    os.kill(own.running.pid, signal.SIGKILL)
    assert until(lambda: running(own.state) is None)
    assert len(left_in(engine, own.state)) == 2  # the container and its network
    launch(own.state, docker_host)
    assert own.edge(HOST, "/cgi-bin/who").json()["machine"] == machine
    assert stop(own.state) is True
    assert left_in(engine, own.state) == []


def test_stop_sweeps_after_a_kill(own: Emulated, engine: docker.DockerClient) -> None:
    own.serving("staging", machine_config("runner-staging", own.push("staging", "runner-staging")))
    os.kill(own.running.pid, signal.SIGKILL)
    assert until(lambda: running(own.state) is None)
    assert stop(own.state) is True
    assert left_in(engine, own.state) == []


def test_start_is_idempotent_and_refuses_new_tenants_while_running(own: Emulated, docker_host: str) -> None:
    assert launch(own.state, docker_host) == own.running
    caddy, registry = workstation.program("caddy"), workstation.program("docker-registry")
    more = (*TENANTS, Tenant("third", "runner-third", "third-frontend", "third.fly.dev", "third.pages.dev"))
    with pytest.raises(EmulatorError, match="runs without third; stop it"):
        start(own.state, more, docker_host=docker_host, caddy=caddy, registry=registry, seccomp=None)


def test_start_says_what_is_missing(tmp_path: Path, docker_host: str) -> None:
    nowhere = tmp_path / "caddy"
    with pytest.raises(EmulatorError, match="caddy is missing; install it"):
        start(
            tmp_path, TENANTS, docker_host=docker_host, caddy=nowhere, registry=nowhere, seccomp=None
        )  # fmt: skip
    caddy, registry = workstation.program("caddy"), workstation.program("docker-registry")
    with pytest.raises(EmulatorError, match="no Docker engine answers at unix:///nowhere"):
        start(
            tmp_path, TENANTS, docker_host="unix:///nowhere", caddy=caddy, registry=registry, seccomp=None
        )  # fmt: skip
