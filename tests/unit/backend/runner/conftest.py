"""Real parts: this host's launcher, a service made of it, and a client that speaks to it without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from backend.runner.api.app import create_app
from backend.runner.api.metrics import Metrics
from backend.runner.execution.executor import Executor
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest, for_tests
from backend.runner.languages import all_languages
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Verdict
from backend.runner.service import Service
from backend.runner.settings import Settings
from backend.runner.startup import make_service

Result = TypeVar("Result")
NOWHERE = Plan(host=Host(Path("/nowhere"), (), False), cgroups=None, caches=None)
"""For slots that are handed out and never opened."""
VARIABLES = (("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/work"), ("LANG", "C.UTF-8"))


def compile_c(source: str, directory: Path, *options: str) -> bytes:
    """A C program that this host's compiler makes, outside of the sandbox."""
    written, program = directory / "main.c", directory / "main"
    written.write_text(source)
    subprocess.run(["gcc", *options, "-o", program, written], check=True)
    return program.read_bytes()


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


async def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Return once it `holds`, which nobody tells; raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


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


@pytest.fixture(scope="module")
def served_by_one() -> Iterator[Callable[[Case], None]]:
    """The same of one service, with nothing set, for all cases of a module that leave it as it was."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        client, service = runner.run(stack.enter_async_context(_served({})))
        try:
            yield lambda case: runner.run(_do(case, client, service))
        finally:
            runner.run(stack.aclose())


async def _do(case: Case, client: httpx.AsyncClient, service: Service) -> None:
    await case(client, service)


RunProgram = Callable[..., Outcome]
RunTests = Callable[..., Outcome]


@pytest.fixture
def run_program(host: Host, place: Place) -> RunProgram:
    """Run a program of a language as the service does, without its cache and what waits to be used."""
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset())

    def run(name: str, source: str | bytes, files: dict[str, str] | None = None, **more: Any) -> Outcome:
        language = all_languages()[name]
        tool = (language.compile or language.run)[0]
        assert shutil.which(tool), f"no {tool}: `./dev python -m deploy.workstation languages` installs it"
        request = RunRequest(
            language=language, source=source.encode() if isinstance(source, str) else source,
            files={name: text.encode() for name, text in (files or {}).items()},
            limits=more.pop("limits", Limits(timeout=20, memory_kb=1 << 20)), **more,
        )  # fmt: skip
        return place.do(executor.execute(place.slot, request))

    return run


@pytest.fixture
def run_tests(host: Host, place: Place) -> RunTests:
    """Run the tests of a program."""
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset())

    def run(name: str, source: str, files: dict[str, str] | None = None) -> Outcome:
        language = all_languages()[name]
        assert language.testing is not None
        needed = language.testing.needs
        assert not needed or Path(needed).exists(), f"no {needed}: `./dev python -m deploy.workstation languages`"
        tool, report = for_tests(language, files or {}, ())
        request = RunRequest(
            language=tool, source=source.encode(), report=report,
            files={name: text.encode() for name, text in (files or {}).items()},
            limits=Limits(timeout=20, memory_kb=1 << 20),
        )  # fmt: skip
        return place.do(executor.execute(place.slot, request))

    return run
