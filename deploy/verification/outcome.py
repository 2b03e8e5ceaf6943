"""Judges a run of a suite: it passed, tests failed, or it was not run and says nothing about the release."""

from __future__ import annotations

import enum
import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.ledger import Suite

KILLED = "pytest was ended by"
_EXITS = {
    2: "pytest was interrupted, or could not begin",
    3: "pytest met an error of its own",
    4: "pytest was called wrongly",
    5: "pytest found no test",
}


class Outcome(enum.StrEnum):
    """PASSED speaks for the release, FAILED against it; NOT_RUN says nothing about it."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class SuiteRun:
    """One run of a suite. `reason` says why it was not run, or failed before any test; `log` is pytest's output."""

    outcome: Outcome
    suite: Suite
    log: Path
    reason: str = ""

    @property
    def killed(self) -> bool:
        """Whether a signal ended it from outside."""
        return self.outcome is Outcome.NOT_RUN and self.reason.startswith(KILLED)

    @property
    def words(self) -> str:
        """The result as people read it."""
        if self.outcome is Outcome.NOT_RUN:
            return f"not run: {self.reason}"
        return f"{self.suite.passed} passed, {self.suite.failed} failed"


@dataclass(frozen=True)
class Report:
    """What the recorder wrote (recorder.py)."""

    tests: Mapping[str, str]
    unreachable: Mapping[str, str]
    crashed: tuple[str, ...]

    def count(self, outcome: str) -> int:
        """How many tests ended so: "passed", "failed" or "skipped"."""
        return sum(one == outcome for one in self.tests.values())


def read_report(place: Path) -> Report | None:
    """The report at `place`; None when there is none, or when it is not whole."""
    try:
        body: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        return Report(dict(body["tests"]), dict(body["unreachable"]), tuple(body["crashed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def judge(code: int, report: Report | None, expected: int) -> tuple[Outcome, str]:
    """What a run of pytest says that ended with `code`, of `expected` tests; with a reason when NOT_RUN.

    Only a session that ended by itself, with every test accounted for, proves or blames anything.
    """
    if reason := _not_run(code, report, expected):
        return Outcome.NOT_RUN, reason
    return (Outcome.FAILED if code else Outcome.PASSED), ""


def _not_run(code: int, report: Report | None, expected: int) -> str:
    ran = len(report.tests) if report else 0
    if code < 0:
        return f"{KILLED} {_signal(-code)}"
    if code not in (0, 1):
        return f"{_EXITS.get(code, 'pytest failed')} (exit code {code}) after {ran} of {expected} tests"
    if report is None:
        return f"pytest ended with exit code {code} and left no report"
    if report.crashed:
        return f"a test process crashed ({', '.join(report.crashed[:3])})"
    if report.unreachable:
        name, why = next(iter(report.unreachable.items()))
        return f"{len(report.unreachable)} tests could not connect, such as {name} ({why})"
    if ran != expected:
        return f"{ran} tests ran where {expected} were expected"
    if skipped := report.count("skipped"):
        return f"{skipped} tests were skipped"
    if (code == 1) != (report.count("failed") > 0):
        return f"pytest ended with exit code {code}, and its report counts {report.count('failed')} failures"
    return ""


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
