"""What formatters cannot format is an error that says why, in the image."""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest

from deploy.local import URL_VARIABLE

DEEP = {
    "python3": "x = " + "(" * 5000 + "1" + ")" * 5000 + "\n",
    "go": "package main\n\nvar x = " + "(" * 100_000 + "1" + ")" * 100_000 + "\n",
    "rust": "fn main() { let x = " + "(" * 100_000 + "1" + ")" * 100_000 + "; }\n",
}
JUNK = "".join(chr(1 + n * 7919 % 0x1FFF) for n in range(20_000))


def _format(language: str, source: str) -> dict[str, Any]:
    body = {"language": language, "source": source}
    return dict(httpx.post(f"{os.environ[URL_VARIABLE]}api/v1/format", json=body, timeout=60).raise_for_status().json())


@pytest.mark.parametrize("language", DEEP)
def test_deep_nesting_is_named(language: str) -> None:
    answer = _format(language, DEEP[language])
    assert (answer["status"], answer["source"]) == ("runtime_error", DEEP[language])
    assert "nest" in answer["stderr"]
    assert "Traceback" not in answer["stderr"]


@pytest.mark.parametrize("language", DEEP)
@pytest.mark.parametrize("source", [JUNK, "\0\1\2", "\x80"], ids=["junk", "nul", "control"])
def test_junk_is_an_error_of_the_program(language: str, source: str) -> None:
    answer = _format(language, source)
    assert (answer["status"], answer["source"]) == ("runtime_error", source)
    assert "Traceback" not in answer["stderr"]
    assert 0 < len(answer["stderr"]) <= 65536


@pytest.mark.parametrize(
    ("language", "source"),
    [("python3", 'x = "%s"\n'), ("go", 'package main\n\nvar x = "%s"\n'), ("rust", 'const X: &str = "%s";\n')],
)
def test_a_long_line_is_formatted(language: str, source: str) -> None:
    text = source % ("a" * 900_000)
    answer = _format(language, text)
    assert (answer["status"], answer["source"]) == ("ok", text)
