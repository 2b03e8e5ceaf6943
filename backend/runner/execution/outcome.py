"""What came of a run, as clients see it."""

from __future__ import annotations

import dataclasses
import enum

from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending, Verdict


class Status(enum.StrEnum):
    """One word for how a run ended."""

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
    """The service is at fault; never the program."""


_LIMITED = {Ending.TIMEOUT: Status.TIMEOUT, Ending.MEMORY: Status.MEMORY_LIMIT, Ending.OUTPUT: Status.OUTPUT_LIMIT}

INTERNAL_ERROR = "the service failed to run the program; try again"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a run."""

    status: Status
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    """A short sentence for people; empty when all went well."""
    exit_code: int | None = None
    """Exit status of the program, 128 + n for signal n; None where it did not end by itself."""
    signal: str | None = None
    """Name of the signal that ended the program."""
    time_ms: float = 0.0
    """Wall-clock milliseconds of the run, or of the compile where it went no further."""
    memory_kb: int = 0
    truncated: bool = False
    """Whether output was cut at its limit."""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _status(verdict: Verdict, *, compiling: bool) -> Status:
    if verdict.ending is Ending.EXITED:
        if verdict.status == 0:
            return Status.OK
        return Status.COMPILE_ERROR if compiling else Status.RUNTIME_ERROR
    return _LIMITED.get(verdict.ending, Status.INTERNAL_ERROR)


def _sentence(status: Status, verdict: Verdict, limits: Limits) -> str:
    match status:
        case Status.TIMEOUT:
            return f"took longer than {limits.timeout:g} s"
        case Status.MEMORY_LIMIT:
            return f"used more than {limits.memory_kb} KiB of memory"
        case Status.OUTPUT_LIMIT:
            return f"wrote more than {limits.output_bytes} bytes"
        case Status.INTERNAL_ERROR:
            return INTERNAL_ERROR
        case Status.OK:
            return ""
    if verdict.signal_name is not None:
        return f"killed by {verdict.signal_name}"
    return f"exit status {verdict.status}"


def describe(verdict: Verdict, limits: Limits, *, compiled: Verdict | None = None, compiling: bool = False) -> Outcome:
    """Put a verdict into words. `compiled` is the successful compile before it, whose messages go to stderr."""
    status = _status(verdict, compiling=compiling)
    error = _sentence(status, verdict, limits)
    if compiling and status is Status.COMPILE_ERROR:
        error = f"compilation failed: {error}"
    elif compiling and status is not Status.INTERNAL_ERROR:
        error = f"compilation {error}"
    messages = b"" if compiled is None else compiled.stdout + compiled.stderr
    return Outcome(
        status=status,
        stdout="" if compiling else _text(verdict.stdout),
        stderr=_text(verdict.stdout + verdict.stderr) if compiling else _text(messages + verdict.stderr),
        error=error,
        exit_code=verdict.status,
        signal=verdict.signal_name,
        time_ms=round(verdict.seconds * 1000, 3),
        memory_kb=verdict.memory_kb,
        truncated=verdict.truncated,
    )
