"""Reads the reports of tests: JUnit's XML, and what `go test -v` and Rust's libtest print.

A report is untrusted: its content is only shown as text, and unreadable parts are left out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Literal
from xml.etree import ElementTree

from backend.runner.languages.testing import Report

MOST_TESTS = 1000
"""Most tests that are listed one by one; all are counted."""
MOST_BYTES = 1024 * 1024
"""Most bytes of a report that are read."""
LONGEST_MESSAGE = 4096
LONGEST_NAME = 300

Ended = Literal["passed", "failed", "skipped"]


@dataclasses.dataclass(frozen=True)
class EndedTest:
    """How one test ended."""

    name: str
    group: str
    """The class, suite or module that it belongs to; empty for none."""
    status: Ended
    time_ms: float | None
    message: str
    """Why it failed or was left out."""


def read_tests(report: Report, stdout: bytes, files: Sequence[bytes]) -> tuple[EndedTest, ...]:
    """The tests of a report, in its order. The report is in `files`, or in `stdout` for tools that print it."""
    if report is Report.JUNIT:
        return tuple(test for file in files for test in _junit(file))
    text = stdout[:MOST_BYTES].decode("utf-8", "replace")
    return tuple(_go(text) if report is Report.GO else _rust(text))


def _test(name: str, group: str, status: Ended, seconds: float | None, message: str) -> EndedTest:
    time = None if seconds is None else round(seconds * 1000, 3)
    return EndedTest(name[:LONGEST_NAME], group[:LONGEST_NAME], status, time, message.strip("\n")[:LONGEST_MESSAGE])


def _junit(report: bytes) -> Iterator[EndedTest]:
    if len(report) > MOST_BYTES or b"<!DOCTYPE" in report or b"<!ENTITY" in report:
        return  # no tool writes such a report, and entities can make a short one endless
    try:
        root = ElementTree.fromstring(report)  # noqa: S314 - entities were looked for
    except (ElementTree.ParseError, ValueError, LookupError):
        return
    yield from _junit_suite(root, (), 0)


def _junit_suite(suite: ElementTree.Element, groups: tuple[str, ...], depth: int) -> Iterator[EndedTest]:
    if depth > 50:
        return
    for element in suite:
        if element.tag == "testsuite":
            inner = element.get("name", "")
            flat = inner in {"", "pytest", "JUnit Jupiter", "JUnit Vintage"}
            yield from _junit_suite(element, groups if flat else (*groups, inner), depth + 1)
        elif element.tag == "testcase":
            yield _junit_case(element, groups)


def _junit_case(case: ElementTree.Element, groups: tuple[str, ...]) -> EndedTest:
    name, place = case.get("name", "").removesuffix("()"), case.get("classname", "")
    group = " > ".join(groups) or (place if place != "test" else "")
    for status, tags in (("failed", ("failure", "error")), ("skipped", ("skipped",))):
        for found in (child for child in case if child.tag in tags):
            message = found.text if (found.text or "").strip() else found.get("message")
            return _test(name, group, status, _seconds(case), message or "")  # type: ignore[arg-type]
    return _test(name, group, "passed", _seconds(case), "")


def _seconds(case: ElementTree.Element) -> float | None:
    try:
        seconds = float(case.get("time", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None


_GO_ENDED = re.compile(r"^\s*--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]{1,12})s\)$")
_GO_BEGUN = re.compile(r"^=== (RUN|CONT|NAME)\s+(\S+)$")
_GO: dict[str, Ended] = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
_LOST: tuple[Ended, float | None] = ("failed", None)


def _go(text: str) -> Iterator[EndedTest]:
    said: dict[str, list[str]] = {}
    current = ""
    found: dict[str, tuple[Ended, float]] = {}
    for line in text.splitlines():
        if begun := _GO_BEGUN.match(line):
            current = begun[2]
            said.setdefault(current, [])
        elif ended := _GO_ENDED.match(line):
            current = ended[2]
            found[current] = _GO[ended[1]], float(ended[3]) if ended[3].count(".") < 2 else 0.0
        elif line not in {"PASS", "FAIL"}:
            said.setdefault(current, []).append(line)
    for name, lines in said.items():
        if name:  # a test that began and did not end crashed the whole run
            status, seconds = found.get(name, _LOST)
            yield _test(name, "", status, seconds, "" if status == "passed" else "\n".join(lines))


_RUST_TEST = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED|ignored)(?:, (.*))?$", re.MULTILINE)
_RUST_SAID = re.compile(
    r"^---- (\S+) stdout ----\n(.*?)(?=^---- \S+ stdout ----$|^failures:$|\Z)", re.MULTILINE | re.DOTALL
)
_RUST: dict[str, Ended] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def _rust(text: str) -> Iterator[EndedTest]:
    said = {match[1]: match[2] for match in _RUST_SAID.finditer(text)}
    for match in _RUST_TEST.finditer(text):
        group, _, name = match[1].rpartition("::")
        message = said.get(match[1], "") if match[2] == "FAILED" else match[3] or ""
        yield _test(name, group, _RUST[match[2]], None, message)
