from typing import Any

import pytest

from backend.runner.execution.outcome import Status, describe
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending, Verdict


def _verdict(ending: Ending, status: int | None = None, **more: Any) -> Verdict:
    killed = ending not in {Ending.EXITED, Ending.FAILED, Ending.STOPPED}
    return Verdict(
        ending=ending, exit_code=status, signal=9 if killed else None, stdout=b"out", stderr=b"err",
        wall_seconds=0.0125, cpu_seconds=0.002, memory_bytes=7 * 1024, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ending", "status", "expected", "error", "signal"),
    [
        (Ending.EXITED, 0, Status.OK, "", None),
        (Ending.EXITED, 3, Status.RUNTIME_ERROR, "exit status 3", None),
        (Ending.EXITED, 139, Status.RUNTIME_ERROR, "exit status 139", None),
        (Ending.EXITED, 255, Status.RUNTIME_ERROR, "exit status 255", None),
        (Ending.TIMEOUT, None, Status.TIMEOUT, "took longer than 10 s", "SIGKILL"),
        (Ending.MEMORY, None, Status.MEMORY_LIMIT, "used more than 262144 KiB of memory", "SIGKILL"),
        (Ending.OUTPUT, None, Status.OUTPUT_LIMIT, "wrote more than 1048576 bytes", "SIGKILL"),
        (Ending.FAILED, None, Status.INTERNAL_ERROR, "the service failed to run the program; try again", None),
        (Ending.CPU, None, Status.CPU_LIMIT, "used more than 20 s of processor time", "SIGKILL"),
        (Ending.STOPPED, None, Status.RUNTIME_ERROR, "stopped on request", None),
    ],
)
def test_each_ending_has_its_words(
    ending: Ending, status: int | None, expected: Status, error: str, signal: str | None
) -> None:
    outcome = describe(_verdict(ending, status), Limits())
    assert (outcome.status, outcome.error, outcome.signal, outcome.exit_code) == (expected, error, signal, status)
    assert (outcome.time_ms, outcome.cpu_ms, outcome.memory_kb) == (12.5, 2.0, 7)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (_verdict(Ending.EXITED, 1, disk_full=True), Status.DISK_LIMIT),
        (_verdict(Ending.EXITED, 0, disk_full=True), Status.OK),
        (Verdict(ending=Ending.EXITED, signal=25, disk_full=True), Status.DISK_LIMIT),
        (Verdict(ending=Ending.EXITED, signal=25), Status.RUNTIME_ERROR),  # SIGXFSZ that the program sent itself
        (_verdict(Ending.EXITED, 254, processes_hit=True), Status.PROCESS_LIMIT),
        (_verdict(Ending.EXITED, 0, processes_hit=True), Status.OK),
        (_verdict(Ending.TIMEOUT, processes_hit=True), Status.PROCESS_LIMIT),
    ],
)
def test_a_limit_that_made_a_program_fail_is_named(verdict: Verdict, expected: Status) -> None:
    outcome = describe(verdict, Limits())
    assert outcome.status is expected
    assert bool(outcome.error) is (expected is not Status.OK)


def test_a_signal_is_named_as_a_shell_would() -> None:
    outcome = describe(Verdict(ending=Ending.EXITED, signal=11), Limits())
    assert (outcome.exit_code, outcome.signal, outcome.error) == (139, "SIGSEGV", "killed by SIGSEGV")


def test_what_a_compiler_says_goes_to_stderr() -> None:
    failed = describe(_verdict(Ending.EXITED, 1), Limits(), compiling=True)
    assert (failed.status, failed.stdout, failed.stderr) == (Status.COMPILE_ERROR, b"", b"outerr")
    assert failed.compile is not None
    assert (failed.compile.status, failed.compile.stdout, failed.compile.exit_code) == (failed.status, b"out", 1)
    warned = describe(_verdict(Ending.EXITED, 0), Limits(), compiled=_verdict(Ending.EXITED, 0))
    assert (warned.status, warned.stdout, warned.stderr) == (Status.OK, b"out", b"outerrerr")
    assert warned.compile is not None
    assert (warned.compile.status, warned.compile.stderr, warned.compile.time_ms) == (Status.OK, b"err", 12.5)


def test_a_compile_past_a_limit_says_so() -> None:
    outcome = describe(_verdict(Ending.TIMEOUT), Limits(), compiling=True)
    assert (outcome.status, outcome.error) == (Status.TIMEOUT, "compilation took longer than 10 s")
