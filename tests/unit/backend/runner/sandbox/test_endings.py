"""What ended a program is what the kernel says, and no guess, whatever a program does to look otherwise."""

import pytest

from backend.runner.execution.outcome import Status, describe
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending
from tests.unit.backend.runner.conftest import Place

LIMITS = Limits(timeout=10, cpu_seconds=0.5)


@pytest.mark.parametrize("status", [124, 126, 127, 129, 137, 139, 143, 152, 153, 255])
@pytest.mark.parametrize("line", ["exit {}", "exec python3 -c 'import sys; sys.exit({})'", "(exit {})"])
def test_an_exit_status_is_no_signal(place: Place, line: str, status: int) -> None:
    verdict = place.shell(line.format(status))
    outcome = describe(verdict, LIMITS)
    assert (outcome.status, outcome.exit_code, outcome.signal) == (Status.RUNTIME_ERROR, status, None)
    assert outcome.error == f"exit status {status}"


@pytest.mark.parametrize(
    "name", ["HUP", "INT", "KILL", "TERM", "SEGV", "ABRT", "XCPU", "ALRM", "USR1", "PIPE", "SYS", "XFSZ"]
)
def test_a_signal_that_a_program_sends_itself_is_no_limit(place: Place, name: str) -> None:
    verdict = place.shell(f"kill -{name} $$; sleep 5")
    outcome = describe(verdict, LIMITS)
    assert (verdict.ending, outcome.status, outcome.signal) == (Ending.EXITED, Status.RUNTIME_ERROR, f"SIG{name}")
    assert outcome.error == f"killed by SIG{name}"


def test_a_child_that_a_signal_ended_is_its_parents_exit_status(place: Place) -> None:
    outcome = describe(place.shell("sh -c 'kill -SEGV $$'; exit $?"), LIMITS)
    assert (outcome.exit_code, outcome.signal, outcome.error) == (139, None, "exit status 139")


@pytest.mark.parametrize("line", ["while :; do :; done", "trap '' XCPU; while :; do :; done"])
def test_the_limit_of_processor_time_is_the_clocks(place: Place, line: str) -> None:
    verdict = place.shell(line, cpu_seconds=0.3)
    assert verdict.ending is Ending.CPU
    assert verdict.cpu_seconds >= 0.3


def test_a_signal_without_a_name_has_its_number(place: Place) -> None:
    outcome = describe(place.shell("kill -40 $$"), LIMITS)
    assert (outcome.signal, outcome.error) == ("SIG40", "killed by SIG40")


WAYS = [
    "os.kill(os.getpid(), 25)",
    "signal.pthread_kill(threading.get_ident(), 25)",
    "signal.raise_signal(25)",
    "os.system('kill -XFSZ $PPID')",
    "libc.syscall(129, os.getpid(), 25, (ctypes.c_int * 32)(25, 0, -1))",  # rt_sigqueueinfo, as sigqueue makes it
]


@pytest.mark.parametrize("way", WAYS)
def test_the_signal_of_the_file_limit_that_a_program_sends_is_no_limit(place: Place, way: str) -> None:
    source = f"import ctypes, os, signal, threading; signal.signal(25, signal.SIG_DFL); libc = ctypes.CDLL(None); {way}"
    outcome = describe(place.run(("python3", "-c", source)), LIMITS)
    assert (outcome.status, outcome.signal) == (Status.RUNTIME_ERROR, "SIGXFSZ"), outcome.stderr


@pytest.mark.parametrize(
    "way",
    ["while True: os.write(file, bytes(100_000))", "os.ftruncate(file, 1 << 40)",
     "os.lseek(file, 1 << 30, 0); os.write(file, b'x')", "os.kill(os.getpid(), 0); os.ftruncate(file, 1 << 40)"],
)  # fmt: skip
def test_a_file_that_grows_too_large_is_the_limit(place: Place, way: str) -> None:
    source = (
        f"import os, signal; signal.signal(25, signal.SIG_DFL); file = os.open('x', os.O_CREAT | os.O_WRONLY)\n{way}"
    )
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=10, file_kb=1024))
    outcome = describe(verdict, LIMITS)
    assert (outcome.status, outcome.signal) == (Status.DISK_LIMIT, "SIGXFSZ"), outcome.stderr
