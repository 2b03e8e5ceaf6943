"""A program cannot tell whether it was forked, or taken up by a process that waited, or started anew."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.warm import bash, java, libraries, nodejs, perl, python3, ruby, sqlite, tcl, typescript
from tests.warm.pair import Pair, Program, make_warm_place

PROGRAMS: dict[str, dict[str, Program]] = {
    "python3": python3.PROGRAMS | libraries.PROGRAMS,
    "nodejs": nodejs.PROGRAMS,
    "typescript": typescript.PROGRAMS,
    "java": java.PROGRAMS,
    "ruby": ruby.PROGRAMS,
    "bash": bash.PROGRAMS,
    "sqlite": sqlite.PROGRAMS,
    "perl": perl.PROGRAMS,
    "tcl": tcl.PROGRAMS,
}


@pytest.fixture(scope="session")
def warm() -> Iterator[Path]:
    """Beneath /tmp itself: slots have uids of their own, and pytest's directories are closed to them."""
    with TemporaryDirectory(prefix="codecanvas-warm-") as place:
        yield make_warm_place(Path(place))


@pytest.fixture(scope="module")
def pairs(warm: Path) -> Iterator[dict[str, Pair]]:
    made: dict[str, Pair] = {}
    try:
        yield made
    finally:
        for pair in made.values():
            pair.close()


@pytest.mark.parametrize(
    ("language", "name"), [(language, name) for language in PROGRAMS for name in PROGRAMS[language]]
)
def test_warm_is_as_cold(pairs: dict[str, Pair], warm: Path, language: str, name: str) -> None:
    if language not in pairs:
        pairs[language] = Pair(language, warm)
    quick, usual = pairs[language].told(PROGRAMS[language][name])
    assert quick == usual


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("bash", "((SECONDS < 2)) && echo just"),
        ("perl", "print 'just' if time - $^T < 2"),
        ("perl", "BEGIN { print 'just' if time - $^T < 2 && abs(-M $0) < 2 / 86_400 }"),
        ("tcl", "if {[clock seconds] - [file mtime main.tcl] < 2} {puts just}"),
    ],
)
def test_time_begins_with_the_program(pairs: dict[str, Pair], warm: Path, language: str, source: str) -> None:
    if language not in pairs:
        pairs[language] = Pair(language, warm)
    quick, usual = pairs[language].told(Program(source, args=()), waited=3.5)
    assert quick == usual
    assert quick[3].strip() == "just"


def test_a_compiler_that_stays_compiles_what_is_run_warm(pairs: dict[str, Pair], warm: Path) -> None:
    if "java" not in pairs:
        pairs["java"] = Pair("java", warm)
    before = pairs["java"].compiled
    source = 'class Other { public static void main(String[] a) { System.out.println("once"); } }'
    quick, usual = pairs["java"].told(Program(source))
    assert quick == usual
    assert quick[3] == "once\n"
    assert pairs["java"].compiled == before + 1


@pytest.mark.parametrize("language", PROGRAMS)
def test_there_are_enough_programs(language: str) -> None:
    assert len(PROGRAMS[language]) >= 200
