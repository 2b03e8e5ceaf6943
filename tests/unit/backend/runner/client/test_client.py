"""Both clients, against the application behind its real server and the machine that carries out scripts."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from backend.runner import client as package
from backend.runner.client import (
    AsyncClient,
    Busy,
    Case,
    Client,
    Denied,
    Failed,
    Limits,
    NotUnderstood,
    Output,
    Patience,
    Phase,
    Program,
    Refused,
    Result,
    Unreachable,
)
from backend.runner.settings import Settings
from tests.unit.backend.runner.api.conftest import Machine, listening

SPOKEN_TO = Program(language="script", source="out ready\ncat\nexit 4")


@contextmanager
def _service(**variables: str) -> Iterator[tuple[str, Machine]]:
    """The service in a thread of its own."""
    machine, address = Machine(Settings.read(variables)), list[str]()
    begun, ended = threading.Event(), threading.Event()

    async def serve() -> None:
        async with listening(machine) as url:
            address.append(url)
            begun.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert begun.wait(10)
        yield address[0], machine
    finally:
        ended.set()
        thread.join(10)


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, Machine]]:
    with _service() as started:
        yield started


@pytest.fixture
def runner(service: tuple[str, Machine]) -> Iterator[Client]:
    with Client(service[0]) as client:
        yield client


def _asynchronously(url: str, case: Callable[[AsyncClient], Any], **more: Any) -> None:
    async def go() -> None:
        async with AsyncClient(url, **more) as client:
            await asyncio.wait_for(case(client), 30)

    asyncio.run(go())


def test_a_run_with_all_that_it_may_be_given(runner: Client) -> None:
    limits = Limits(timeout=2, inodes=7)
    answer = runner.run(
        "scr", "cat\nenv", stdin=b"\xff", args=["a"], options=["-O1"], files={"t": "text", "b": b"\x00"}, limits=limits,
        encoding="base64",
    )  # fmt: skip
    assert (answer.language, answer.status, answer.encoding) == ("script", "ok", "base64")
    said = base64.b64decode(answer.stdout)
    assert said.startswith(b"\xff('a',) ('-O1',)")
    assert b"'t': '74657874'" in said
    assert b"'b': '00'" in said
    assert b"inodes=7" in said


def test_a_batch(runner: Client) -> None:
    cases = [Case(stdin="a\n", expected="a"), Case(stdin=b"\xff", expected=b"\xff"), Case(expected="x"), Case(args=[])]
    answer = runner.batch(Program(language="script", source="cat"), cases)
    assert ([one.passed for one in answer.cases], answer.passed) == ([True, True, False, None], 2)
    exact = runner.batch(Program(language="script", source="cat"), cases[:1], compare="exact")
    assert exact.passed == 0


def test_a_formatted_program(runner: Client) -> None:
    answer = runner.format("script", "out tidy")
    assert (answer.status, answer.source) == ("ok", "tidy\n")


def test_a_stream_of_typed_events(runner: Client) -> None:
    events = list(runner.stream(Program(language="compiled", source="out a\nsleep 0.05\nhex ff\nexit 2")))
    last = events[-1]
    assert isinstance(last, Result)
    run = Phase("run", last.answer.compile)
    assert events[:4] == [Phase("compile"), run, Output("stdout", b"a\n"), Output("stdout", b"\xff")]
    assert (last.answer.exit_code, last.answer.compile is not None) == (2, True)


def test_leaving_a_stream_ends_the_program(service: tuple[str, Machine]) -> None:
    url, machine = service
    before = machine.cancelled
    with Client(url) as runner:
        stream = runner.stream(Program(language="script", source="out a\nsleep 60"))
        assert next(iter(stream)) == Phase("run")
        stream.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 5
    while machine.cancelled == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert machine.cancelled == before + 1


def test_a_session(runner: Client) -> None:
    with runner.session(SPOKEN_TO, terminal=(24, 80)) as session:
        events = iter(session)
        assert next(events) == Phase("run")
        session.type("text ")
        session.type(b"\xff")
        session.signal("SIGINT")
        session.resize(10, 20)
        session.end_input()
        *output, last = events
    said = b"".join(one.data for one in output if isinstance(one, Output))
    for event in (b"<SIGINT>", b"<10x20>"):  # they do not wait until what was typed before has been read
        assert said.count(event) == 1
        said = said.replace(event, b"")
    assert said == b"ready\ntext \xff"
    assert isinstance(last, Result)
    assert last.answer.exit_code == 4


def test_a_session_stopped_and_one_refused(runner: Client) -> None:
    with runner.session(Program(language="script", source="sleep 60")) as session:
        events = iter(session)
        next(events)
        session.stop()
        last = list(events)[-1]
    assert isinstance(last, Result)
    assert last.answer.error == "killed"
    with (
        runner.session(Program(language="nope", source="")) as session,
        pytest.raises(Refused, match="nope") as refused,
    ):
        list(session)
    assert (refused.value.status, bool(refused.value.request_id)) == (400, True)


def test_languages_and_status(runner: Client) -> None:
    assert runner.languages().details["script"].aliases == ["scr"]
    assert runner.status().runners.total == 2


def test_a_refusal_carries_status_and_request(runner: Client) -> None:
    with pytest.raises(Refused, match="language 'nope' is not supported") as refused:
        runner.run("nope", "")
    assert (refused.value.status, len(refused.value.request_id), refused.value.retry_after) == (400, 16, None)


def test_a_failure_of_the_service_is_not_tried_again(service: tuple[str, Machine]) -> None:
    url, machine = service
    before = machine.begun
    with Client(url) as runner, pytest.raises(Failed):
        runner.run("script", "crash")
    assert machine.begun == before + 1


def test_a_key_runs_once(service: tuple[str, Machine]) -> None:
    url, machine = service
    before = machine.begun
    with Client(url) as runner:
        assert runner.run("script", "out a", key="once") == runner.run("script", "out a", key="once")
        with pytest.raises(Refused) as refused:
            runner.run("script", "out b", key="once")
    assert (refused.value.status, machine.begun) == (422, before + 1)


def test_a_token_is_sent_in_runs_and_sessions() -> None:
    digest = hashlib.sha256(b"t").hexdigest()
    with _service(RUNNER_API_TOKENS=f"t:{digest}:600") as (url, _):
        with Client(url, token="t") as runner:
            assert runner.run("script", "out a").stdout == "a\n"
            with runner.session(Program(language="script", source="")) as session:
                assert isinstance(list(session)[-1], Result)
        with Client(url) as stranger:
            with pytest.raises(Denied) as denied:
                stranger.run("script", "")
            assert denied.value.status == 401
            with pytest.raises(Denied), stranger.session(Program(language="script", source="")):
                pass


class _Scripted(httpx.MockTransport):
    """Answers as told, in turn, and counts."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.asked = 0
        self._answers = list(answers)
        super().__init__(self._next)

    def _next(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self._answers.pop(0)


def _busy(status: int, after: str | None = "0") -> httpx.Response:
    headers = {"x-request-id": "r"} | ({} if after is None else {"retry-after": after})
    return httpx.Response(status, json={"error": "busy", "request_id": "r"}, headers=headers)


STATUS = {
    "environment": "local", "runners": {"total": 1, "busy": 0}, "queue": {"depth": 0, "limit": 1}, "layers": [],
    "languages": {},
}  # fmt: skip


def test_the_client_comes_back_as_it_is_asked_to() -> None:
    transport = _Scripted(_busy(429), _busy(503), httpx.Response(200, json=STATUS))
    with Client("http://runner/api/v1/", transport=transport) as runner:
        assert runner.status().environment == "local"
    assert transport.asked == 3


@pytest.mark.parametrize(
    ("answers", "asked", "after"),
    [
        ([_busy(429)] * 3, 3, 0),
        ([_busy(503, "31")], 1, 31),
        ([_busy(503, None)], 1, None),
    ],
)
def test_its_patience_has_an_end(answers: list[httpx.Response], asked: int, after: float | None) -> None:
    transport = _Scripted(*answers)
    with Client("http://runner", transport=transport, patience=Patience(attempts=3)) as runner:
        with pytest.raises(Busy) as busy:
            runner.status()
        assert (transport.asked, busy.value.retry_after, busy.value.request_id) == (asked, after, "r")


@pytest.mark.parametrize("status", [400, 401, 404, 422, 500, 502])
def test_nothing_else_is_tried_again(status: int) -> None:
    transport = _Scripted(httpx.Response(status, text="<html>no JSON</html>"))
    with Client("http://runner", transport=transport) as runner, pytest.raises(package.RunnerApiError) as error:
        runner.status()
    assert (error.value.status, transport.asked, f"answered {status}" in str(error.value)) == (status, 1, True)


def test_an_answer_that_is_none_and_a_service_that_is_not_there() -> None:
    transport = _Scripted(httpx.Response(200, text="{}"))
    with Client("http://runner", transport=transport) as runner, pytest.raises(NotUnderstood):
        runner.status()
    with Client("http://127.0.0.1:9") as nowhere:
        with pytest.raises(Unreachable):
            nowhere.run("script", "")
        with pytest.raises(Unreachable), nowhere.session(Program(language="script", source="")):
            pass


def test_the_other_client_does_the_same(service: tuple[str, Machine]) -> None:
    async def case(runner: AsyncClient) -> None:
        assert (await runner.run("script", "out a", key="async")).stdout == "a\n"
        assert (
            await runner.batch(Program(language="script", source="cat"), [Case(stdin="a", expected="a")])
        ).passed == 1
        events = [event async for event in runner.stream(Program(language="script", source="out a"))]
        assert events[:2] == [Phase("run"), Output("stdout", b"a\n")]
        assert isinstance(events[2], Result)
        async with runner.session(SPOKEN_TO) as session:
            await session.type("typed")
            await session.end_input()
            heard = [event async for event in session]
        assert b"typed" in b"".join(one.data for one in heard if isinstance(one, Output))
        assert (await runner.languages()).languages == ["compiled", "script"]
        assert (await runner.status()).environment == "local"
        with pytest.raises(Refused):
            await runner.run("nope", "")
        with pytest.raises(Refused):
            _ = [event async for event in runner.stream(Program(language="nope", source=""))]

    _asynchronously(service[0], case)


def test_the_other_client_comes_back_too() -> None:
    transport = _Scripted(_busy(429), httpx.Response(200, json=STATUS))

    async def case(runner: AsyncClient) -> None:
        assert (await runner.status()).environment == "local"

    _asynchronously("http://runner", case, transport=transport)
    assert transport.asked == 2


def test_both_clients_offer_the_same_and_all_names_exist() -> None:
    def offered(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in methods if not name.startswith("_")}

    assert offered(Client) == offered(AsyncClient)
    assert offered(package.Session) == offered(package.AsyncSession)
    assert all(hasattr(package, name) for name in package.__all__)
