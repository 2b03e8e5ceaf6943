"""Programs that are spoken to, over the real server's WebSockets."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from backend.runner.api import session, stream
from backend.runner.settings import Settings
from tests.unit.backend.runner.api.conftest import Machine, listening

Talk = Callable[[ClientConnection], Awaitable[None]]


@contextlib.asynccontextmanager
async def _session(machine: Machine, **more: Any) -> AsyncIterator[ClientConnection]:
    async with listening(machine) as address:
        url = address.replace("http", "ws") + "/api/v1/session"
        async with connect(url, **more) as talking:
            yield talking


def _run(case: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(case(), 30))


def _machine(**variables: str) -> Machine:
    return Machine(Settings.read(variables))


async def _say(talking: ClientConnection, **message: Any) -> None:
    await talking.send(json.dumps(message))


async def _hear(talking: ClientConnection) -> dict[str, Any]:
    return dict(json.loads(await talking.recv()))


def _bytes(output: dict[str, Any]) -> bytes:
    data: str = output["data"]
    return base64.b64decode(data) if output.get("encoding") == "base64" else data.encode()


async def _rest(talking: ClientConnection) -> tuple[list[dict[str, Any]], int, str]:
    """What comes until the end, the code it ends with, and why."""
    heard: list[dict[str, Any]] = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            heard.append(await _hear(talking))
    return heard, talking.close_code or 0, talking.close_reason or ""


def test_a_program_is_spoken_to_while_it_runs() -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await _say(talking, language="script", source="out ready\ncat\nexit 4", stdin="first ")
            assert await _hear(talking) == {"type": "phase", "phase": "run"}
            assert (await _hear(talking))["data"].startswith("ready\n")
            await _say(talking, type="stdin", data="über\n")
            await _say(talking, type="stdin", base64="/w==")
            await _say(talking, type="signal", name="SIGINT")
            await _say(talking, type="resize", rows=50, columns=132)
            await _say(talking, type="eof")
            heard, code, _ = await _rest(talking)
        *output, result = heard
        assert all(one["type"] == "output" and one["stream"] == "stdout" for one in output)
        said = b"".join(_bytes(one) for one in output)
        for written in ("über\n".encode() + b"\xff", b"<SIGINT>", b"<50x132>"):
            assert written in said
        assert (result["type"], result["status"], result["exit_code"], code) == ("result", "runtime_error", 4, 1000)
        assert "stdout" not in result

    _run(case)


def test_a_terminal_of_the_size_asked_for() -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await _say(talking, language="scr", source="env", terminal={"rows": 30, "columns": 90})
            heard, code, _ = await _rest(talking)
        assert "(30, 90)" in heard[1]["data"]
        assert (heard[-1]["language"], code) == ("script", 1000)

    _run(case)


def test_what_is_typed_while_it_compiles_is_kept() -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await _say(talking, language="compiled", source="slow\ncat")
            await _say(talking, type="stdin", data="early")
            await _say(talking, type="eof")
            heard, _, _ = await _rest(talking)
        assert "".join(one["data"] for one in heard if one["type"] == "output") == "early"

    _run(case)


@pytest.mark.parametrize("source", ["sleep 60", "cat"])
def test_a_stop_ends_it(source: str) -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await _say(talking, language="script", source=source)
            await _hear(talking)
            await _say(talking, type="stop")
            heard, code, _ = await _rest(talking)
        assert (heard[-1]["type"], heard[-1]["error"], code) == ("result", "killed", 1000)

    _run(case)


def test_a_stop_before_it_runs_ends_it_too() -> None:
    async def case() -> None:
        machine = _machine(NUM_RUNNERS="1")
        async with machine.queue.slot("another"), _session(machine) as talking:
            await _say(talking, language="script", source="out never")
            await _say(talking, type="stop")
            heard, code, _ = await _rest(talking)
            assert (heard[0]["type"], heard[0]["error"], code) == ("error", "stopped before the program ran", 1000)
            assert machine.queue.depth == 0
        assert machine.begun == 0

    _run(case)


def test_a_departure_ends_the_program() -> None:
    async def case() -> None:
        machine = _machine()
        async with listening(machine) as address:
            async with connect(address.replace("http", "ws") + "/api/v1/session") as talking:
                await _say(talking, language="script", source="sleep 60")
                await _hear(talking)
            async with asyncio.timeout(5):
                while machine.queue.busy:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert machine.cancelled == 1

    _run(case)


@pytest.mark.parametrize(
    ("message", "named", "code"),
    [
        (b"\x00", "text frames", 1003),
        ("{", "JSON", 1008),
        ("[]", "type", 1008),
        ('{"type": "dance"}', "type", 1008),
        ('{"type": "stdin"}', "data", 1008),
        ('{"type": "stdin", "data": 1}', "data", 1008),
        ('{"type": "stdin", "data": "a", "base64": "YQ=="}', "data", 1008),
        ('{"type": "stdin", "base64": "?"}', "base64", 1008),
        ('{"type": "stdin", "data": "\\ud800"}', "data", 1008),
        ('{"type": "eof", "eof": 1}', "eof", 1008),
        ('{"type": "signal", "name": "SIGKILL"}', "name", 1008),
        ('{"type": "resize", "rows": 0, "columns": 80}', "rows", 1008),
        ('{"type": "resize", "rows": 10}', "columns", 1008),
    ],
)
def test_a_bad_message_is_answered_and_ends_the_session(message: str | bytes, named: str, code: int) -> None:
    async def case() -> None:
        machine = _machine()
        async with _session(machine) as talking:
            await _say(talking, language="script", source="sleep 60")
            await _hear(talking)
            await talking.send(message)
            heard, closed, reason = await _rest(talking)
        error = heard[-1]
        assert (error["type"], error["status"], closed) == ("error", 400, code)
        assert named in error["error"]
        assert reason
        assert error["request_id"]
        assert (machine.queue.busy, machine.cancelled) == (0, 1)

    _run(case)


@pytest.mark.parametrize(
    ("first", "named"),
    [
        ({"language": "script"}, "source"),
        ({"language": "nope", "source": ""}, "language"),
        ({"language": "script", "source": "", "terminal": {"rows": -1}}, "rows"),
        ({"language": "script", "source": "", "cases": []}, "cases"),
    ],
)
def test_a_bad_first_message_is_refused(first: dict[str, Any], named: str) -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await _say(talking, **first)
            heard, code, _ = await _rest(talking)
        assert (heard[0]["type"], code, named in heard[0]["error"]) == ("error", 1008, True)

    _run(case)


def test_a_full_queue_asks_to_come_later() -> None:
    async def case() -> None:
        machine = _machine(NUM_RUNNERS="1", RUNNER_QUEUE_LIMIT="1")
        async with machine.queue.slot("a"):
            waiting = asyncio.create_task(machine.queue.slot("b").__aenter__())
            await asyncio.sleep(0)
            async with _session(machine) as talking:
                await _say(talking, language="script", source="")
                heard, code, _ = await _rest(talking)
            waiting.cancel()
        assert (heard[0]["status"], heard[0]["retry_after"], code) == (429, 1, 1013)

    _run(case)


def test_nothing_said_for_long_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_SECONDS", 0.1)

    async def case() -> None:
        async with _session(_machine()) as talking:
            heard, code, _ = await _rest(talking)
        assert (heard[0]["status"], code) == (408, 1008)

    _run(case)


def test_messages_before_the_run_and_bytes_typed_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MOST_STDIN_BYTES", 1000)

    async def case() -> None:
        machine = _machine(NUM_RUNNERS="1")
        async with machine.queue.slot("another"), _session(machine) as talking:
            await _say(talking, language="script", source="cat")
            for _ in range(session.MOST_EARLY + 1):
                await _say(talking, type="stdin", data="x")
            heard, code, _ = await _rest(talking)
            assert ("messages" in heard[0]["error"], code) == (True, 1008)
        async with _session(machine) as talking:
            await _say(talking, language="script", source="cat")
            await _say(talking, type="stdin", data="x" * 1001)
            heard, code, _ = await _rest(talking)
            assert ("1000 bytes" in heard[-1]["error"], code) == (True, 1008)

    _run(case)


def test_a_message_over_a_mebibyte_closes_the_session() -> None:
    async def case() -> None:
        async with _session(_machine()) as talking:
            await talking.send("x" * (1024 * 1024 + 1))
            _, code, _ = await _rest(talking)
        assert code == 1009

    _run(case)


def test_a_reader_of_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(stream, "SEND_SECONDS", 0.3)

    async def case() -> None:
        machine = _machine()
        async with _session(machine, max_queue=1) as talking:
            await _say(talking, language="script", source="flood 400\nsleep 0.1\nout more\nsleep 60")
            talking.transport.pause_reading()
            async with asyncio.timeout(10):
                while not machine.cancelled:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert machine.queue.busy == 0
            talking.transport.abort()

    _run(case)


def test_pages_of_other_origins_and_unknown_paths_are_refused() -> None:
    async def case() -> None:
        machine = _machine(RUNNER_CORS_ORIGINS="https://canvas.example")
        async with listening(machine) as address:
            url = address.replace("http", "ws")
            for path, origin, status in (
                ("/api/v1/session", "https://evil.example", 403),
                ("/api/v1/run", "https://canvas.example", 404),
            ):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(url + path, origin=origin).__aenter__()  # type: ignore[arg-type]
                response = refused.value.response
                assert response.status_code == status
                assert json.loads(response.body).keys() == {"error", "request_id"}
            async with connect(url + "/api/v1/session", origin="https://canvas.example") as talking:  # type: ignore[arg-type]
                await _say(talking, language="script", source="")
                _, code, _ = await _rest(talking)
                assert code == 1000

    _run(case)


def test_a_session_needs_a_token_where_runs_do() -> None:
    async def case() -> None:
        digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"  # of "test"
        machine = _machine(RUNNER_API_TOKENS=f"t:{digest}:60")
        async with listening(machine) as address:
            url = address.replace("http", "ws") + "/api/v1/session"
            with pytest.raises(InvalidStatus) as refused:
                await connect(url).__aenter__()
            assert refused.value.response.status_code == 401
            async with connect(url, additional_headers={"authorization": "Bearer test"}) as talking:
                await _say(talking, language="script", source="")
                _, code, _ = await _rest(talking)
                assert code == 1000

    _run(case)
