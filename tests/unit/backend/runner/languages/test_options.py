"""Options that are offered work: each was tried, and those of a workstation's own toolchains are tried here."""

from __future__ import annotations

import re

import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.language import Language
from tests.languages.options import TRIED
from tests.languages.tried import Tried
from tests.unit.backend.runner.conftest import RunProgram

pytestmark = pytest.mark.any_python

HERE = {name for name, language in all_languages().items() if language.core} | {"perl"}
"""What a machine that runs these tests has; of the others tests/languages tries each option in the image."""


@pytest.mark.parametrize("language", all_languages().values(), ids=lambda language: language.name)
def test_every_option_is_tried(language: Language) -> None:
    spelled = [one.option for one in TRIED if one.language == language.name]
    untried = [pattern for pattern in language.options if not any(re.fullmatch(pattern, one) for one in spelled)]
    assert not untried, f"tests/languages/options.py has no program for these of {language.name}"
    assert not [one for one in spelled if not any(re.fullmatch(pattern, one) for pattern in language.options)]


@pytest.mark.parametrize(
    "tried",
    [one for one in TRIED if one.language in HERE and not one.image],
    ids=lambda tried: f"{tried.language} {tried.option}",
)
def test_an_option_does_what_is_said_of_it(run_program: RunProgram, tried: Tried) -> None:
    outcome = run_program(tried.language, tried.source, tried.files, options=(tried.option, *tried.beside))
    said = outcome.stderr.decode()
    assert (outcome.status, outcome.stdout.decode()) == (tried.status, tried.stdout), said
    assert re.search(tried.says or "^$", said) or (tried.status != "ok" and not tried.says), said
