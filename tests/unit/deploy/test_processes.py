"""Children have sessions of their own and go with the verb; one that somebody killed is no verdict on a release."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from deploy import processes
from deploy.settings.environments import ROOT


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid: int, seconds: float = 3) -> bool:
    """Whether it ends soon."""
    deadline = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


def number_in(file: Path, seconds: float = 5) -> int:
    """The number that a process writes there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if file.exists() and file.read_text().endswith("\n"):
            return int(file.read_text())
        time.sleep(0.02)
    raise AssertionError(f"nothing was written to {file}")


def parent_of(child: str, end: str, **options: object) -> subprocess.Popen[bytes]:
    """A program of ours that runs a child until it is ended."""
    source = (
        "from deploy import interrupts, processes\n"
        f"interrupts.guarded(lambda: processes.run(['sh', '-c', {child!r}], end=processes.End.{end}))"
    )
    return subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, **options)  # type: ignore[call-overload,no-any-return]


def test_output_code_and_input_are_those_of_subprocess() -> None:
    done = processes.run(["sh", "-c", "cat; echo err >&2; exit 3"], text=True, input="in", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "in", "err\n")
    with pytest.raises(subprocess.CalledProcessError):
        processes.run(["false"], check=True)


def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        processes.run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], timeout=0.5)
    assert time.monotonic() - begun < 3
    assert gone(number_in(tmp_path / "pid"))


def test_an_interrupt_ends_grandchildren_too(tmp_path: Path) -> None:
    parent = parent_of(f"sleep 60 & echo $! > {tmp_path}/pid; wait", "WITH_US", stderr=subprocess.DEVNULL)
    grandchild = number_in(tmp_path / "pid")
    parent.send_signal(signal.SIGINT)
    assert parent.wait(5) == 130
    assert gone(grandchild)


def test_a_child_goes_when_the_verb_is_killed(tmp_path: Path) -> None:
    parent = parent_of(f"echo $$ > {tmp_path}/pid; exec sleep 60", "WITH_US")
    child = number_in(tmp_path / "pid")
    parent.kill()
    parent.wait()
    assert gone(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_package_installation_is_cut_short_by_nobody(tmp_path: Path, number: int) -> None:
    work = f"echo $$ > {tmp_path}/pid; sleep 1; echo half; sleep 1; echo 7 > {tmp_path}/done"
    parent = parent_of(work, "NEVER", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    child = number_in(tmp_path / "pid")
    parent.send_signal(number)
    parent.wait(5)
    assert alive(child)
    assert number_in(tmp_path / "done") == 7


def test_a_child_is_asked_to_end_and_cleans_up(tmp_path: Path) -> None:
    work = f"trap 'echo 7 > {tmp_path}/cleaned; exit 1' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done"
    parent = parent_of(work, "WITH_US", stderr=subprocess.DEVNULL)
    number_in(tmp_path / "pid")
    parent.send_signal(signal.SIGINT)
    assert parent.wait(5) == 130
    assert number_in(tmp_path / "cleaned") == 7


def test_ctrl_c_on_a_terminal_reaches_the_verb_alone(tmp_path: Path) -> None:
    keyboard, terminal = pty.openpty()

    def on_terminal() -> None:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    # Deaf to SIGTERM, so that it has the time to say what reached it.
    record = f"touch {tmp_path}/reached"
    work = f"trap '' TERM; trap '{record}' INT; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done"
    parent = parent_of(work, "WITH_US", stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=on_terminal)
    child = number_in(tmp_path / "pid")
    os.write(keyboard, b"\x03")
    assert parent.wait(5) == 130
    assert gone(child)
    assert not (tmp_path / "reached").exists()
    assert b"interrupted: " in os.read(keyboard, 4096)
    os.close(keyboard)
    os.close(terminal)


def test_what_a_child_left_in_its_group_is_swept(tmp_path: Path) -> None:
    with processes.started(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid"]) as process:
        process.wait()
    left = number_in(tmp_path / "pid")
    assert not gone(left, seconds=0.2)
    processes.sweep(process)
    assert gone(left)
