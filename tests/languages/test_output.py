"""Lines and prompts are there in time, in every language of the image but those named."""

from __future__ import annotations

import os

import pytest

from backend.runner.client import Client, Limits, Output, Program, Result
from deploy.local import URL_VARIABLE
from tests.languages.output import LATE, LINES, PROMPTS, UNASKED

TIMEOUT = 9
"""Seconds, in which the slowest has started on a busy machine."""


def _seen(language: str, source: str, wanted: str) -> str:
    """What is seen of a session in which nothing is typed: until it is `wanted`, or to its end."""
    program = Program(language=language, source=source, limits=Limits(timeout=TIMEOUT))
    seen = ""
    with Client(os.environ[URL_VARIABLE]) as client, client.session(program) as session:
        for event in session:
            if isinstance(event, Output):
                seen += event.text
                if seen == wanted:
                    break
            elif isinstance(event, Result):
                assert event.answer.status == "timeout", event.answer
                break
    return seen


@pytest.mark.parametrize("language", sorted(LINES.keys() - LATE.keys()))
def test_lines_are_seen_while_a_program_waits(language: str) -> None:
    assert _seen(language, LINES[language], "one\ntwo\n") == "one\ntwo\n"


@pytest.mark.parametrize("language", LATE)
def test_those_that_are_late_are_no_better_than_is_said_of_them(language: str) -> None:
    assert _seen(language, LINES[language], "one\ntwo\n") == LATE[language]


@pytest.mark.parametrize("language", PROMPTS)
def test_a_prompt_is_seen_while_a_program_waits_for_its_answer(language: str) -> None:
    assert _seen(language, PROMPTS[language], "name? ") == ("" if language in UNASKED else "name? ")
