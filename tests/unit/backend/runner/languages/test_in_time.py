"""Lines and prompts are there in time in the languages of a workstation; the page names those where they are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.runner.execution.outcome import Status
from backend.runner.languages import all_languages
from backend.runner.sandbox.limits import Limits
from tests.languages.output import LATE, LINES, PROMPTS, UNASKED
from tests.unit.backend.runner.conftest import RunProgram

pytestmark = pytest.mark.any_python

HERE = {name for name, language in all_languages().items() if language.core} | {"perl", "sqlite", "tcl"}
LIMITS = Limits(timeout=1.5, memory_kb=1 << 20)


@pytest.mark.parametrize("language", sorted(HERE))
def test_lines_are_there_when_a_program_is_ended(run_program: RunProgram, language: str) -> None:
    outcome = run_program(language, LINES[language], limits=LIMITS)
    assert (outcome.status, outcome.stdout) == (Status.TIMEOUT, b"one\ntwo\n"), outcome.stderr


@pytest.mark.parametrize("language", sorted((HERE & set(PROMPTS)) - UNASKED))
def test_a_prompt_is_there_while_it_waits_for_its_answer(run_program: RunProgram, language: str) -> None:
    outcome = run_program(language, PROMPTS[language], limits=LIMITS, interactive=True)
    assert (outcome.status, outcome.stdout) == (Status.TIMEOUT, b"name? "), outcome.stderr


def test_every_language_is_asked() -> None:
    assert set(LINES) == set(all_languages()) - {"assembly"}  # which has no buffer but a program's own
    assert set(PROMPTS) == set(LINES) - {"sqlite"}  # which has nothing that asks


def test_the_page_names_those_that_are_late() -> None:
    page = Path(__file__).parents[5].joinpath("docs/languages.md").read_text(encoding="utf-8")
    section = page.partition("## Output in time")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| ([A-Z]\S*) \|", section, re.MULTILINE)) - {"C++"}
    assert named == {all_languages()[name].title for name in LATE}
    unasked = " ".join(section.partition("A prompt without a line's end")[2].split())
    for name in UNASKED:
        assert all_languages()[name].title in unasked
