"""A compiler that stays, of a language that is made up here: nothing but its declaration says how it is spoken to."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from backend.runner.execution.compiled import Program
from backend.runner.execution.executor import Executor
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Status
from backend.runner.execution.readiness import Tender
from backend.runner.execution.request import RunRequest
from backend.runner.execution.residents import ResidentCompiler
from backend.runner.languages import all_languages
from backend.runner.languages.language import PROGRAM
from backend.runner.languages.resident import Compiled, End, Resident
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, Slot
from backend.runner.settings import Settings
from tests.unit.backend.runner.conftest import VARIABLES, until

# "Compiles" a line to a shell script that prints it. The words in it make the compiler fail in each way.
_COMPILER = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    line = line.strip()
    if "dies" in line: sys.exit(3)
    if "hangs" in line: continue
    if "babbles" in line: print("nonsense", flush=True); continue
    print(("failed" if "wrong" in line else "made"), line, flush=True)
"""


def _ask(most: int, options: Sequence[str], files: Mapping[str, bytes]) -> bytes | None:
    source = next(iter(files.values()))
    return None if b"\xff" in source else source + b"\n"


def _take(said: bytearray) -> Compiled | None:
    if b"\n" not in said:
        return None
    line, _, rest = bytes(said).partition(b"\n")
    said[:] = rest
    kind, _, text = line.partition(b" ")
    match kind:
        case b"ready":
            return Compiled(End.GAVE_UP, b"", {})
        case b"made":
            return Compiled(End.MADE, b"", {"main": b"#!/bin/sh\necho resident %s\n" % text})
        case b"failed":
            return Compiled(End.FAILED, b"line 1: " + text, {})
    raise EOFError("the compiler's answer is malformed")


RESIDENT = Resident(
    command=("/usr/bin/python3", "-c", _COMPILER), ask=_ask, take=_take, longest_answer=1000,
    limits=Limits(timeout=1000, cpu_seconds=1000, output_bytes=1 << 30),
)  # fmt: skip
LANGUAGE = dataclasses.replace(
    all_languages()["c"], name="made-up", source="main.up", sources=(), resident=RESIDENT, run=("sh", PROGRAM),
    compile=("sh", "-c", f"echo echo anew $(cat main.up) > {PROGRAM}; chmod +x {PROGRAM}"), cache=None, through=(),
    compile_hold=None, hello="hello", aliases=(), compile_limits=Limits(timeout=2),
)  # fmt: skip

Run = Callable[[bytes], Awaitable[tuple[Status, bytes]]]
Work = Callable[[Run, ResidentCompiler], Awaitable[None]]


def _with(host: Host, work: Work) -> None:
    """Do `work` with what runs a program of the language, its compiler, and what starts that on demand."""

    async def go() -> None:
        plan = Plan(host=host, cgroups=None, caches=None)
        slots = [Slot(index, plan) for index in range(2)]
        offer = Offer({LANGUAGE.name: LANGUAGE})
        resident = ResidentCompiler(LANGUAGE.name, RESIDENT, slots[1], VARIABLES)
        residents = {LANGUAGE.name: resident}
        executor = Executor(host, offer, cache=None, accelerations=frozenset(), residents=residents)
        settings = Settings.read({"RUNNER_ACCELERATIONS": "warm"})
        tender = Tender(offer, executor.variables, slots[:1], settings, executor.libraries, residents)

        async def run(source: bytes) -> tuple[Status, bytes]:
            request = RunRequest(language=LANGUAGE, source=source, limits=Limits(timeout=5))
            with tender.in_use(LANGUAGE.name):
                outcome = await executor.execute(slots[0], request)
            return outcome.status, outcome.stdout + outcome.stderr

        tending = asyncio.create_task(tender.tend())
        try:
            await work(run, resident)
        finally:
            tending.cancel()
            await asyncio.wait([tending])
            await resident.stop()
            for slot in slots:
                await slot.close()

    asyncio.run(go())


def test_it_is_started_once_its_language_is_in_demand_and_compiles_from_then_on(host: Host) -> None:
    async def work(run: Run, resident: ResidentCompiler) -> None:
        assert not resident.runs
        assert await run(b"one") == (Status.OK, b"anew one\n")
        await until(lambda: resident.ready)
        assert await run(b"two") == (Status.OK, b"resident two\n")
        assert await run(b"wrong") == (Status.COMPILE_ERROR, b"line 1: wrong")
        assert await run(b"\xff") == (Status.OK, b"anew \xff\n")  # which it does not take
        assert resident.ready

    _with(host, work)


@pytest.mark.parametrize("fault", [b"dies", b"hangs", b"babbles"])
def test_one_that_fails_costs_nobody_a_run_and_is_started_again(host: Host, fault: bytes) -> None:
    async def work(run: Run, resident: ResidentCompiler) -> None:
        await run(b"one")
        await until(lambda: resident.ready)
        assert await run(fault) == (Status.OK, b"anew " + fault + b"\n")
        await until(lambda: resident.ready)
        assert await run(b"two") == (Status.OK, b"resident two\n")

    _with(host, work)


def test_it_ends_when_nobody_has_used_its_language_for_long(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(run: Run, resident: ResidentCompiler) -> None:
        await run(b"one")
        await until(lambda: resident.runs)
        monkeypatch.setattr("backend.runner.execution.readiness._WANTED_SECONDS", 0.7)
        await until(lambda: not resident.runs)

    _with(host, work)


def test_what_it_made_is_a_program_that_the_caller_closes(host: Host) -> None:
    async def work(run: Run, resident: ResidentCompiler) -> None:
        await run(b"zero")
        await until(lambda: resident.ready)
        made = await resident.compile((), {"main.up": b"one"}, Limits())
        assert isinstance(made, Program)
        made.close()

    _with(host, work)
