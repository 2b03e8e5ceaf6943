"""A run request, and the checks of its parts."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Collection, Mapping
from typing import Any

from backend.runner.errors import InvalidRequest
from backend.runner.languages import Language
from backend.runner.languages.testing import REPORT, Report
from backend.runner.languages.words import words
from backend.runner.sandbox.limits import CEILING, Limits

MOST_FILES = 64
LONGEST_NAME = 200
LONGEST_PART = 100
MOST_ARGUMENTS = 256
MOST_OPTIONS = 32
MOST_PATTERNS = 16
COLLECT_BYTES = 4 * 1024 * 1024
"""Bytes of all collected files of one run together."""
LONGEST_OPTION = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A complete, checked request: using it needs no further checks."""

    language: Language
    source: bytes
    stdin: bytes = b""
    args: tuple[str, ...] = ()
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    """Further files of the work directory, by relative name."""
    options: tuple[str, ...] = ()
    """Options of the compiler, or of the interpreter if nothing is compiled; `language.options` allows each."""
    executables: frozenset[str] = frozenset()
    """Those of `files` that may be executed."""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Environment variables of the run, beside the language's own."""
    collect: tuple[str, ...] = ()
    """Patterns of files to collect after the run."""
    ordered: bool = False
    """Whether the order of stdout and stderr is kept exactly."""
    report: Report | None = None
    """The kind of test report, if the request runs tests."""
    limits: Limits
    interactive: bool = False
    """Whether more input may arrive while the program runs."""
    terminal: tuple[int, int] | None = None
    """Rows and columns of the terminal that the program gets; None for pipes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One run of a batch: its differences from the request."""

    stdin: bytes = b""
    args: tuple[str, ...] | None = None
    files: Mapping[str, bytes] | None = None


def formatting(language: Language, source: bytes, timeout: float) -> RunRequest:
    """The request that runs `language`'s formatter, which reads `source` and prints it formatted.

    Raises InvalidRequest for a language that has none.
    """
    if language.formatter is None:
        raise InvalidRequest(f"language {language.name!r} has no formatter here; /api/v1/languages tells which do")
    tool = dataclasses.replace(
        language, compile=None, run=language.formatter, options={}, fork_server=False, warm=None, hold=None,
        run_variables=(),
    )  # fmt: skip
    limits = dataclasses.replace(
        language.compile_limits,
        timeout=min(timeout, language.compile_limits.timeout),
        output_bytes=CEILING.output_bytes,
    )
    return RunRequest(language=tool, source=b"", stdin=source, limits=limits)


def for_tests(language: Language, files: Collection[str], args: Collection[str]) -> tuple[Language, Report]:
    """`language` changed so that it runs the tests among a program and `files`; and the kind of their report.

    Raises InvalidRequest for a language that has no tests, and for arguments: tests take none.
    """
    testing = language.testing
    if testing is None:
        raise InvalidRequest(f"mode: {language.name} runs no tests here; /api/v1/languages tells which languages do")
    if args:
        raise InvalidRequest("args: tests take none; leave them out")
    named = bool(testing.marks) and any(name.endswith(testing.marks) for name in files)
    tool = dataclasses.replace(
        language, compile=testing.compile, run=testing.run, fork_server=False, warm=None, hold=None,
        compile_hold=None, resident=None,  # what waits would compile the program and not its tests
        source=language.source if named or not testing.source else testing.source,
    )  # fmt: skip
    return tool, testing.report


def run_limits(asked: Mapping[str, float | int | None], default: Limits, timeout: float) -> Limits:
    """`default` with the requested changes. Raises InvalidRequest for a limit of 0, below 0 or above its ceiling.

    `timeout` is the service's own, in seconds: both default and ceiling.
    """
    ceiling, chosen = _bounds(default, timeout)
    changes: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if not changes:
        return chosen
    for name, value in changes.items():
        highest = getattr(ceiling, name)
        if not 0 < value <= highest:
            raise InvalidRequest(f"limits.{name} must be above 0 and at most {highest}")
    return dataclasses.replace(chosen, **changes)


@functools.lru_cache
def _bounds(default: Limits, timeout: float) -> tuple[Limits, Limits]:
    """The ceiling of limits, and their defaults."""
    ceiling = dataclasses.replace(CEILING, timeout=min(timeout, CEILING.timeout))
    return ceiling, dataclasses.replace(default, timeout=ceiling.timeout)


def check_files(files: Mapping[str, bytes], source: str) -> None:
    """Raise InvalidRequest unless every name is a plain relative path that clashes with no other.

    `source` is the file that the language writes the program to.
    """
    if len(files) > MOST_FILES:
        raise InvalidRequest(f"files: at most {MOST_FILES}, not {len(files)}")
    taken = {source}
    for name in files:
        _check_name(name)
        if name in taken:
            raise InvalidRequest(f"files: {name!r} is where the source goes; give it another name")
        taken.add(name)
    for name in taken:
        parts = name.split("/")
        if any("/".join(parts[:end]) in taken for end in range(1, len(parts))):
            raise InvalidRequest(f"files: {name!r} lies in what is a file itself")


def _check_name(name: str, field: str = "files") -> None:
    reason = ""
    if not name:
        reason = "is empty"
    elif "\0" in name:
        reason = "contains a NUL"
    elif len(name.encode()) > LONGEST_NAME or any(len(part.encode()) > LONGEST_PART for part in name.split("/")):
        reason = f"is too long: at most {LONGEST_NAME} bytes, and {LONGEST_PART} between slashes"
    elif name.startswith("/"):
        reason = "is absolute; give a path relative to the program"
    elif any(part in {"", ".", ".."} for part in name.split("/")):
        reason = "has a part that is empty, . or .."
    if reason:
        raise InvalidRequest(f"{field}: {name[:LONGEST_NAME]!r} {reason}")


def check_arguments(args: tuple[str, ...], field: str = "args") -> None:
    """Raise InvalidRequest, naming `field`, for more arguments than a program gets, or one with a NUL."""
    if len(args) > MOST_ARGUMENTS:
        raise InvalidRequest(f"{field}: at most {MOST_ARGUMENTS}, not {len(args)}")
    if any("\0" in argument for argument in args):
        raise InvalidRequest(f"{field}: an argument cannot contain a NUL")
    if any(len(argument.encode()) > 65536 for argument in args):
        raise InvalidRequest(f"{field}: an argument is at most 65536 bytes")


def check_collect(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return `patterns`. Raises InvalidRequest naming one that no file could match."""
    if len(patterns) > MOST_PATTERNS:
        raise InvalidRequest(f"collect: at most {MOST_PATTERNS} patterns, not {len(patterns)}")
    for pattern in patterns:
        _check_name(pattern, "collect")
    return patterns


def collected(request: RunRequest) -> tuple[str, ...]:
    """Patterns of all files to collect: those of the request, and test reports."""
    return (*request.collect, f"{REPORT}/*.xml") if request.report is Report.JUNIT else request.collect


def check_options(options: tuple[str, ...], language: Language) -> tuple[str, ...]:
    """Return `options`. Raises InvalidRequest naming the first that `language` does not allow."""
    if len(options) > MOST_OPTIONS:
        raise InvalidRequest(f"options: at most {MOST_OPTIONS}, not {len(options)}")
    for option in options:
        if len(option) > LONGEST_OPTION or not any(re.fullmatch(allowed, option) for allowed in language.options):
            known = ", ".join(word for allowed in language.options for word in words(allowed)) or "none"
            raise InvalidRequest(f"options: {option[:100]!r} is none that {language.name} allows; it allows: {known}")
    return options
