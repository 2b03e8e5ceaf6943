"""A real emulator in a temporary directory, and a tiny real image for its machines."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound
from filelock import FileLock

from deploy import workstation
from deploy.emulator.faults import FaultClient
from deploy.workstation.base_image import ensure_base
from tests.deploy.emulator.support import CONTEXT, IMAGE, TENANTS, Emulated, context, emulator, machine_config


@pytest.fixture(scope="session")
def docker_host() -> str:
    """The engine's address; where none can be had these tests fail, and say what to do."""
    return workstation.docker_host()


@pytest.fixture(scope="session")
def engine(docker_host: str) -> Iterator[docker.DockerClient]:
    """The engine, seen past the emulator."""
    client = docker.DockerClient(base_url=docker_host)
    yield client
    client.close()


@pytest.fixture(scope="session")
def image(engine: docker.DockerClient) -> str:
    """The tiny image, built once on a machine however many processes ask."""
    with FileLock(Path(tempfile.gettempdir()) / "cc-emulator-test.lock"):
        try:
            engine.images.get(IMAGE)
        except ImageNotFound:
            ensure_base(engine, lambda _: None)
            engine.images.build(fileobj=context(CONTEXT), custom_context=True, tag=IMAGE, rm=True)
    return IMAGE


@pytest.fixture(scope="session")
def shared(
    docker_host: str, engine: docker.DockerClient, image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulated]:
    """One emulator for all tests that need none of their own."""
    with emulator(tmp_path_factory.mktemp("emulator"), docker_host, engine) as found:
        yield found


@pytest.fixture(scope="module")
def emulated(shared: Emulated) -> Iterator[Emulated]:
    """The shared emulator, without machines or faults of the module before."""
    yield shared
    FaultClient(shared.state).clear()
    for tenant in TENANTS:
        shared.clear(tenant.environment)


@pytest.fixture(scope="module")
def staging(emulated: Emulated) -> dict[str, Any]:
    """A configuration for machines of staging, its image pushed."""
    return machine_config("runner-staging", emulated.push("staging", "runner-staging"))
