"""The application over a machine that carries out scripts in memory: what runs how is its own package's matter."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, cast

import httpx
import pytest
import uvicorn

from backend.runner.api.app import create_app
from backend.runner.api.metrics import Metrics
from backend.runner.execution.listener import Listener
from backend.runner.execution.outcome import CompileReport, Outcome, Status
from backend.runner.execution.queue import SlotQueue, Turns
from backend.runner.execution.request import Case, RunRequest
from backend.runner.languages import Language
from backend.runner.sandbox.layers import Layer
from backend.runner.sandbox.slots import Slot
from backend.runner.server import configuration
from backend.runner.settings import Settings
from tests.unit.backend.runner.conftest import NOWHERE

SCRIPT = Language(
    name="script", title="Script", aliases=("scr",), version=("script",), source="main.txt", run=("script",),
    hello="out hello", options={"-O[0-3]": "how fast"}, formatter=("formatter",),
)  # fmt: skip
COMPILED = dataclasses.replace(SCRIPT, name="compiled", aliases=(), compile=("compiler",), options={}, formatter=None)


class _Ended(Exception):
    """The program is over before its last line."""


class Program:
    """Carries out a script, a line after the other, and can be spoken to.

    The formatter carries out what it reads.

    out TEXT, err TEXT, hex BYTES: write; cat: write what is typed until its end; env: write what was asked for;
    sleep SECONDS; exit STATUS; crash: the machine itself fails
    """

    def __init__(self, machine: Machine, request: RunRequest, listener: Listener | None) -> None:
        self._machine = machine
        self._request = request
        self._listener = listener
        self._typed: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._written = {"stdout": bytearray(), "stderr": bytearray()}
        self._stopped = asyncio.Event()

    def stdin(self, data: bytes) -> None:
        self._typed.put_nowait(data)

    def end_stdin(self) -> None:
        self._typed.put_nowait(None)

    def signal(self, name: str) -> None:
        self._write("stdout", f"<{name}>".encode())

    def resize(self, rows: int, columns: int) -> None:
        self._write("stdout", f"<{rows}x{columns}>".encode())

    def stop(self) -> None:
        self._stopped.set()

    def _write(self, stream: str, data: bytes) -> None:
        self._written[stream] += data
        if self._listener is not None:
            self._listener.output(stream, data)

    async def run(self, compiled: CompileReport | None) -> Outcome:
        self.stdin(self._request.stdin)
        if not self._request.interactive:
            self.end_stdin()
        if self._listener is not None:
            self._listener.phase("run", compiled)
            self._listener.started(self)
        lines = asyncio.ensure_future(self._lines())
        stopping = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait([lines, stopping], return_when=asyncio.FIRST_COMPLETED)
            code = await lines if lines.done() else None
        finally:
            lines.cancel()
            stopping.cancel()
        status = Status.OK if code == 0 else Status.RUNTIME_ERROR
        error = "" if code == 0 else "killed" if code is None else f"exit status {code}"
        return Outcome(
            status=status, error=error, exit_code=code, stdout=bytes(self._written["stdout"]),
            stderr=bytes(self._written["stderr"]), time_ms=1.5, cpu_ms=1.0, memory_kb=100,
        )  # fmt: skip

    async def _lines(self) -> int:
        request = self._request
        script = request.stdin if request.language.run == SCRIPT.formatter else request.source
        for line in script.decode("utf-8", "replace").splitlines():
            word, _, rest = line.partition(" ")
            if word == "exit":
                return int(rest)
            await self._line(word, rest)
        return 0

    async def _line(self, word: str, rest: str) -> None:
        match word:
            case "out" | "err":
                self._write(f"std{word}", rest.encode() + b"\n")
            case "hex":
                self._write("stdout", bytes.fromhex(rest))
            case "flood":
                for _ in range(int(rest)):
                    self._write("stdout", b"x" * 65536)
            case "cat":
                while (typed := await self._typed.get()) is not None:
                    self._write("stdout", typed)
            case "env":
                request = self._request
                files = {name: content.hex() for name, content in request.files.items()}
                self._write(
                    "stdout", f"{request.args} {request.options} {files} {request.limits} {request.terminal}".encode()
                )
            case "sleep":
                await asyncio.sleep(float(rest))
            case "crash":
                raise RuntimeError("crashed")


class Machine:
    """What the routes need of a service."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        slots = [Slot(number, NOWHERE) for number in range(settings.num_runners)]
        self.queue = SlotQueue(
            slots, settings.queue_limit, patience=settings.queue_seconds, most_wait=settings.queue_wait,
            share=settings.queue_share,
        )  # fmt: skip
        self.languages = {"script": SCRIPT, "compiled": COMPILED}
        self.versions = {"script": "Script 1", "compiled": "Compiler 1"}
        self.layers: Sequence[Layer] = ()
        self.begun = 0
        """Programs that were started."""
        self.cancelled = 0
        """Programs that were ended because nobody waited for them."""

    async def ready(self) -> bool:
        return not self.queue.closed

    async def run(self, request: RunRequest, slot: Slot, listener: Listener | None = None) -> Outcome:
        report = await self._compile(request, listener)
        if report is not None and report.status is not Status.OK:
            return Outcome(status=report.status, stderr=report.stderr, error="compilation failed", compile=report)
        self.begun += 1
        try:
            outcome = await Program(self, request, listener).run(report)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return dataclasses.replace(outcome, compile=report)

    async def run_batch(
        self, request: RunRequest, cases: Sequence[Case], turns: Turns
    ) -> tuple[Outcome | None, list[Outcome]]:
        outcomes: list[Outcome] = []
        for case in cases:
            if outcomes:
                await turns.pause()
            args = request.args if case.args is None else case.args
            outcome = await self.run(dataclasses.replace(request, stdin=case.stdin, args=args), turns.slot)
            if outcome.compile is not None and outcome.compile.status is not Status.OK:
                return outcome, []
            outcomes.append(outcome)
        return None, outcomes

    async def _compile(self, request: RunRequest, listener: Listener | None) -> CompileReport | None:
        if request.language.compile is None:
            return None
        if listener is not None:
            listener.phase("compile")
        broken = b"broken" in request.source
        if b"slow" in request.source:
            await asyncio.sleep(0.3)
        status = Status.COMPILE_ERROR if broken else Status.OK
        return CompileReport(status=status, stderr=b"broken" if broken else b"", exit_code=int(broken), time_ms=2.0)


Case_ = Callable[[httpx.AsyncClient, Machine], Awaitable[None]]
Serve = Callable[..., None]


@contextlib.asynccontextmanager
async def listening(machine: Machine) -> AsyncIterator[str]:
    """The application behind the real server; gives its address."""
    server = uvicorn.Server(configuration(create_app(machine, Metrics())))
    server.config.port = 0
    with contextlib.ExitStack() as stack:
        stack.callback(setattr, server, "should_exit", True)
        serving = asyncio.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    await serving


@pytest.fixture
def serve() -> Serve:
    """Run a case with a client that speaks to the application, and the machine behind it."""

    def run(case: Case_, **variables: str) -> None:
        async def go() -> None:
            machine = Machine(Settings.read(variables))
            app = cast("Any", create_app(machine, Metrics()))
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runner") as client:
                await case(client, machine)

        asyncio.run(asyncio.wait_for(go(), 30))

    return run


@pytest.fixture
def served_over_tcp() -> Serve:
    """The same with the real server between them."""

    def run(case: Case_, **variables: str) -> None:
        async def go() -> None:
            machine = Machine(Settings.read(variables))
            async with listening(machine) as address, httpx.AsyncClient(base_url=address) as client:
                await case(client, machine)

        asyncio.run(asyncio.wait_for(go(), 30))

    return run
