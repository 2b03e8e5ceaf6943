import re

import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.words import words

PATTERNS = sorted({pattern for language in all_languages().values() for pattern in language.options})


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("-g", ["-g"]),
        ("-O[0-3sg]", ["-O0", "-O1", "-O2", "-O3", "-Os", "-Og"]),
        ("-pedantic(-errors)?", ["-pedantic", "-pedantic-errors"]),
        ("-W[a-z][a-z0-9+-]*(=[a-z0-9+-]+)?", ["-W…"]),
        ("-(a|b(c|d)?)", ["-a", "-b", "-bc", "-bd"]),
        ("-m(avx|sse4\\.2)", ["-mavx", "-msse4.2"]),
        ("-X(one|two)=[0-9]{1,7}", ["-Xone=…", "-Xtwo=…"]),
        ("-w[+-]", ["-w+", "-w-"]),
        ("-[a-e][a-e]", ["-…"]),
        ("-OO?", ["-O", "-OO"]),
    ],
)
def test_patterns_are_spelled_out(pattern: str, wanted: list[str]) -> None:
    assert list(words(pattern)) == wanted


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_word_is_an_option_that_is_taken(pattern: str) -> None:
    for word in words(pattern):
        assert not re.search(r"[\[\](){}*?\\|^$]", word)
        assert word.endswith("…") or re.fullmatch(pattern, word)
        assert len(word) > 1
