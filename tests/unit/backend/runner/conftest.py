"""Real parts: this host's bubblewrap, a service made of it, and a client that speaks to it without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, cast

import httpx
import pytest

from backend.runner.api.app import create_app
from backend.runner.api.backend import Backend
from backend.runner.api.metrics import Metrics
from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot, make_slots
from backend.runner.sandbox.supervise import run_step
from backend.runner.sandbox.verdict import Verdict
from backend.runner.service import Service, make_service
from backend.runner.settings import Settings


@pytest.fixture(scope="session")
def host() -> Host:
    return Host.find()


@pytest.fixture
def slot(host: Host) -> Iterator[Slot]:
    with make_slots(host, 1) as (only,):
        yield only


@pytest.fixture
def shell(host: Host, slot: Slot) -> Callable[..., Verdict]:
    """Run a line of shell in a sandbox."""

    def run(line: str, stdin: bytes = b"", **limits: Any) -> Verdict:
        step = Step(command=("bash", "-c", line), limits=Limits(**{"timeout": 10, **limits}), stdin=stdin)
        return run_step(host, slot, step)

    return run


@contextlib.asynccontextmanager
async def _served(variables: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, Service]]:
    metrics = Metrics()
    async with make_service(Settings.read(variables), metrics.observe) as service:
        transport = httpx.ASGITransport(cast("Any", create_app(cast("Backend", service), metrics)))
        async with httpx.AsyncClient(transport=transport, base_url="http://runner", timeout=30) as client:
            yield client, service


Case = Callable[[httpx.AsyncClient, Service], Awaitable[None]]


@pytest.fixture
def served() -> Callable[..., None]:
    """Run an asynchronous case with a client and the service it speaks to, made with the variables given."""

    def run(case: Case, **variables: str) -> None:
        async def go() -> None:
            async with _served(variables) as (client, service):
                await case(client, service)

        asyncio.run(go())

    return run
