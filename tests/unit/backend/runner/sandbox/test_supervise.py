"""Steps in real sandboxes."""

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.supervise import run_step
from backend.runner.sandbox.verdict import Ending, Verdict

Shell = Callable[..., Verdict]


def _processes_with(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:  # it ended while we looked
            continue
    return found


def test_a_step_runs_and_tells_its_output_and_status(shell: Shell) -> None:
    verdict = shell("cat; echo err >&2; exit 5", stdin=b"from stdin")
    assert (verdict.ending, verdict.status) == (Ending.EXITED, 5)
    assert (verdict.stdout, verdict.stderr, verdict.truncated) == (b"from stdin", b"err\n", False)


def test_a_large_input_arrives_whole(shell: Shell) -> None:
    data = bytes(range(256)) * 4000
    assert shell("cat", stdin=data).stdout == data


def test_a_timeout_is_kept(shell: Shell) -> None:
    verdict = shell("echo a; sleep 60", timeout=0.3)
    assert (verdict.ending, verdict.status, verdict.stdout) == (Ending.TIMEOUT, None, b"a\n")
    assert 0.3 <= verdict.seconds < 3


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 200_000])
def test_output_is_counted_to_the_byte_on_both_streams(shell: Shell, size: int) -> None:
    verdict = shell(f"head -c {size // 2} /dev/zero; head -c {size - size // 2} /dev/zero >&2", output_bytes=1000)
    assert len(verdict.stdout) + len(verdict.stderr) == min(size, 1000)
    assert verdict.ending is (Ending.OUTPUT if size > 1000 else Ending.EXITED)
    assert verdict.truncated is (size > 1000)


def test_memory_is_counted_over_processes_and_files(shell: Shell) -> None:
    verdict = shell("head -c 30000000 /dev/zero >a; sleep 30", memory_kb=20_000)
    assert verdict.ending is Ending.MEMORY
    assert verdict.memory_kb > 20_000


def test_what_lies_in_the_hosts_work_directory_is_not_counted(shell: Shell) -> None:
    assert [shell("true").ending for _ in range(20)] == [Ending.EXITED] * 20


def test_nothing_outlives_a_step(shell: Shell) -> None:
    mark = uuid.uuid4().hex
    line = f"(setsid bash -c 'sleep 60; : {mark}' &) ; (trap '' TERM HUP; sleep 60; : {mark}) & echo left"
    assert shell(line).stdout == b"left\n"
    assert _processes_with(mark) == []
    shell(f"{line}; sleep 60", timeout=0.3)
    assert _processes_with(mark) == []


def test_a_sandbox_that_cannot_be_made_is_our_fault_and_not_the_programs(host: Host, slot: Slot) -> None:
    missing = Step(command=("true",), limits=Limits(), cache=Path("/nowhere/at/all"))
    verdict = run_step(host, slot, missing)
    assert (verdict.ending, verdict.status, verdict.stderr) == (Ending.FAILED, None, b"")
    assert "/nowhere/at/all" in verdict.detail


def test_an_abort_ends_a_step(host: Host, slot: Slot) -> None:
    abort = threading.Event()
    timer = threading.Timer(0.2, abort.set)
    timer.start()
    started = time.monotonic()
    verdict = run_step(host, slot, Step(command=("sleep", "60"), limits=Limits(timeout=30)), abort)
    timer.join()
    assert verdict.ending is Ending.ABORTED
    assert time.monotonic() - started < 5


def test_an_abort_before_the_sandbox_is_made_leaves_nothing_behind(host: Host, slot: Slot) -> None:
    abort, mark = threading.Event(), uuid.uuid4().hex
    abort.set()
    step = Step(command=("sleep", "60"), limits=Limits(timeout=30), variables=(("MARK", mark),))
    for _ in range(20):
        assert run_step(host, slot, step, abort).ending is Ending.ABORTED
    assert _processes_with(mark) == []


def test_no_descriptor_is_lost(host: Host, slot: Slot) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    step = Step(command=("bash", "-c", "exit 0"), limits=Limits(), files={"a": b"x", "d/b": b"y"}, stdin=b"z")
    run_step(host, slot, step)
    before = descriptors()
    for _ in range(5):
        run_step(host, slot, step)
    assert descriptors() == before


def test_files_are_where_their_names_say(host: Host, slot: Slot) -> None:
    step = Step(command=("cat", "a", "d/e/b"), limits=Limits(), files={"a": b"1\0", "d/e/b": b"2\xff"})
    assert run_step(host, slot, step).stdout == b"1\x002\xff"
