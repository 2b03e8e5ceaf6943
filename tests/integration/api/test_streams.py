"""Runs that are heard of as they go, spoken to, and repeated: through whatever stands between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from backend.runner.client import Case, Client, Output, Phase, Program, Result
from deploy.settings.environments import EnvironmentConfig


@pytest.fixture
def runner(environment: EnvironmentConfig) -> Iterator[Client]:
    with Client(environment.service_url) as client:
        yield client


def _text(events: list[Any], stream: str = "stdout") -> str:
    return b"".join(one.data for one in events if isinstance(one, Output) and one.stream == stream).decode()


@pytest.mark.smoke
def test_output_comes_as_it_is_written(runner: Client) -> None:
    came: dict[str, float] = {}
    for event in runner.stream(Program(language="bash", source="echo one; sleep 1; echo two")):
        came[type(event).__name__ if not isinstance(event, Output) else event.text.strip()] = time.monotonic()
    assert list(came) == ["Phase", "one", "two", "Result"]
    assert came["two"] - came["one"] > 0.5


def test_phases_streams_and_characters(runner: Client) -> None:
    # A program that was compiled before is not compiled again, whoever sent it: this one is new each time.
    source = f"""// {time.time_ns()}
#include <stdio.h>
#warning hm
int main(void) {{ puts("ü€😀"); fputs("err", stderr); return 3; }}"""
    events = list(runner.stream(Program(language="c", source=source)))
    assert events[0] == Phase("compile")
    assert (_text(events), _text(events, "stderr")) == ("ü€😀\n", "err")
    last = events[-1]
    assert isinstance(last, Result)
    assert (last.answer.status, last.answer.exit_code) == ("runtime_error", 3)
    assert last.answer.compile is not None
    assert "#warning hm" in last.answer.compile.stderr
    assert events[1] == Phase("run", last.answer.compile)


def test_a_program_that_does_not_compile_streams_the_reason(runner: Client) -> None:
    *_, last = runner.stream(Program(language="c", source="int main("))
    assert isinstance(last, Result)
    assert last.answer.compile is not None
    assert (last.answer.status, "main.c" in last.answer.compile.stderr) == ("compile_error", True)


def test_output_past_its_limit_is_cut_in_a_stream_too(api: httpx.Client) -> None:
    body = {"language": "bash", "source": "yes", "limits": {"output_bytes": 5000, "timeout": 5}}
    text = api.post("run/stream", json=body).text
    assert '"status":"output_limit"' in text
    assert sum(line.count("y") for line in text.splitlines() if '"stdout"' in line) <= 2600


@pytest.mark.smoke
def test_a_program_is_spoken_to(runner: Client) -> None:
    source = "name = input('Who? ')\nprint('Hello,', name)\nprint(len(input()))"
    with runner.session(Program(language="python3", source=source)) as session:
        heard: list[Any] = []
        for event in session:
            heard.append(event)
            if isinstance(event, Output) and "Who? " in event.text:
                session.type("Ada\n")
            if isinstance(event, Output) and "Hello, Ada" in event.text:
                session.type(b"four\n")
    assert _text(heard) == "Who? Hello, Ada\n4\n"
    assert isinstance(heard[-1], Result)
    assert heard[-1].answer.status == "ok"


def test_a_terminal_has_its_size_before_the_program_can_ask(runner: Client) -> None:
    source = """
#include <stdio.h>
#include <sys/ioctl.h>
int main(void) {
    struct winsize size;
    ioctl(0, TIOCGWINSZ, &size);
    printf("%d %d\\n", size.ws_row, size.ws_col);
}"""
    for _ in range(40):
        with runner.session(Program(language="c", source=source), terminal=(30, 90)) as session:
            assert _text(list(session)) == "30 90\r\n"


def test_a_terminal_has_a_size_and_signals(runner: Client) -> None:
    source = (
        "echo $TERM\ntrap 'echo caught; exit 7' INT\nstty size\nread\nstty size\necho waiting\n"
        "while :; do sleep 0.1; done"
    )
    with runner.session(Program(language="bash", source=source), terminal=(30, 90)) as session:
        heard: list[Any] = []
        for event in session:
            heard.append(event)
            if isinstance(event, Output) and "30 90" in event.text:
                session.resize(11, 22)
                session.type("\n")
            if isinstance(event, Output) and "waiting" in event.text:
                session.signal("SIGINT")
    said = _text(heard)
    assert all(one in said for one in ("xterm-256color", "30 90", "11 22", "caught"))
    assert isinstance(heard[-1], Result)
    assert heard[-1].answer.exit_code == 7


def test_a_stop_ends_a_session(runner: Client) -> None:
    began = time.monotonic()
    with runner.session(Program(language="bash", source="echo begun; sleep 60")) as session:
        heard: list[Any] = []
        for event in session:
            heard.append(event)
            if isinstance(event, Output):
                session.stop()
    assert isinstance(heard[-1], Result)
    assert heard[-1].answer.status == "runtime_error"
    assert time.monotonic() - began < 5


def test_a_departure_frees_the_runner(runner: Client) -> None:
    began = time.monotonic()
    for _ in range(runner.status().runners.total + 1):
        stream = runner.stream(Program(language="bash", source="echo begun; sleep 60"))
        assert next(iter(stream)) == Phase("run")
        stream.close()  # type: ignore[attr-defined]
    assert runner.run("bash", "echo mine").stdout == "mine\n"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("language", ["python3", "c"])
def test_a_batch_compiles_once_and_runs_each_case(runner: Client, language: str) -> None:
    source = {
        "python3": "import os\nprint(int(input()) * 2, os.path.exists('left'))\nopen('left', 'w')",
        "c": '#include <stdio.h>\n#include <unistd.h>\nint main(void) { int n; scanf("%d", &n); '
        'printf("%d %s\\n", n * 2, access("left", F_OK) ? "False" : "True"); fopen("left", "w"); }',
    }[language]
    cases = [Case(stdin="2\n", expected="4 False"), Case(stdin="3\n", expected="6 False\n"), Case(stdin="4\n")]
    answer = runner.batch(Program(language=language, source=source), cases)
    assert ([one.passed for one in answer.cases], answer.passed) == ([True, True, None], 2)
    assert (answer.compile is None) == (language == "python3")


def test_a_key_runs_once(runner: Client) -> None:
    key = f"test-{time.time_ns()}"
    first, second = (runner.run("bash", "echo $RANDOM$RANDOM$RANDOM", key=key) for _ in range(2))
    assert first == second
