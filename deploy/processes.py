"""Child processes, each in a session of its own: a terminal's Ctrl+C reaches the verb alone, which then ends them.

Every child of a verb but git (`git.py`) is started here. What is ended is its whole process group, so that a suite's
workers and browsers go with it: SIGTERM, then SIGKILL after GRACE seconds. A child also gets SIGTERM from the kernel
when we are killed. One kind is cut short by nobody: a package installation that is killed half-way leaves the machine
broken.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, overload

from deploy import interrupts

GRACE = 0.5
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class End(enum.Enum):
    """How a child is ended when the verb is interrupted, fails or is killed."""

    WITH_US = "killed"
    NEVER = "left alone"


_living: dict[int, End] = {}


@overload
def run(command: Sequence[Any], *, text: Literal[True], **options: Any) -> subprocess.CompletedProcess[str]: ...
@overload
def run(
    command: Sequence[Any], *, text: Literal[False] = ..., **options: Any
) -> subprocess.CompletedProcess[bytes]: ...
def run(
    command: Sequence[Any],
    *,
    text: bool = False,
    input: Any = None,
    timeout: float | None = None,
    capture_output: bool = False,
    check: bool = False,
    end: End = End.WITH_US,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """`subprocess.run` with the same options, in a session of its own.

    When it is interrupted, or `timeout` seconds pass (TimeoutExpired), the child's group is ended as `end` says.
    """
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with started(command, end=end, text=text, **options) as process:
        stdout, stderr = process.communicate(input, timeout)
    done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
    if check:
        done.check_returncode()
    return done


@contextlib.contextmanager
def started(command: Sequence[Any], *, end: End = End.WITH_US, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A running child; ended, with its group, when the block raises, and waited for when it does not."""
    process = start(command, end=end, **options)
    try:
        yield process
        process.wait()
    except BaseException:
        stop(process)
        raise
    finally:
        _living.pop(process.pid, None)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def start(command: Sequence[Any], *, end: End = End.WITH_US, **options: Any) -> subprocess.Popen[Any]:
    """Start a child that the caller ends by `stop`; `options` are Popen's."""
    before = _die_with(os.getpid()) if end is End.WITH_US else None
    with interrupts.shielded():  # an interrupt between fork and here would leave a child that nobody knows
        process: subprocess.Popen[Any] = subprocess.Popen(
            [str(word) for word in command], start_new_session=True, preexec_fn=before, **options
        )  # fmt: skip
        _living[process.pid] = end
    return process


def stop(process: subprocess.Popen[Any], grace: float = GRACE) -> None:
    """End a child of `start` and its group: SIGTERM, after `grace` seconds SIGKILL; by `End` less than that.

    An interrupted verb has no more than GRACE seconds for it.
    """
    grace = min(grace, GRACE) if interrupts.asked() else grace
    end = _living.get(process.pid, End.WITH_US)
    if end is End.NEVER:
        process.returncode = process.poll() or 0  # not ours to wait for: no warning that it still runs
        return
    _signal(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    _signal(process.pid, signal.SIGKILL)
    process.wait()
    _living.pop(process.pid, None)


def sweep(process: subprocess.Popen[Any]) -> None:
    """Kill the remaining processes in the group of a child that has ended."""
    _signal(process.pid, signal.SIGKILL)


def _die_with(parent: int) -> Callable[[], None]:
    def before() -> None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # killed between fork and here
            os._exit(1)

    return before


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _end_all() -> None:
    """The interrupted process ends now."""
    for group, end in tuple(_living.items()):
        if end is not End.NEVER:
            _signal(group, signal.SIGKILL)


interrupts.at_end(_end_all)
