"""A program goes through its language's formatter."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

Serve = Callable[..., None]
FORMAT = "/api/v1/format"


def test_what_the_formatter_prints_is_the_program(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        answer = await client.post(FORMAT, json={"language": "SCR", "source": "out tidy\nerr said"})
        assert answer.json() == {"status": "ok", "source": "tidy\n", "stderr": "said\n", "language": "script"}
        assert machine.queue.busy == 0

    serve(case)


def test_a_program_that_the_formatter_cannot_read_stays_as_it_is(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = (await client.post(FORMAT, json={"language": "script", "source": "out half\nexit 2"})).json()
        assert (answer["status"], answer["source"]) == ("runtime_error", "out half\nexit 2")
        assert answer["stderr"] == "exit status 2"

    serve(case)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"language": "compiled", "source": ""}, "language 'compiled' has no formatter"),
        ({"language": "nothing", "source": ""}, "language 'nothing' is not supported"),
        ({"language": "script"}, "source is missing"),
        ({"language": "script", "source": "", "stdin": ""}, "stdin is not a field"),
        ({"language": "script", "source": 1}, "source: Expected `str`"),
        ({"language": "script", "source": "\ud800"}, "source holds half a surrogate pair"),
    ],
)
def test_bad_requests_name_the_field(serve: Serve, body: dict[str, Any], error: str) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        answer = await client.post(FORMAT, content=json.dumps(body))
        assert answer.status_code == 400
        assert error in answer.json()["error"]
        assert machine.begun == 0

    serve(case)


def test_languages_tell_whether_they_can_be_formatted(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        details = (await client.get("/api/v1/languages")).json()["details"]
        assert {name: one["formats"] for name, one in details.items()} == {"script": True, "compiled": False}

    serve(case)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("err thread 'main' has overflowed its stack\nexit 134", "error: the program nests too deeply"),
        ("err error: INTERNAL ERROR: please report a bug\nexit 123", "leave it as it is"),
        ("err " + "no " * 100_000 + "\nexit 1", "no " * 100),
    ],
    ids=["stack", "internal", "long"],
)
def test_how_a_formatter_failed_is_put_into_words(serve: Serve, program: str, said: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = (await client.post(FORMAT, json={"language": "script", "source": program})).json()
        assert (answer["status"], answer["source"]) == ("runtime_error", program)
        assert said in answer["stderr"]
        assert "report" not in answer["stderr"]
        assert len(answer["stderr"]) <= 65536

    serve(case)
