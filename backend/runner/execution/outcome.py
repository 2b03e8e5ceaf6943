"""The result of a run, as clients see it."""

from __future__ import annotations

import dataclasses
import enum

from backend.runner.execution import compilers
from backend.runner.execution.reports import EndedTest
from backend.runner.sandbox.frames import Collected
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending, Verdict


class Status(enum.StrEnum):
    """How a run ended."""

    OK = "ok"
    COMPILE_ERROR = "compile_error"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    CPU_LIMIT = "cpu_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    PROCESS_LIMIT = "process_limit"
    DISK_LIMIT = "disk_limit"
    INTERNAL_ERROR = "internal_error"
    """The service is at fault, never the program."""


_LIMITED = {
    Ending.TIMEOUT: Status.TIMEOUT,
    Ending.CPU: Status.CPU_LIMIT,
    Ending.MEMORY: Status.MEMORY_LIMIT,
    Ending.OUTPUT: Status.OUTPUT_LIMIT,
    Ending.STOPPED: Status.RUNTIME_ERROR,
}

INTERNAL_ERROR = "the service failed to run the program; try again"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CompileReport:
    """The report of a compile."""

    status: Status
    """OK, COMPILE_ERROR, or the limit that it met."""
    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = None
    """Exit status of the compiler; None where it did not end by itself."""
    time_ms: float = 0.0
    """Wall-clock milliseconds."""
    cpu_ms: float = 0.0
    """Milliseconds of processor time."""
    memory_kb: int = 0
    cached: bool = False
    """Whether the program came from the compile cache; the figures are then those of the original compile."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a run."""

    status: Status
    stdout: bytes = b""
    stderr: bytes = b""
    """What the program wrote there, after the messages of a successful compile."""
    output: bytes = b""
    """Both streams, in the order in which they were read."""
    files: tuple[Collected, ...] | None = None
    """Collected files that the program wrote or changed; None if the request collects none."""
    tests: tuple[EndedTest, ...] | None = None
    """The results of tests; None if the request runs none."""
    error: str = ""
    """A short sentence for people; empty when all went well."""
    exit_code: int | None = None
    """Exit status of the program, 128 + n for signal n; None where it did not end by itself."""
    signal: str | None = None
    """Name of the signal that ended the program."""
    time_ms: float = 0.0
    """Wall-clock milliseconds of the run, or of a failed compile."""
    cpu_ms: float = 0.0
    """Milliseconds of processor time of the same step."""
    memory_kb: int = 0
    truncated: bool = False
    """Whether output was cut at its limit."""
    compile: CompileReport | None = None
    """The compile before the run; None if nothing is compiled."""


def _status(verdict: Verdict, *, compiling: bool) -> Status:
    if verdict.ending is Ending.FAILED and verdict.disk_full:
        return Status.DISK_LIMIT
    if verdict.ending is Ending.EXITED:
        if verdict.status == 0:
            return Status.OK
        if verdict.disk_full:
            return Status.DISK_LIMIT
        if verdict.processes_hit:
            return Status.PROCESS_LIMIT
        return Status.COMPILE_ERROR if compiling else Status.RUNTIME_ERROR
    if verdict.ending is Ending.TIMEOUT and verdict.processes_hit:
        return Status.PROCESS_LIMIT
    return _LIMITED.get(verdict.ending, Status.INTERNAL_ERROR)


def _sentence(status: Status, verdict: Verdict, limits: Limits) -> str:
    match status:
        case Status.TIMEOUT:
            return f"took longer than {limits.timeout:g} s"
        case Status.CPU_LIMIT:
            return f"used more than {limits.cpu_seconds:g} s of processor time"
        case Status.MEMORY_LIMIT:
            return f"used more than {limits.memory_kb} KiB of memory"
        case Status.OUTPUT_LIMIT:
            return f"wrote more than {limits.output_bytes} bytes"
        case Status.PROCESS_LIMIT:
            return f"needed more than {limits.processes} processes and threads at one time"
        case Status.DISK_LIMIT:
            return f"wrote more than {limits.disk_kb} KiB, {limits.inodes} files, or {limits.file_kb} KiB in one file"
        case Status.INTERNAL_ERROR:
            return INTERNAL_ERROR
        case Status.OK:
            return ""
    if verdict.ending is Ending.STOPPED:
        return "stopped on request"
    if verdict.signal_name is not None:
        return f"killed by {verdict.signal_name}"
    return f"exit status {verdict.status}"


def describe(
    verdict: Verdict, limits: Limits, *, compiled: Verdict | None = None, compiling: bool = False, cached: bool = False
) -> Outcome:
    """The outcome of a verdict. `compiled` is the successful compile before it, whose messages go to stderr."""
    explained = compilers.explain(verdict) if compiling else None
    if explained is not None:
        verdict = explained
    status = _status(verdict, compiling=compiling)
    error = _sentence(status, verdict, limits)
    if explained is not None and status is Status.COMPILE_ERROR:
        error = f"compilation failed: {compilers.CRASHED}"
    elif compiling and status is Status.COMPILE_ERROR:
        error = f"compilation failed: {error}"
    elif compiling and status in {Status.MEMORY_LIMIT, Status.DISK_LIMIT}:
        error = f"compilation {error}: {compilers.SMALLER}"
    elif compiling and status is not Status.INTERNAL_ERROR:
        error = f"compilation {error}"
    messages = b"" if compiled is None else compiled.stdout + compiled.stderr
    report = verdict if compiling else compiled
    return Outcome(
        status=status,
        stdout=b"" if compiling else verdict.stdout,
        stderr=verdict.stdout + verdict.stderr if compiling else messages + verdict.stderr,
        output=verdict.output if compiling else messages + verdict.output,
        error=error,
        exit_code=verdict.status,
        signal=verdict.signal_name,
        time_ms=_milliseconds(verdict.wall_seconds),
        cpu_ms=_milliseconds(verdict.cpu_seconds),
        memory_kb=verdict.memory_bytes // 1024,
        truncated=verdict.truncated,
        compile=None if report is None else compile_report(report, cached=cached),
    )


def no_program(compiled: Verdict, *, cached: bool) -> Outcome:
    """The outcome of a compile that succeeded but left nothing to execute, such as that of a library."""
    outcome = describe(compiled, Limits(), compiling=True, cached=cached)
    return dataclasses.replace(
        outcome, status=Status.COMPILE_ERROR, error="compilation made no program that can be run", exit_code=None
    )


def not_kept(verdict: Verdict, limits: Limits) -> Outcome | None:
    """The outcome of a compile that succeeded but whose files in /program cannot be kept; None for any other."""
    if verdict.ending is not Ending.OUTPUT or verdict.truncated or not verdict.disk_full:
        return None
    ended = dataclasses.replace(verdict, ending=Ending.EXITED, disk_full=False)
    outcome = describe(ended, limits, compiling=True)
    error = "compilation left more than is kept: 256 MiB, 20000 files, 64 directories deep, paths of 4000 bytes"
    report = None if outcome.compile is None else dataclasses.replace(outcome.compile, status=Status.COMPILE_ERROR)
    return dataclasses.replace(outcome, status=Status.COMPILE_ERROR, error=error, exit_code=None, compile=report)


def compile_report(compiled: Verdict, *, cached: bool) -> CompileReport:
    """The report of a compile with this verdict."""
    return CompileReport(
        status=_status(compiled, compiling=True),
        stdout=compiled.stdout,
        stderr=compiled.stderr,
        exit_code=compiled.status,
        time_ms=_milliseconds(compiled.wall_seconds),
        cpu_ms=_milliseconds(compiled.cpu_seconds),
        memory_kb=compiled.memory_bytes // 1024,
        cached=cached,
    )


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
