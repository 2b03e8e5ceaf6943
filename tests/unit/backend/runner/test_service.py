"""The service without its HTTP, on this host's real sandbox."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from backend.runner.execution import readiness
from backend.runner.execution.listener import Controls
from backend.runner.execution.outcome import CompileReport, Outcome, Status
from backend.runner.execution.request import Case, RunRequest
from backend.runner.service import Service
from backend.runner.settings import Settings
from backend.runner.startup import make_service

ECHO = b"#include <stdio.h>\nint main(int n, char **v) { int c; while ((c = getchar()) > 0) putchar(c); return n - 1; }"


def _with(work: Callable[[Service], Awaitable[None]], **variables: str) -> None:
    async def go() -> None:
        async with make_service(Settings.read(variables)) as service:
            await work(service)

    asyncio.run(go())


def _request(service: Service, name: str, source: bytes, **more: object) -> RunRequest:
    language = service.languages[name]
    return RunRequest(language=language, source=source, **{"limits": language.limits, **more})  # type: ignore[arg-type]


async def _run(service: Service, name: str, source: bytes, **more: object) -> Outcome:
    async with service.queue.slot("client") as slot:
        return await service.run(_request(service, name, source, **more), slot)


@pytest.mark.parametrize(("accelerations", "cached"), [("all", [False, True, False]), ("off", [False] * 3)])
def test_a_program_is_compiled_once_where_that_is_allowed(accelerations: str, cached: list[bool]) -> None:
    async def work(service: Service) -> None:
        outcomes = [
            await _run(service, "c", ECHO, stdin=b"one"),
            await _run(service, "c", ECHO, stdin=b"two"),
            await _run(service, "c", ECHO + b"\n", stdin=b"three"),
        ]
        assert [(outcome.stdout, outcome.error) for outcome in outcomes] == [(b"one", ""), (b"two", ""), (b"three", "")]
        assert [outcome.compile.cached for outcome in outcomes if outcome.compile] == cached

    _with(work, RUNNER_ACCELERATIONS=accelerations)


def test_options_reach_the_compiler_and_are_part_of_what_is_kept() -> None:
    source = b'#include <stdio.h>\nint main(void) { printf("%d\\n", N); }'

    async def work(service: Service) -> None:
        for number in (1, 2, 1):
            outcome = await _run(service, "c", source, options=(f"-DN={number}",))
            assert outcome.stdout == b"%d\n" % number

    _with(work)


def test_a_compile_that_makes_no_program_is_the_sources_fault() -> None:
    async def work(service: Service) -> None:
        outcome = await _run(service, "c", b"", options=("-DX",))
        assert outcome.status is Status.COMPILE_ERROR

    _with(work)


def test_a_batch_compiles_once_and_runs_each_case() -> None:
    async def work(service: Service) -> None:
        cases = [Case(stdin=b"a"), Case(stdin=b"b", args=("x", "y"))]
        async with service.queue.turns("client") as turns:
            failed, outcomes = await service.run_batch(_request(service, "c", ECHO), cases, turns)
            assert failed is None
            assert [(one.stdout, one.exit_code) for one in outcomes] == [(b"a", 0), (b"b", 2)]
            failed, outcomes = await service.run_batch(_request(service, "c", b"no"), cases, turns)
            assert failed is not None
            assert (failed.status, outcomes) == (Status.COMPILE_ERROR, [])

    _with(work)


async def _batch(service: Service, source: bytes, cases: int) -> list[Outcome]:
    async with service.queue.turns("client") as turns:
        failed, outcomes = await service.run_batch(_request(service, "bash", source), [Case()] * cases, turns)
    assert failed is None
    return outcomes


def test_a_batch_lets_others_go_between_its_cases() -> None:
    async def work(service: Service) -> None:
        batches = [asyncio.create_task(_batch(service, b"sleep 0.3; echo %d" % number, 8)) for number in range(2)]
        await asyncio.sleep(0.5)
        begun = asyncio.get_running_loop().time()
        assert (await _run(service, "bash", b"echo here")).stdout == b"here\n"
        assert asyncio.get_running_loop().time() - begun < 1.5
        assert not any(batch.done() for batch in batches)
        for number, batch in enumerate(batches):
            assert [one.stdout for one in await batch] == [b"%d\n" % number] * 8
        assert (service.queue.busy, service.queue.depth) == (0, 0)

    _with(work, NUM_RUNNERS="2")


def test_a_batch_as_a_whole_has_an_end() -> None:
    async def work(service: Service) -> None:
        begun = asyncio.get_running_loop().time()
        outcomes = await _batch(service, b"sleep 0.7; echo in time", 10)
        assert asyncio.get_running_loop().time() - begun < 3
        words = [(one.status.value, one.stdout, one.error) for one in outcomes]
        assert words[:2] == [("ok", b"in time\n", "")] * 2
        assert words[2] == ("timeout", b"", "the batch took longer than 2 s")
        assert words[3:] == [("timeout", b"", "not run: the batch took longer than 2 s")] * 7

    _with(work, RUNNER_BATCH_SECONDS="2")


class _Listener:
    def __init__(self, act: Callable[[Controls], None]) -> None:
        self.act, self.phases, self.heard = act, list[str](), b""

    def phase(self, name: str, compiled: CompileReport | None = None) -> None:
        self.phases.append(name)

    def output(self, stream: str, data: bytes) -> None:
        self.heard += data

    def started(self, controls: Controls) -> None:
        self.act(controls)


@pytest.mark.parametrize("accelerations", ["all", "off"])
def test_a_listener_hears_and_is_heard(accelerations: str) -> None:
    def act(controls: Controls) -> None:
        controls.stdin(b"typed\n")
        controls.end_stdin()

    async def work(service: Service) -> None:
        listener = _Listener(act)
        request = _request(service, "python3", b"print(input(), input.__name__)", interactive=True)
        async with service.queue.slot("client") as slot:
            outcome = await service.run(request, slot, listener)
        assert (outcome.status, outcome.stdout) == (Status.OK, b"")
        assert (listener.phases, listener.heard) == (["run"], b"typed input\n")

    _with(work, RUNNER_ACCELERATIONS=accelerations)


def test_a_program_is_stopped_on_request() -> None:
    async def work(service: Service) -> None:
        listener = _Listener(lambda controls: controls.stop())
        async with service.queue.slot("client") as slot:
            outcome = await service.run(_request(service, "bash", b"sleep 60"), slot, listener)
        assert (outcome.status, outcome.error) == (Status.RUNTIME_ERROR, "stopped on request")

    _with(work)


def test_what_may_not_be_had_is_not_used() -> None:
    async def work(service: Service) -> None:
        await asyncio.sleep(0.5)
        assert [list(slot.spares.templates) for slot in service.slots] == [[], []]
        assert (await _run(service, "python3", b"print(1)")).stdout == b"1\n"

    _with(work, RUNNER_ACCELERATIONS="off")


def test_processes_wait_for_the_languages_used_last_among_those_that_can_have_some() -> None:
    async def waits(service: Service, count: int) -> None:
        async with asyncio.timeout(20):
            # Processes tell nobody that they wait.
            while [slot.spares.warm("nodejs") for slot in service.tender.slots] != [count] * service.queue.total:  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def work(service: Service) -> None:
        await _run(service, "nodejs", b"1")
        await waits(service, 1)
        for name in ("bash", "python3", "c"):
            await _run(service, name, service.languages[name].hello.encode())
        await asyncio.sleep(0.5)  # the tender has looked several times
        await waits(service, 1)
        await _run(service, "typescript", b"1")
        await waits(service, 0)

    _with(work, RUNNER_WARM_MB="176", NUM_RUNNERS="2", RUNNER_ENVIRONMENT="local")


def test_a_template_is_kept_of_a_language_that_is_forked_from_one_and_replaced_once_nobody_uses_it() -> None:
    async def template(service: Service, old: int = 0) -> int:
        async with asyncio.timeout(20):
            while True:  # templates tell the service's slot, and nobody else
                ready = [number for _, number in service.slots[0].spares._ready("ruby")]
                if len(ready) == 1 and ready[0] != old:
                    return ready[0]
                await asyncio.sleep(0.05)

    def act(controls: Controls) -> None:
        controls.stdin(b"typed\n")
        controls.end_stdin()

    async def work(service: Service) -> None:
        assert (await _run(service, "ruby", b"puts 1")).stdout == b"1\n"
        first = await template(service)
        assert (await _run(service, "ruby", b"puts 2")).stdout == b"2\n"
        assert await template(service, first) > first
        listener = _Listener(act)
        asked = _request(service, "ruby", b"print '? '; puts gets; p gets, $0", interactive=True)
        async with service.queue.slot("client") as slot:
            outcome = await service.run(asked, slot, listener)
        assert (outcome.status, listener.heard) == (Status.OK, b'? typed\nnil\n"main.rb"\n')
        cases = [Case(stdin=b"a"), Case(stdin=b"b", args=("x", "y")), Case(stdin=b"c", files={"f": b"g"})]
        async with service.queue.turns("client") as turns:
            _, outcomes = await service.run_batch(
                _request(service, "ruby", b"p ARGV, $stdin.read, Dir['*']"), cases, turns
            )
        assert [one.stdout for one in outcomes] == [
            b'[]\n"a"\n["main.rb"]\n', b'["x", "y"]\n"b"\n["main.rb"]\n', b'[]\n"c"\n["f", "main.rb"]\n',
        ]  # fmt: skip

    _with(work, RUNNER_WARM_MB="64", NUM_RUNNERS="1", RUNNER_ENVIRONMENT="local")


async def _waiting(service: Service, name: str, counts: list[int]) -> None:
    async with asyncio.timeout(20):  # processes tell nobody that they wait
        while [slot.spares.warm(name) for slot in service.slots] != counts:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def test_what_a_batch_used_is_replaced_once_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(service: Service) -> None:
        await _run(service, "nodejs", b"1")
        await _waiting(service, "nodejs", [1])
        monkeypatch.setattr(readiness, "_EVERY", 1000.0)  # from here on only who is told replaces anything
        await asyncio.sleep(0.2)
        async with service.queue.turns("client") as turns:
            _, outcomes = await service.run_batch(_request(service, "nodejs", b"console.log(1)"), [Case()] * 2, turns)
        assert [one.stdout for one in outcomes] == [b"1\n"] * 2
        await _waiting(service, "nodejs", [1])

    _with(work, NUM_RUNNERS="1", RUNNER_ACCELERATIONS="warm")


def test_a_language_is_in_demand_for_as_long_as_its_batch_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_WANTED_SECONDS", 1.5)

    async def work(service: Service) -> None:
        await _run(service, "bash", b"true")
        await _waiting(service, "bash", [2, 2])
        async with service.queue.turns("client") as turns:
            cases = [Case()] * 8
            batch = service.run_batch(_request(service, "bash", b"sleep 0.5; echo"), cases, turns)
            _, outcomes = await batch
            other = next(slot for slot in service.slots if slot is not turns.slot)
            assert other.spares.warm("bash") == 2
        assert len(outcomes) == 8

    _with(work, NUM_RUNNERS="2", RUNNER_ACCELERATIONS="warm")


def test_only_what_runs_is_in_demand_and_each_use_ends_with_a_replacement() -> None:
    async def work(service: Service) -> None:
        with pytest.raises(ZeroDivisionError), service.tender.in_use("bash"):
            raise ZeroDivisionError
        await _waiting(service, "bash", [2])  # a use that failed was one all the same
        assert service.slots[0].spares.warm("nodejs") == 0

    _with(work, NUM_RUNNERS="1", RUNNER_ACCELERATIONS="warm")
