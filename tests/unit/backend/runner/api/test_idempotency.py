"""The same request twice, carried out once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from backend.runner.api.idempotency import KEPT_SECONDS, Produced, Replays
from backend.runner.errors import KeyReused

Serve = Callable[..., None]


def _body(source: str) -> dict[str, str]:
    return {"language": "script", "source": source}


def _answer(text: str, keep: bool = True) -> Callable[[], Awaitable[Produced]]:
    async def produce() -> Produced:
        return text.encode(), keep

    return produce


def test_the_same_key_and_body_give_the_same_answer_once(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        sent: dict[str, Any] = {"headers": {"idempotency-key": "k-1"}, "json": _body("out a")}
        first, second = [await client.post("/api/v1/run", **sent) for _ in range(2)]
        assert (first.content, machine.begun) == (second.content, 1)
        assert [one.headers.get("idempotency-replayed") for one in (first, second)] == [None, "true"]
        other = await client.post("/api/v1/run", json=_body("out b"), headers={"idempotency-key": "k-1"})
        assert (other.status_code, "Idempotency-Key" in other.json()["error"]) == (422, True)
        await client.post("/api/v1/run", json=_body("out a"), headers={"idempotency-key": "k-2"})
        assert machine.begun == 2

    serve(case)


def test_duplicates_at_the_same_time_wait_for_the_first(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        sent: dict[str, Any] = {"headers": {"idempotency-key": "k"}, "json": _body("sleep 0.1\nout a")}
        answers = await asyncio.gather(*(client.post("/api/v1/run", **sent) for _ in range(5)))
        assert (len({one.content for one in answers}), machine.begun) == (1, 1)
        assert sorted(one.headers.get("idempotency-replayed", "") for one in answers) == ["", *["true"] * 4]

    serve(case)


def test_a_failure_is_not_kept_and_a_duplicate_takes_over(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        sent: dict[str, Any] = {"headers": {"idempotency-key": "k"}, "json": _body("sleep 0.2\nout a")}
        first = asyncio.create_task(client.post("/api/v1/run", **sent))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(client.post("/api/v1/run", **sent))
        await asyncio.sleep(0.05)
        first.cancel()
        assert (await second).json()["stdout"] == "a\n"
        assert machine.begun == 2

    serve(case)


@pytest.mark.parametrize("key", ["", "a b", "x" * 129, "\x7f"])
def test_a_malformed_key_is_refused(serve: Serve, key: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.post("/api/v1/run", json=_body(""), headers={"idempotency-key": key})
        assert (answer.status_code, "Idempotency-Key" in answer.text) == (400, True)

    serve(case)


def test_answers_are_bounded_in_time_count_and_bytes() -> None:
    async def case() -> None:
        now = 0.0
        replays = Replays(most_answers=3, most_bytes=10, clock=lambda: now)
        for number in range(5):
            await replays.once("c", str(number), b"", _answer("a"))
        assert (len(replays), replays.bytes) == (3, 3)
        assert await replays.once("c", "4", b"", _answer("b")) == (b"a", True)
        assert await replays.once("c", "0", b"", _answer("b")) == (b"b", False)
        await replays.once("c", "big", b"", _answer("x" * 9))
        assert (replays.bytes, len(replays)) == (10, 2)
        assert await replays.once("c", "huge", b"", _answer("x" * 11)) == (b"x" * 11, False)
        assert replays.bytes <= 10
        now = KEPT_SECONDS
        assert await replays.once("c", "big", b"", _answer("new")) == (b"new", False)

    asyncio.run(case())


def test_clients_do_not_share_keys_and_what_may_not_be_kept_is_not() -> None:
    async def case() -> None:
        replays = Replays()
        await replays.once("a", "k", b"1", _answer("a"))
        assert await replays.once("b", "k", b"2", _answer("b")) == (b"b", False)
        with pytest.raises(KeyReused):
            await replays.once("a", "k", b"2", _answer("c"))
        await replays.once("a", "never", b"", _answer("x", keep=False))
        assert await replays.once("a", "never", b"other", _answer("y")) == (b"y", False)

    asyncio.run(case())
