"""Outcomes as clients see them."""

from __future__ import annotations

import binascii
import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from backend.runner.api.models import (
    CaseAnswer,
    CompileAnswer,
    Encoding,
    FileAnswer,
    ResultAnswer,
    RunAnswer,
    TestAnswer,
    TestsAnswer,
)
from backend.runner.execution.outcome import CompileReport, Outcome
from backend.runner.execution.reports import MOST_TESTS, EndedTest
from backend.runner.sandbox.frames import Collected


def in_encoding(data: bytes, encoding: Encoding) -> str:
    """`data` in the encoding that the client asked for. As text, invalid UTF-8 becomes U+FFFD."""
    if encoding == "base64":
        return binascii.b2a_base64(data, newline=False).decode("ascii")
    return data.decode("utf-8", "replace")


def run_answer(outcome: Outcome, language: str, encoding: Encoding) -> RunAnswer:
    """The answer to a run."""
    return RunAnswer(
        stdout=in_encoding(outcome.stdout, encoding),
        stderr=in_encoding(outcome.stderr, encoding),
        output=in_encoding(outcome.output, encoding),
        language=language,
        encoding=encoding,
        compile=compile_answer(outcome.compile, encoding),
        files=files_answer(outcome.files),
        tests=tests_answer(outcome.tests),
        **_ending(outcome),
    )


def result_answer(outcome: Outcome, language: str, encoding: Encoding) -> ResultAnswer:
    """The answer to a run without its output, which was streamed before."""
    return ResultAnswer(
        language=language,
        encoding=encoding,
        compile=compile_answer(outcome.compile, encoding),
        files=files_answer(outcome.files),
        tests=tests_answer(outcome.tests),
        **_ending(outcome),
    )


def files_answer(files: Sequence[Collected] | None) -> dict[str, FileAnswer] | UnsetType:
    """The collected files; UNSET if the request collects none."""
    return UNSET if files is None else {one.name: _file(one) for one in files}


def tests_answer(tests: Sequence[EndedTest] | None) -> TestsAnswer | UnsetType:
    """The results of tests; UNSET if the request runs none."""
    if tests is None:
        return UNSET
    count = Counter(one.status for one in tests)
    cases = [TestAnswer(**dataclasses.asdict(one)) for one in tests[:MOST_TESTS]]
    return TestsAnswer(passed=count["passed"], failed=count["failed"], skipped=count["skipped"], cases=cases)


def _file(one: Collected) -> FileAnswer:
    answer = FileAnswer(size=one.size)
    if one.content is None:
        return answer
    try:
        if b"\0" not in one.content:
            answer.text = one.content.decode()
            return answer
    except UnicodeDecodeError:
        pass
    answer.base64 = in_encoding(one.content, "base64")
    return answer


def case_answer(outcome: Outcome, encoding: Encoding, passed: bool | None, message: str | None = None) -> CaseAnswer:
    """The answer to one case of a batch; `message` is what a checker said of it."""
    return CaseAnswer(
        stdout=in_encoding(outcome.stdout, encoding),
        stderr=in_encoding(outcome.stderr, encoding),
        output=in_encoding(outcome.output, encoding),
        passed=passed,
        message=UNSET if message is None else message,
        **_ending(outcome),
    )


def compile_answer(report: CompileReport | None, encoding: Encoding) -> CompileAnswer | None:
    """The compile's part of an answer."""
    if report is None:
        return None
    return CompileAnswer(
        status=report.status,
        stdout=in_encoding(report.stdout, encoding),
        stderr=in_encoding(report.stderr, encoding),
        exit_code=report.exit_code,
        time_ms=report.time_ms,
        cpu_ms=report.cpu_ms,
        memory_kb=report.memory_kb,
        cached=report.cached,
    )


def _ending(outcome: Outcome) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "error": outcome.error,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "time_ms": outcome.time_ms,
        "cpu_ms": outcome.cpu_ms,
        "memory_kb": outcome.memory_kb,
        "truncated": outcome.truncated,
    }
