"""Programs in real sandboxes, compiled and run by this host's toolchains."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from backend.runner.execution.executor import Executor
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest
from backend.runner.languages import all_languages
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from tests.unit.backend.runner.conftest import Place

Run = Callable[..., Outcome]


@pytest.fixture
def run(host: Host, place: Place) -> Run:
    """Run a program of a language as the service does, without its cache and what waits to be used."""
    executor = Executor(host, {}, cache=None, accelerations=frozenset())

    def run(name: str, source: str | bytes, files: dict[str, str] | None = None, **more: Any) -> Outcome:
        language = all_languages()[name]
        tool = (language.compile or language.run)[0]
        assert shutil.which(tool), f"no {tool}: `./dev python -m deploy.workstation languages` installs it"
        request = RunRequest(
            language=language, source=source.encode() if isinstance(source, str) else source,
            files={name: text.encode() for name, text in (files or {}).items()},
            limits=more.pop("limits", Limits(timeout=20, memory_kb=1 << 20)), **more,
        )  # fmt: skip
        return place.do(executor.execute(place.slot, request))

    return run


def test_a_terminal_says_what_it_is_and_pipes_do_not(run: Run) -> None:
    source = "env | grep ^TERM= || echo none; tput colors 2>&1"
    inside = run("bash", source, terminal=(25, 80))
    assert inside.stdout.split() == [b"TERM=xterm-256color", b"256"]
    assert run("bash", source).stdout.split()[0] == b"none"
