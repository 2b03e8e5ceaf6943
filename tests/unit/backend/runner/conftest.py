"""Real parts: this host's launcher, a service made of it, and a client that speaks to it without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from backend.runner.api.app import create_app
from backend.runner.api.metrics import Metrics
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Verdict
from backend.runner.service import Service, make_service
from backend.runner.settings import Settings

Result = TypeVar("Result")
NOWHERE = Plan(host=Host(Path("/nowhere"), (), False), cgroups=None, caches=None)
"""For slots that are handed out and never opened."""
VARIABLES = (("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/work"), ("LANG", "C.UTF-8"))


class Place:
    """A slot, and the event loop that it belongs to, for tests that are not asynchronous."""

    def __init__(self, host: Host) -> None:
        self.runner = asyncio.Runner()
        self.slot = Slot(0, Plan(host=host, cgroups=None, caches=None))

    def do(self, work: Awaitable[Result]) -> Result:
        """Wait for `work` on the slot's loop."""

        async def wait() -> Result:
            return await work

        return self.runner.run(wait())

    def run(self, command: tuple[str, ...], **more: Any) -> Verdict:
        """Run a step; whatever is not said of it is as usual."""
        limits = more.pop("limits", Limits())
        more = {"variables": VARIABLES, **more}
        return self.do(self.slot.run(Step(command=command, limits=limits, **more)))

    def shell(self, line: str, stdin: bytes = b"", **limits: Any) -> Verdict:
        """Run a line of shell."""
        return self.run(("bash", "-c", line), stdin=stdin, limits=Limits(**{"timeout": 10, **limits}))

    def close(self) -> None:
        """End it."""
        self.do(self.slot.close())
        self.runner.close()


@pytest.fixture(scope="session")
def host() -> Host:
    return Host.find(find_launcher())


@pytest.fixture
def place(host: Host) -> Iterator[Place]:
    made = Place(host)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def shell(place: Place) -> Callable[..., Verdict]:
    """Run a line of shell in a sandbox."""
    return place.shell


@contextlib.asynccontextmanager
async def _served(variables: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, Service]]:
    metrics = Metrics()
    async with make_service(Settings.read(variables), metrics.observe) as service:
        transport = httpx.ASGITransport(create_app(service, metrics))
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
