"""Java programs with odd names or too much to say: never our fault, and the same whether a compiler stays or not."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from backend.runner.service import Service
from tests.unit.backend.runner.conftest import RunProgram, until

pytestmark = pytest.mark.any_python

MAIN = 'public static void main(String[] args) { System.out.println("42"); }'

WHAT = 'class Json { public static String what() { return "42"; } }'


def _unknown(calls: int, comment: str) -> str:
    """A class of one line, each of whose calls is an error that shows the whole line."""
    return f"class A {{ void f() {{ {' '.join(f'y{n}();' for n in range(calls))} /*{comment}*/ }} }}"


def _main(name: str, before: str = "", after: str = "") -> str:
    return f"{before} class {name} {{ {MAIN} }} {after}"


PROGRAMS = {
    "a package named launch": (_main("Main", "package launch;"), {}, "ok"),
    "a class named launch": (_main("launch"), {}, "ok"),
    "a package of ours": (_main("Main", "package codecanvas;", WHAT).replace('"42"', "Json.what()", 1), {}, "ok"),
    "a class of ours": (_main("Bootstrap", "package codecanvas; public"), {}, "ok"),
    "a package of ours beside": (
        _main("Main").replace('"42"', "codecanvas.Javac.what()"),
        {"codecanvas/Javac.java": "package codecanvas; public " + WHAT.replace("Json", "Javac")},
        "ok",
    ),
    "a class of 249 letters": (_main("X" * 249, "public"), {}, "ok"),
    "a class of 250 letters": (_main("X" * 250, "public"), {}, "compile_error"),
    "a class of 300 letters": (_main("X" * 300, "public"), {}, "compile_error"),
    "a class of 250 letters beside": (_main("Main", after=f"class {'X' * 250} {{}}"), {}, "compile_error"),
    "a class of 100 long letters": (_main("Main", after=f"class {'大' * 100} {{}}"), {}, "compile_error"),
    "an inner class beyond": (_main("Main", after=f"class A {{ class {'B' * 249} {{}} }}"), {}, "compile_error"),
    "a package 60 deep": (_main("Main", f"package {'.'.join(['a'] * 60)};"), {}, "ok"),
    "a package 80 deep": (_main("Main", f"package {'.'.join(['a'] * 80)};"), {}, "compile_error"),
    "a package beyond a path": (_main("Main", f"package {'.'.join(['aa'] * 1500)};"), {}, "compile_error"),
    "a package of 250 letters": (_main("Main", f"package {'p' * 250};"), {}, "ok"),
    "a package of 256 letters": (_main("Main", f"package {'p' * 256};"), {}, "compile_error"),
    "more messages than may be": (
        _main("Main", after=_unknown(100, "x" * 300_000)), {}, "output_limit",
    ),
    "as many in long letters": (
        _main("Main", after=_unknown(3, "大" * 70_000)), {}, "output_limit",
    ),
}  # fmt: skip


async def _warm(client: httpx.AsyncClient, service: Service) -> None:
    """Have a javac that stays: a program that is asked for once has it made, and it says when it is warm."""
    await client.post("/api/v1/run", json={"language": "java", "source": _main("Main")})
    await until(lambda: service.tender.residents["java"].ready, 60)


def test_the_same_of_one_that_stays(served: Callable[..., None]) -> None:
    """All in one: to have it warm takes seconds."""

    async def ask(client: httpx.AsyncClient, service: Service) -> None:
        await _warm(client, service)
        for name, (source, files, status) in PROGRAMS.items():
            body: dict[str, Any] = {"language": "java", "source": source, "files": files}
            answers[name] = (await client.post("/api/v1/run", json=body)).json()
            wanted[name] = status

    answers: dict[str, Any] = {}
    wanted: dict[str, str] = {}
    served(ask, NUM_RUNNERS="1", RUNNER_ACCELERATIONS="warm,compile_cache")
    assert {name: answer["status"] for name, answer in answers.items()} == wanted
    for name, answer in answers.items():
        assert answer["stdout"] == ("42\n" if wanted[name] == "ok" else ""), name
        said = answer["stderr"].removesuffix("\N{REPLACEMENT CHARACTER}")  # a character that the cut went through
        assert len(said.encode()) <= 256 * 1024, name


def test_a_compiler_that_is_busy_is_not_waited_for(served: Callable[..., None]) -> None:
    async def ask(client: httpx.AsyncClient, service: Service) -> None:
        await _warm(client, service)
        large = _main("Main", after="".join(f"class A{n} {{ int f() {{ return {n}; }} }}\n" for n in range(8000)))
        busy = asyncio.create_task(client.post("/api/v1/run", json={"language": "java", "source": large}))
        await asyncio.sleep(0.3)
        for number in range(2):
            body = {"language": "java", "source": _main("Main", after=f"// beside {number}")}
            answer = (await client.post("/api/v1/run", json=body)).json()
            assert (answer["status"], answer["stdout"]) == ("ok", "42\n")
            assert not busy.done(), "the large one was too quick for this test"
        assert (await busy).json()["status"] == "ok"

    served(ask, NUM_RUNNERS="2", RUNNER_ACCELERATIONS="warm")


@pytest.mark.parametrize("name", PROGRAMS)
def test_of_one_that_is_started(run_program: RunProgram, name: str) -> None:
    source, files, status = PROGRAMS[name]
    outcome = run_program("java", source, files)
    assert (outcome.status.value, outcome.stdout) == (status, b"42\n" if status == "ok" else b""), outcome.stderr[:500]
    assert len(outcome.stderr) <= 256 * 1024
