"""Lines and prompts are there in time, in every language of the image but those named."""

from __future__ import annotations

import os

import pytest

from backend.runner.api.models import LimitsBody
from backend.runner.client import Client, Output, Program, Result
from deploy.local import URL_VARIABLE
from tests.languages.output import LATE, LINES, PROMPTS, UNASKED

TIMEOUT = 5
"""Seconds, in which the slowest has started on a busy machine."""


def _session(language: str, source: str) -> tuple[str, str]:
    """What is seen of a session in which nothing is typed, and how it ended."""
    program = Program(language=language, source=source, limits=LimitsBody(timeout=TIMEOUT))
    seen = ""
    with Client(os.environ[URL_VARIABLE]) as client, client.session(program) as session:
        for event in session:
            if isinstance(event, Output):
                seen += event.text
            elif isinstance(event, Result):
                return seen, event.answer.status
    return seen, ""


@pytest.mark.parametrize("language", LINES)
def test_lines_are_there_when_a_program_is_ended(language: str) -> None:
    assert _session(language, LINES[language]) == (LATE.get(language, "one\ntwo\n"), "timeout")


@pytest.mark.parametrize("language", PROMPTS)
def test_a_prompt_is_there_while_it_waits_for_its_answer(language: str) -> None:
    assert _session(language, PROMPTS[language]) == ("" if language in UNASKED else "name? ", "timeout")
