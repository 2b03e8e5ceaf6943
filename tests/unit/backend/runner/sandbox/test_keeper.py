"""Steps in real sandboxes."""

import asyncio
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.runner.sandbox.keeper import Keeper
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import VARIABLES, Place

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
    assert 0.3 <= verdict.wall_seconds < 3


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 200_000])
def test_output_is_counted_to_the_byte_on_both_streams(shell: Shell, size: int) -> None:
    verdict = shell(f"head -c {size // 2} /dev/zero; head -c {size - size // 2} /dev/zero >&2", output_bytes=1000)
    assert len(verdict.stdout) + len(verdict.stderr) == min(size, 1000)
    assert verdict.ending is (Ending.OUTPUT if size > 1000 else Ending.EXITED)
    assert verdict.truncated is (size > 1000)


def test_memory_is_counted_over_processes_and_files(shell: Shell) -> None:
    verdict = shell("head -c 30000000 /dev/zero >a; sleep 30", memory_kb=20_000)
    assert verdict.ending is Ending.MEMORY
    assert verdict.memory_bytes > 20_000 * 1024


def test_nothing_outlives_a_step(shell: Shell) -> None:
    mark = uuid.uuid4().hex
    line = f"(setsid bash -c 'sleep 60; : {mark}' &) ; (trap '' TERM HUP; sleep 60; : {mark}) & echo left"
    assert shell(line).stdout == b"left\n"
    assert _processes_with(mark) == []
    shell(f"{line}; sleep 60", timeout=0.3)
    assert _processes_with(mark) == []


def test_a_command_that_is_missing_is_said_so(place: Place) -> None:
    verdict = place.run(("/no/such/program",))
    assert (verdict.ending, verdict.status, verdict.stderr) == (Ending.MISSING, None, b"")
    assert "/no/such/program" in verdict.detail


def test_files_that_do_not_fit_are_the_requests_own(place: Place) -> None:
    verdict = place.run(("true",), files={"a": b"x" * 100_000}, limits=Limits(disk_kb=8))
    assert (verdict.ending, verdict.disk_full) == (Ending.FAILED, True)


@pytest.mark.parametrize("limit", [8, 20])
def test_a_process_too_many_is_noticed_however_short_it_all_is(place: Place, limit: int) -> None:
    source = b"import threading\nwhile True: threading.Thread(target=threading.Event().wait, daemon=True).start()"
    limits = Limits(processes=limit)
    verdict = place.run(("/usr/bin/python3", "main.py"), files={"main.py": source}, limits=limits)
    assert (verdict.status, verdict.processes_hit) == (1, True)
    just = f"import threading\nfor _ in range({limit - 1}): threading.Thread(target=print).start()\n1 // 0".encode()
    verdict = place.run(("/usr/bin/python3", "main.py"), files={"main.py": just}, limits=limits)
    assert (verdict.status, verdict.processes_hit) == (1, False)


def test_one_who_gives_up_ends_the_program(place: Place) -> None:
    mark = uuid.uuid4().hex

    async def give_up() -> None:
        step = Step(command=("bash", "-c", f"sleep 60; : {mark}"), limits=Limits(timeout=30), variables=VARIABLES)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(place.slot.run(step), 0.3)

    started = time.monotonic()
    place.do(give_up())
    assert time.monotonic() - started < 5
    assert _processes_with(mark) == []
    assert place.shell("echo next").stdout == b"next\n"


def test_no_descriptor_is_lost(place: Place) -> None:
    def descriptors() -> list[int]:
        pid = place.do(place.slot.open()).pid
        return [len(list(Path(f"/proc/{one}/fd").iterdir())) for one in ("self", pid)]

    def run() -> None:
        place.run(("bash", "-c", "exit 0"), files={"a": b"x", "d/b": b"y"}, stdin=b"z")
        place.run(("sleep", "9"), limits=Limits(timeout=0.05))
        place.run(("/no/such/program",))

    run()
    time.sleep(0.2)  # the cell that is made ahead
    before = descriptors()
    for _ in range(5):
        run()
    time.sleep(0.2)
    assert descriptors() == before


def test_files_are_where_their_names_say(place: Place) -> None:
    verdict = place.run(("cat", "a", "d/e/b"), files={"a": b"1\0", "d/e/b": b"2\xff"})
    assert verdict.stdout == b"1\x002\xff"


def test_a_program_that_does_not_read_delays_nobody(place: Place) -> None:
    assert place.run(("true",), stdin=b"x" * 1_000_000).status == 0
    assert place.run(("bash", "-c", "exec <&-; sleep 0.1; echo done"), stdin=b"x" * 1_000_000).stdout == b"done\n"


def test_processor_time_is_counted_over_processes(shell: Shell) -> None:
    verdict = shell("for i in 1 2; do (while :; do :; done) & done; sleep 30", cpu_seconds=0.3)
    assert verdict.ending is Ending.CPU
    assert 0.3 <= verdict.cpu_seconds < 2


def test_a_full_disk_is_noticed(shell: Shell) -> None:
    verdict = shell("head -c 3000000 /dev/zero >big || exit 1", disk_kb=1024)
    assert (verdict.status, verdict.disk_full) == (1, True)
    verdict = shell("for i in $(seq 100); do : >f$i || exit 1; done", inodes=20)
    assert (verdict.status, verdict.disk_full) == (1, True)


class _Typist:
    """Hears a program, and answers it once."""

    def __init__(self, place: Place, answer: Callable[["_Typist", str], None]) -> None:
        self.place, self.answer, self.heard = place, answer, b""

    def begun(self) -> None:
        pass

    def output(self, stream: str, data: bytes) -> None:
        self.heard += data
        self.answer(self, self.heard.decode())

    @property
    def keeper(self) -> Keeper:
        assert self.place.slot._keeper is not None
        return self.place.slot._keeper


def _interactive(
    place: Place, line: str, answer: Callable[[_Typist, str], None], **more: object
) -> tuple[Verdict, bytes]:
    typist = _Typist(place, answer)
    step = Step(
        command=("bash", "-c", line), limits=Limits(timeout=10), variables=VARIABLES, interactive=True, streams=True,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    return place.do(place.slot.run(step, typist)), typist.heard


def test_what_is_typed_meanwhile_is_read(place: Place) -> None:
    def answer(typist: _Typist, heard: str) -> None:
        if heard == "name? ":
            typist.keeper.stdin(b"Jo\n")
            typist.keeper.end_stdin()

    verdict, heard = _interactive(place, "printf 'name? '; read name; echo hello $name; cat; echo end", answer)
    assert (verdict.status, heard, verdict.stdout) == (0, b"name? hello Jo\nend\n", b"")


def test_a_terminal_has_its_size_its_signals_and_its_end(place: Place) -> None:
    def answer(typist: _Typist, heard: str) -> None:
        if heard.endswith("ready\r\n"):
            typist.keeper.resize(33, 101)
            typist.keeper.stdin(b"\x03")

    line = "tty -s && stty size; trap 'stty size; exit 7' INT; stty -echo; echo ready; while :; do sleep 0.05; done"
    verdict, heard = _interactive(place, line, answer, terminal=(25, 80))
    assert verdict.status == 7
    assert heard.split() == [b"25", b"80", b"ready", b"33", b"101"] or heard.split()[-2:] == [b"33", b"101"]


def test_a_signal_reaches_the_programs_group(place: Place) -> None:
    def answer(typist: _Typist, heard: str) -> None:
        if heard == "go\n":
            typist.keeper.signal(15)

    verdict, heard = _interactive(
        place, "trap 'echo caught; exit 3' TERM; echo go; while :; do sleep 0.05; done", answer
    )
    assert (verdict.status, b"caught" in heard.splitlines()) == (3, True)
