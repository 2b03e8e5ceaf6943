import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.runner.errors import InvalidRequest
from backend.runner.execution.request import (
    MOST_ARGUMENTS,
    MOST_FILES,
    check_arguments,
    check_files,
    check_options,
    run_limits,
)
from backend.runner.languages import all_languages
from backend.runner.sandbox.limits import CEILING, Limits


def test_without_limits_the_services_timeout_holds() -> None:
    assert run_limits({}, Limits(), 7) == Limits(timeout=7)


def test_limits_asked_for_replace_the_defaults() -> None:
    asked = {"timeout": 0.5, "memory_kb": 1000, "output_bytes": None, "processes": 3}
    assert run_limits(asked, Limits(), 10) == Limits(timeout=0.5, memory_kb=1000, processes=3)


@pytest.mark.parametrize("name", ["timeout", "memory_kb", "output_bytes", "processes"])
def test_nothing_but_above_0_up_to_the_ceiling_is_taken(name: str) -> None:
    highest = getattr(CEILING, name)
    assert getattr(run_limits({name: highest}, Limits(), CEILING.timeout), name) == highest
    for value in (0, -1, highest + 1, float("nan"), float("inf")):
        with pytest.raises(InvalidRequest, match=rf"limits\.{name}"):
            run_limits({name: value}, Limits(), CEILING.timeout)


def test_a_request_cannot_raise_the_services_timeout() -> None:
    with pytest.raises(InvalidRequest, match="at most 10"):
        run_limits({"timeout": 11}, Limits(), 10)


@given(st.text(max_size=30))
def test_an_accepted_name_stays_below_and_is_itself(name: str) -> None:
    try:
        check_files({name: b""}, "main.py")
    except (InvalidRequest, UnicodeEncodeError):
        return
    assert not name.startswith("/")
    assert {"", ".", ".."}.isdisjoint(name.split("/"))
    assert "\0" not in name


@pytest.mark.parametrize("names", [["main.py"], ["main.py/x"], ["a", "a/b"], ["a/b/c", "a/b"], ["../x"], ["."], [""]])
def test_names_that_clash_or_climb_are_refused(names: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="files"):
        check_files(dict.fromkeys(names, b""), "main.py")


def test_numbers_of_files_and_arguments_are_bounded() -> None:
    check_files({f"f{number}": b"" for number in range(MOST_FILES)}, "main.py")
    with pytest.raises(InvalidRequest, match="files: at most"):
        check_files({f"f{number}": b"" for number in range(MOST_FILES + 1)}, "main.py")
    check_arguments(("a",) * MOST_ARGUMENTS)
    with pytest.raises(InvalidRequest, match="args: at most"):
        check_arguments(("a",) * (MOST_ARGUMENTS + 1))


def test_a_refused_option_is_answered_with_words() -> None:
    c = all_languages()["c"]
    assert check_options(("-pedantic", "-O2"), c) == ("-pedantic", "-O2")
    with pytest.raises(InvalidRequest) as refused:
        check_options(("-rdynamic",), c)
    told = str(refused.value)
    assert told.startswith("options: '-rdynamic' is none that c allows; it allows: -std=")
    assert {"-O0", "-Og", "-W…", "-pedantic", "-lm", "-msse4.2"} <= set(told.partition("allows: ")[2].split(", "))
    assert not set("[](){}*\\|") & set(told)
    with pytest.raises(InvalidRequest, match="bash allows; it allows: none"):
        check_options(("-x",), all_languages()["bash"])
