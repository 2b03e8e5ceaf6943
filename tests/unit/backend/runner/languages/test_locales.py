"""Programs find the locales that they ask for by name; their own is C.UTF-8 as ever."""

from __future__ import annotations

import pytest

from tests.languages.locales import ASKING
from tests.unit.backend.runner.conftest import RunProgram

pytestmark = pytest.mark.any_python

HERE = ("bash", "c", "c++", "perl", "python3")


@pytest.mark.parametrize("language", HERE)
def test_a_locale_is_found_by_its_name(run_program: RunProgram, language: str) -> None:
    source, wanted = ASKING[language]
    outcome = run_program(language, source)
    assert (outcome.stderr.decode(), outcome.stdout.decode()) == ("", wanted)


def test_a_request_may_choose_its_own(run_program: RunProgram) -> None:
    source = "import locale\nlocale.setlocale(locale.LC_ALL, '')\nprint(locale.str(1.5))\n"
    assert run_program("python3", source).stdout == b"1.5\n"
    assert run_program("python3", source, env={"LC_ALL": "de_DE.UTF-8"}).stdout == b"1,5\n"
