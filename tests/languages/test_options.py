"""Each option does what its language says of it, in the image, with a program that shows it or with a right one."""

from __future__ import annotations

import os
import re
import time
from typing import Any

import httpx
import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.words import words
from deploy.local import URL_VARIABLE
from tests.languages.options import TRIED
from tests.languages.tried import Tried

SHOWN = {(one.language, one.option) for one in TRIED}
SPELLED = [
    (name, word)
    for name, language in all_languages().items()
    for pattern in language.options
    for word in words(pattern)
    if not word.endswith("…") and (name, word) not in SHOWN
]
TELLS = {"-gcflags=-S"}
"""Options that print something of every program."""


def run(language: str, source: str, options: list[str], files: dict[str, str] | None = None) -> dict[str, Any]:
    body = {"language": language, "source": source, "options": options, "files": files or {}}
    for _ in range(30):
        response = httpx.post(f"{os.environ[URL_VARIABLE]}api/v1/run", json=body, timeout=60)
        if response.status_code not in (429, 503):
            break
        time.sleep(float(response.headers["retry-after"]))
    assert response.status_code == 200, response.text
    return dict(response.json())


@pytest.mark.parametrize("tried", TRIED, ids=lambda tried: f"{tried.language} {tried.option}")
def test_an_option_does_what_is_said_of_it(tried: Tried) -> None:
    result = run(tried.language, tried.source, [tried.option, *tried.beside], tried.files)
    assert (result["status"], result["stdout"]) == (tried.status, tried.stdout), result["stderr"]
    assert re.search(tried.says or "^$", result["stderr"]) or (tried.status != "ok" and not tried.says)


@pytest.mark.parametrize(("name", "option"), SPELLED)
def test_each_spelling_is_taken(name: str, option: str) -> None:
    language = all_languages()[name]
    result = run(name, language.hello, [option])
    assert (result["status"], result["stdout"]) == ("ok", language.hello_output), result["stderr"]
    assert result["stderr"] == "" or option in TELLS
