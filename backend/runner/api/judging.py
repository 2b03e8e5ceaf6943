"""Judges a case's output against what was expected: by bytes, lines, tokens or numbers, or with a client's program."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from msgspec import UnsetType

from backend.runner.api.answers import in_encoding
from backend.runner.api.checks import Catalogue
from backend.runner.api.models import BatchBody, CheckBody, RunBody
from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.request import Case, RunRequest

LONGEST_MESSAGE = 1000
CHECKER_ARGUMENTS = ("input", "output", "expected")
"""Names of the files that a checker is given, and its arguments."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Whether a case passed; None if nothing was expected, or if the checker failed."""

    passed: bool | None
    message: str = ""


def compared(outcome: Outcome, expected: bytes | None, asked: BatchBody) -> bool | None:
    """Whether a case ended with status ok and printed what was expected; None if nothing was expected."""
    if expected is None:
        return None
    if outcome.status is not Status.OK:
        return False
    if asked.check is not None and not isinstance(asked.check.tolerance, UnsetType):
        return near(outcome.stdout, expected, asked.check.tolerance)
    if asked.compare == "exact":
        return outcome.stdout == expected
    if asked.compare == "tokens":
        return outcome.stdout.split() == expected.split()
    return trimmed(outcome.stdout) == trimmed(expected)


def near(output: bytes, expected: bytes, tolerance: float) -> bool:
    """Whether both have the same tokens, numbers as far as `tolerance`, absolute or relative, whichever is larger."""
    ours, theirs = output.split(), expected.split()
    return len(ours) == len(theirs) and all(_near(*pair, tolerance) for pair in zip(ours, theirs, strict=True))


def _near(one: bytes, other: bytes, tolerance: float) -> bool:
    if one == other:
        return True
    try:
        ours, theirs = float(one), float(other)
    except ValueError:
        return False
    return math.isfinite(ours) and abs(ours - theirs) <= tolerance * max(1.0, abs(theirs))


def trimmed(output: bytes) -> list[bytes]:
    """The lines of `output` without whitespace at their ends, and without empty lines at the end."""
    lines = [line.rstrip() for line in output.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def checker(check: CheckBody | None, catalogue: Catalogue) -> RunRequest | None:
    """The request that runs the checker; None if there is none. Raises InvalidRequest naming the field at fault."""
    if check is None:
        return None
    given = not isinstance(check.language, UnsetType) or not isinstance(check.source, UnsetType)
    if given == (not isinstance(check.tolerance, UnsetType)):
        raise InvalidRequest("check: give a tolerance, or language and source of a program that judges")
    if not isinstance(check.tolerance, UnsetType):
        if not 0 <= check.tolerance <= 1:
            raise InvalidRequest("check.tolerance must be between 0 and 1")
        return None
    if isinstance(check.language, UnsetType) or isinstance(check.source, UnsetType):
        raise InvalidRequest("check: a program that judges has both language and source")
    try:
        return catalogue.request(RunBody(language=check.language, source=check.source))
    except InvalidRequest as error:
        raise InvalidRequest(f"check.{error}") from error


def checked_case(case: Case, outcome: Outcome, expected: bytes | None) -> Case:
    """The case in which a checker judges `case`: input, output and expected output as files."""
    contents = (case.stdin, outcome.stdout, expected or b"")
    return Case(args=CHECKER_ARGUMENTS, files=dict(zip(CHECKER_ARGUMENTS, contents, strict=True)))


def judgements(outcomes: Sequence[Outcome], judged: Sequence[Outcome]) -> list[Judgement]:
    """The judgement of each of `outcomes`. `judged` are the checker's outcomes for those with status ok, in order."""
    said = iter(judged)
    return [_judgement(next(said)) if one.status is Status.OK else Judgement(False) for one in outcomes]


def _judgement(judged: Outcome) -> Judgement:
    message = in_encoding(judged.output[:LONGEST_MESSAGE], "utf-8").strip()
    if judged.status is Status.OK:
        return Judgement(True, message)
    if judged.status is Status.RUNTIME_ERROR and judged.exit_code == 1 and judged.signal is None:
        return Judgement(False, message)
    return Judgement(None, f"the checker could not say: {judged.error or judged.status}\n{message}".strip())
