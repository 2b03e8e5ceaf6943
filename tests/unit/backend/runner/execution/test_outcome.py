import pytest

from backend.runner.execution.outcome import Status, describe
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending, Verdict


def _verdict(ending: Ending, status: int | None = None) -> Verdict:
    return Verdict(
        ending=ending, status=status, stdout=b"out", stderr=b"err", truncated=False, seconds=0.0125, memory_kb=7
    )


@pytest.mark.parametrize(
    ("ending", "status", "expected", "error", "signal"),
    [
        (Ending.EXITED, 0, Status.OK, "", None),
        (Ending.EXITED, 3, Status.RUNTIME_ERROR, "exit status 3", None),
        (Ending.EXITED, 139, Status.RUNTIME_ERROR, "killed by SIGSEGV", "SIGSEGV"),
        (Ending.EXITED, 255, Status.RUNTIME_ERROR, "exit status 255", None),
        (Ending.TIMEOUT, None, Status.TIMEOUT, "took longer than 10 s", "SIGKILL"),
        (Ending.MEMORY, None, Status.MEMORY_LIMIT, "used more than 262144 KiB of memory", "SIGKILL"),
        (Ending.OUTPUT, None, Status.OUTPUT_LIMIT, "wrote more than 1048576 bytes", "SIGKILL"),
        (Ending.FAILED, None, Status.INTERNAL_ERROR, "the service failed to run the program; try again", None),
        (Ending.ABORTED, None, Status.INTERNAL_ERROR, "the service failed to run the program; try again", None),
    ],
)
def test_each_ending_has_its_words(
    ending: Ending, status: int | None, expected: Status, error: str, signal: str | None
) -> None:
    outcome = describe(_verdict(ending, status), Limits())
    assert (outcome.status, outcome.error, outcome.signal, outcome.exit_code) == (expected, error, signal, status)
    assert (outcome.time_ms, outcome.memory_kb) == (12.5, 7)


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
