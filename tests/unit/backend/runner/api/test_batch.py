"""One program, several inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from backend.runner.api.judging import near, trimmed

Serve = Callable[..., None]
BATCH = "/api/v1/batch"


def _body(*cases: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"language": "script", "source": "cat", "cases": list(cases), **more}


def test_each_case_is_run_and_compared(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        cases = [
            {"stdin": "a\n", "expected": "a"},
            {"stdin": "a \n\n", "expected": "a\n"},
            {"stdin": "b\n", "expected": "a\n"},
            {"stdin_base64": "/w==", "expected_base64": "/w=="},
            {"stdin": "c"},
            {"expected": "of the body"},
        ]
        answer = (await client.post(BATCH, json=_body(*cases, stdin="of the body"))).json()
        assert [one["passed"] for one in answer["cases"]] == [True, True, False, True, None, True]
        assert (answer["passed"], answer["status"], answer["error"], answer["compile"]) == (4, "ok", "", None)
        assert (answer["cases"][4]["stdout"], answer["cases"][4]["status"]) == ("c", "ok")

    serve(case)


def test_exact_means_each_byte(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        cases = [{"stdin": "a\n", "expected": "a"}, {"stdin": "a\n", "expected": "a\n"}]
        answer = (await client.post(BATCH, json=_body(*cases, compare="exact"))).json()
        assert [one["passed"] for one in answer["cases"]] == [False, True]

    serve(case)


def test_a_case_that_fails_has_not_passed_and_names_the_batch(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        body = _body({"expected": "a\n"}, {"args": ["x"]}, source="out a\nenv\nexit 2", args=["y"])
        answer = (await client.post(BATCH, json=body)).json()
        assert (answer["status"], answer["error"], answer["passed"]) == ("runtime_error", "exit status 2", 0)
        assert answer["cases"][0]["passed"] is False
        assert ["('y',)" in one["stdout"] for one in answer["cases"]] == [True, False]
        assert "('x',)" in answer["cases"][1]["stdout"]

    serve(case)


def test_a_compile_is_told_once(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        good = (await client.post(BATCH, json=_body({}, {}, language="compiled"))).json()
        assert (good["compile"]["status"], good["language"], len(good["cases"])) == ("ok", "compiled", 2)
        assert "compile" not in good["cases"][0]
        bad = (await client.post(BATCH, json=_body({}, {}, language="compiled", source="broken"))).json()
        assert (bad["status"], bad["compile"]["stderr"], bad["cases"], bad["passed"]) == (
            "compile_error", "broken", [], 0,
        )  # fmt: skip
        assert machine.begun == 2

    serve(case)


@pytest.mark.parametrize(
    ("cases", "named"),
    [
        ([], "cases"),
        ([{}] * 65, "cases"),
        ([{}, {"stdin": 1}], "cases[1]"),
        ([{"out": ""}], "cases[0].out"),
        ([{"stdin": "a", "stdin_base64": "YQ=="}], "cases[0].stdin"),
        ([{"expected_base64": "?"}], "cases[0].expected_base64"),
        ([{"args": ["\0"]}], "cases[0].args"),
        (1, "cases"),
    ],
)
def test_a_bad_case_is_refused_by_name(serve: Serve, cases: Any, named: str) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        answer = await client.post(BATCH, json={**_body(), "cases": cases})
        assert (answer.status_code, named in answer.json()["error"]) == (400, True), answer.text
        assert machine.begun == 0

    serve(case)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"a", b"a\n\n \n", True),
        (b"a \t\nb\r\n", b"a\nb", True),
        (b"", b"\n", True),
        (b" a", b"a", False),
        (b"a\n\nb", b"a\nb", False),
    ],
)
def test_what_trimmed_leaves_out_of_account(one: bytes, other: bytes, same: bool) -> None:
    assert (trimmed(one) == trimmed(other)) is same


@pytest.mark.parametrize(
    ("output", "expected", "tolerance", "holds"),
    [
        (b"1.0001 x", b"1.0 x", 1e-3, True),
        (b"1.01 x", b"1.0 x", 1e-3, False),
        (b"1000001", b"1000000", 1e-5, True),
        (b"0.0000001", b"0", 1e-6, True),
        (b"1.0 y", b"1.0 x", 1, False),
        (b"1", b"1 1", 1, False),
        (b"nan", b"1", 1, False),
        (b"inf", b"1", 1, False),
        (b"nan inf", b"nan inf", 0, True),
        (b"1e400", b"1", 1, False),
        (b"\xff", b"\xff", 0, True),
        (b"", b" \n", 0, True),
    ],
)
def test_numbers_are_compared_as_far_as_the_tolerance(
    output: bytes, expected: bytes, tolerance: float, holds: bool
) -> None:
    assert near(output, expected, tolerance) is holds


def test_tokens_and_tolerance(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        cases = [{"stdin": "1  2\n\n3", "expected": "1 2 3\n"}, {"stdin": "1 2.0001", "expected": "1 2"}]
        answer = (await client.post(BATCH, json=_body(*cases, compare="tokens"))).json()
        assert [one["passed"] for one in answer["cases"]] == [True, False]
        answer = (await client.post(BATCH, json=_body(*cases, check={"tolerance": 0.001}))).json()
        assert [one["passed"] for one in answer["cases"]] == [True, True]

    serve(case)


@pytest.mark.parametrize(
    ("check", "named"),
    [
        ({}, "check: give a tolerance"),
        ({"tolerance": 0.1, "language": "script", "source": ""}, "check: give a tolerance"),
        ({"tolerance": 2}, "check.tolerance must be"),
        ({"language": "script"}, "check: a program that judges"),
        ({"language": "nothing", "source": ""}, "check.language 'nothing' is not supported"),
        ({"x": 1}, "check.x is not a field"),
    ],
)
def test_a_check_that_makes_no_sense_is_refused(serve: Serve, check: dict[str, object], named: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.post(BATCH, json=_body({"stdin": ""}, check=check))
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(named)

    serve(case)
