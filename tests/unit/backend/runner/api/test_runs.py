"""Runs answered whole: what may be asked, what is answered, and what becomes of those who leave."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Serve = Callable[..., None]
RUN = "/api/v1/run"


def _body(source: str, **more: object) -> dict[str, object]:
    return {"language": "script", "source": source, **more}


@pytest.mark.parametrize("name", ["script", "SCRIPT", "scr", "Scr"])
def test_a_language_goes_by_its_aliases_and_is_answered_by_its_name(serve: Serve, name: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = (await client.post(RUN, json=_body("out a", language=name))).json()
        assert (answer["language"], answer["stdout"], answer["compile"]) == ("script", "a\n", None)
        assert (answer["time_ms"], answer["cpu_ms"], answer["encoding"]) == (1.5, 1.0, "utf-8")

    serve(case)


def test_a_compile_is_reported(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        good = (await client.post(RUN, json=_body("out a", language="compiled"))).json()
        assert good["compile"] == {
            "status": "ok", "stdout": "", "stderr": "", "exit_code": 0, "time_ms": 2.0, "cpu_ms": 0.0, "memory_kb": 0,
            "cached": False,
        }  # fmt: skip
        bad = (await client.post(RUN, json=_body("broken", language="compiled"))).json()
        assert (bad["status"], bad["compile"]["status"], bad["compile"]["stderr"]) == (
            "compile_error", "compile_error", "broken",
        )  # fmt: skip

    serve(case)


def test_bytes_come_and_go_as_base64(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        encoded = base64.b64encode(b"cat\nerr \xc3\xbc").decode()
        body = {"language": "script", "source_base64": encoded, "stdin_base64": "AP8=", "encoding": "base64"}
        answer = (await client.post(RUN, json=body)).json()
        assert base64.b64decode(answer["stdout"]) == b"\x00\xff"
        assert base64.b64decode(answer["stderr"]) == "ü\n".encode()
        assert answer["encoding"] == "base64"
        files = {"a.bin": {"base64": "AP8="}, "b.txt": "b"}
        said = (await client.post(RUN, json=_body("env", files=files))).json()["stdout"]
        assert "'a.bin': '00ff', 'b.txt': '62'" in said
        replaced = (await client.post(RUN, json=_body("hex ff00"))).json()["stdout"]
        assert replaced == "�\0"

    serve(case)


def test_options_and_limits_reach_the_program(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        limits = {
            "timeout": 2, "cpu_seconds": 1.5, "memory_kb": 1000, "output_bytes": 100, "processes": 5, "open_files": 20,
            "file_kb": 30, "disk_kb": 40, "inodes": 50,
        }  # fmt: skip
        said = (await client.post(RUN, json=_body("env", limits=limits, options=["-O2"]))).json()["stdout"]
        assert "('-O2',)" in said
        assert all(f"{name}={value}" in said for name, value in limits.items())

    serve(case)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"options": ["-O4"]}, "options"),
        ({"options": ["-O2 "]}, "options"),
        ({"options": ["x-O2"]}, "options"),
        ({"options": ["-O2"], "language": "compiled"}, "options"),
        ({"options": ["-O2"] * 33}, "options"),
        ({"encoding": "latin-1"}, "encoding"),
        ({"source_base64": "YQ=="}, "source"),
        ({"stdin": "a", "stdin_base64": "YQ=="}, "stdin"),
        ({"stdin_base64": "YQ"}, "stdin_base64"),
        ({"stdin_base64": "Y Q="}, "stdin_base64"),
        ({"files": {"a": {"base64": "?"}}}, "files"),
        ({"files": {"a": {"hex": "00"}}}, "files"),
        ({"files": {"a": 1}}, "files"),
        ({"args": ["x"] * 257}, "args"),
        ({"cases": []}, "cases"),
        *(
            ({"limits": {name: value}}, f"limits.{name}")
            for name in ("timeout", "cpu_seconds", "memory_kb", "output_bytes", "processes", "open_files", "file_kb",
                         "disk_kb", "inodes")
            for value in (0, -1, 10**12)
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(serve: Serve, more: dict[str, Any], named: str) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        answer = await client.post(RUN, json=_body("out a", **more))
        assert (answer.status_code, named in answer.json()["error"]) == (400, True), answer.text
        assert machine.begun == 0

    serve(case)


@pytest.mark.parametrize("body", ['{"language": "script"}', '{"\\ud800": 1}', '{"language": "\\ud800", "source": ""}'])
def test_a_refusal_is_always_text(serve: Serve, body: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.post(RUN, content=body)
        assert (answer.status_code, bool(answer.json()["error"])) == (400, True)

    serve(case)


def test_a_departure_while_it_runs_ends_the_program(served_over_tcp: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(RUN, json=_body("sleep 60"), timeout=0.2)
        async with asyncio.timeout(5):
            while machine.queue.busy:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert machine.cancelled == 1

    served_over_tcp(case)


def test_a_departure_while_it_waits_leaves_the_queue(served_over_tcp: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        async with machine.queue.slot("another"):
            with pytest.raises(httpx.ReadTimeout):
                await client.post(RUN, json=_body("out a"), timeout=0.2)
            async with asyncio.timeout(5):
                while machine.queue.depth:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        assert machine.begun == 0

    served_over_tcp(case, NUM_RUNNERS="1")


def test_who_waits_too_long_is_told_so(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        async with machine.queue.slot("another"):
            answer = await client.post(RUN, json=_body("out a"))
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "0.05 s" in answer.json()["error"]

    serve(case, NUM_RUNNERS="1", RUNNER_QUEUE_SECONDS="0.05")
