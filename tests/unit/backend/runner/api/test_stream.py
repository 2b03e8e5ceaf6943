"""Server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from backend.runner.api import stream

Serve = Callable[..., None]


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    blocks = [block for block in text.split("\n\n") if block and not block.startswith(":")]
    parsed = []
    for block in blocks:
        name, data = block.split("\n")
        parsed.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return parsed


def _body(source: str, **more: object) -> dict[str, object]:
    return {"language": "script", "source": source, **more}


@pytest.mark.parametrize(
    ("path", "headers"), [("/api/v1/run/stream", {}), ("/api/v1/run", {"accept": "text/event-stream"})]
)
def test_phases_output_and_result_come_in_order(serve: Serve, path: str, headers: dict[str, str]) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        source = "out one\nsleep 0.05\nerr two\nexit 3"
        answer = await client.post(path, json=_body(source, language="compiled"), headers=headers)
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        *first, (last, result) = events(answer.text)
        assert first == [
            ("phase", {"phase": "compile"}),
            ("phase", {"phase": "run", "compile": result["compile"]}),
            ("output", {"stream": "stdout", "data": "one\n"}),
            ("output", {"stream": "stderr", "data": "two\n"}),
        ]
        assert (last, result["status"], result["exit_code"]) == ("result", "runtime_error", 3)
        assert result["compile"]["status"] == "ok"
        assert not {"stdout", "stderr"} & result.keys()

    serve(case)


def test_a_character_that_comes_in_two_pieces_is_joined(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        source = "hex c3\nsleep 0.05\nhex bc\nsleep 0.05\nhex ff\nsleep 0.05\nhex e282"
        answer = await client.post("/api/v1/run/stream", json=_body(source))
        parts = [content for name, content in events(answer.text) if name == "output"]
        assert parts == [
            {"stream": "stdout", "data": "ü"},
            {"stream": "stdout", "data": "/w==", "encoding": "base64"},
            {"stream": "stdout", "data": "4oI=", "encoding": "base64"},
        ]

    serve(case)


def test_what_is_refused_before_the_run_is_an_ordinary_error(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        bad = await client.post("/api/v1/run/stream", json=_body("", limits={"processes": 0}))
        assert (bad.status_code, "limits.processes" in bad.json()["error"]) == (400, True)
        keyed = await client.post("/api/v1/run/stream", json=_body(""), headers={"idempotency-key": "k"})
        assert (keyed.status_code, "Idempotency-Key" in keyed.json()["error"]) == (400, True)
        machine.queue.close()
        late = await client.post("/api/v1/run/stream", json=_body(""))
        assert (late.status_code, late.headers["retry-after"]) == (503, "5")

    serve(case)


def test_a_failure_of_the_service_is_an_error_event(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.post("/api/v1/run/stream", json=_body("out a\ncrash"), headers={"x-request-id": "mine"})
        name, content = events(answer.text)[-1]
        assert (name, content) == ("error", {"error": "the service failed; try again", "request_id": "mine"})
        assert "request mine" in caplog.text

    serve(case)


def test_a_silent_run_is_heard_of(served_over_tcp: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)

    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.post("/api/v1/run/stream", json=_body("sleep 0.3"))
        assert answer.text.count(": still here\n\n") >= 3
        assert events(answer.text)[-1][0] == "result"

    served_over_tcp(case)


def test_output_comes_before_the_end_and_a_departure_ends_the_run(served_over_tcp: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        async with client.stream("POST", "/api/v1/run/stream", json=_body("out early\nsleep 60")) as answer:
            async for line in answer.aiter_lines():
                if "early" in line:
                    break
        async with asyncio.timeout(5):
            while machine.queue.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert machine.cancelled == 1

    served_over_tcp(case)


def test_a_slow_reader_keeps_no_slot(served_over_tcp: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        async with client.stream("POST", "/api/v1/run/stream", json=_body("flood 400")) as answer:
            async with asyncio.timeout(5):
                while not machine.begun or machine.queue.busy:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            text = (await answer.aread()).decode()
        assert sum(len(content["data"]) for name, content in events(text) if name == "output") == 400 * 65536

    served_over_tcp(case)


def test_a_reader_of_nothing_is_given_up(served_over_tcp: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.05)  # the server waits when it is asked for more

    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        async with client.stream("POST", "/api/v1/run/stream", json=_body("flood 400\nsleep 60")) as answer:
            async with asyncio.timeout(5):
                while not machine.cancelled:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert answer.status_code == 200

    served_over_tcp(case)
