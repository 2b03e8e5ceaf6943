"""The launcher when its service, its programs or its own processes stop, die or fall silent at the wrong moment."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.runner.sandbox import frames
from backend.runner.sandbox.keeper import Keeper
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.spares import Recipe
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import VARIABLES, Place, until

Shell = Callable[..., Verdict]
WAITS = ("bash", "-c", "read -r word <&3; exec 3<&-; echo warm $word; cat main")


def _children(pid: int) -> dict[int, str]:
    """Children of a process, and the name of each."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
    return found


def _named(pid: int, name: str) -> list[int]:
    return [child for child, comm in _children(pid).items() if comm == name]


def _cpu(pid: int) -> float:
    """Seconds of processor time that a process used."""
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _keeper(place: Place) -> Keeper:
    return place.do(place.slot.open())


def _step(line: str, **more: object) -> Step:
    limits = more.pop("limits", Limits(timeout=5))
    return Step(command=("bash", "-c", line), variables=VARIABLES, limits=limits, **more)  # type: ignore[arg-type]


@contextlib.contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# ── the service ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_frame_that_comes_in_pieces_does_not_stop_the_clock(place: Place) -> None:
    frame = frames.frame(b"I", frames.block(b"typed"))

    async def run() -> Verdict:
        keeper = await place.slot.open()
        running = asyncio.create_task(place.slot.run(_step("sleep 60", limits=Limits(timeout=0.4), interactive=True)))
        await asyncio.sleep(0.1)
        keeper._socket.send(frame[:7])
        verdict = await running
        keeper._socket.send(frame[7:])
        return verdict

    started = time.monotonic()
    assert place.do(run()).ending is Ending.TIMEOUT
    assert time.monotonic() - started < 3
    pid = _keeper(place).pid
    assert place.shell("echo next").stdout == b"next\n"
    assert _keeper(place).pid == pid


def test_frames_reach_a_launcher_that_is_slow_whole_and_in_their_order(place: Place) -> None:
    async def run() -> Verdict:
        keeper = await place.slot.open()
        running = asyncio.create_task(place.slot.run(_step("wc -c; exit 3", interactive=True)))
        await asyncio.sleep(0.1)
        with _stopped(keeper.pid):
            for _ in range(20):
                keeper.stdin(b"x" * 100_000)
            keeper.end_stdin()
            await asyncio.sleep(0.1)
        return await running

    verdict = place.do(run())
    assert (verdict.stdout, verdict.status) == (b"2000000\n", 3)


def test_one_who_gives_up_while_his_program_is_still_sent_ends_it(place: Place) -> None:
    async def give_up() -> None:
        keeper = await place.slot.open()
        with _stopped(keeper.pid):
            running = asyncio.create_task(place.slot.run(_step("sleep 60", stdin=b"x" * 3_000_000)))
            await asyncio.sleep(0.1)
            running.cancel()
            await asyncio.sleep(0.1)
        with pytest.raises(asyncio.CancelledError):
            await running

    place.do(give_up())
    assert place.shell("echo next").stdout == b"next\n"


def test_a_reader_that_is_slow_slows_the_program_and_nothing_is_lost(place: Place) -> None:
    class Hearer:
        heard = 0

        def begun(self) -> None:
            pass

        def output(self, stream: str, data: bytes) -> None:
            self.heard += len(data)

    async def run() -> tuple[Verdict, float]:
        keeper = await place.slot.open()
        before = _cpu(keeper.pid)
        step = _step("head -c 3000000 /dev/zero; echo end >&2", limits=Limits(output_bytes=4 << 20), streams=True)
        running = asyncio.create_task(place.slot.run(step, hearer))
        await asyncio.sleep(0.05)
        keeper._loop.remove_reader(keeper._socket)
        await asyncio.sleep(0.6)
        busy = _cpu(keeper.pid) - before
        keeper._loop.add_reader(keeper._socket, keeper._readable)
        return await running, busy

    hearer = Hearer()
    verdict, busy = place.do(run())
    assert (verdict.status, hearer.heard) == (0, 3_000_004)
    assert busy < 0.3


# ── programs ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("terminal", [None, (25, 80)], ids=["pipes", "terminal"])
@pytest.mark.parametrize("line", ["exec <&- >&- 2>&-; sleep 1", "exec >&-; sleep 1", "kill -STOP $$"])
def test_the_launcher_is_idle_while_a_program_is(place: Place, line: str, terminal: tuple[int, int] | None) -> None:
    pid = _keeper(place).pid
    before = _cpu(pid)
    verdict = place.do(place.slot.run(_step(line, limits=Limits(timeout=1.5), terminal=terminal, stdin=b"x" * 100_000)))
    assert verdict.ending in {Ending.EXITED, Ending.TIMEOUT}
    assert _cpu(pid) - before < 0.4


@pytest.mark.parametrize(
    "line",
    [
        "kill -STOP $$",
        "(sleep 60 &) ; kill -STOP -1; sleep 60",
        "for i in $(seq 30); do (sleep 60 & kill -STOP $BASHPID) & done; sleep 60",
        "trap '' TERM INT HUP XCPU; while :; do sleep 60 & done",
    ],
)
def test_what_is_stopped_or_deaf_is_ended_in_time(place: Place, line: str) -> None:
    pid = _keeper(place).pid
    started = time.monotonic()
    assert place.shell(line, timeout=0.4, cpu_seconds=30).ending is Ending.TIMEOUT
    assert time.monotonic() - started < 3
    assert place.shell("echo next").stdout == b"next\n"
    assert _keeper(place).pid == pid


# ── the launcher's own processes ────────────────────────────────────────────────────────────────────────────


def test_a_cell_whose_init_dies_ends_and_the_slot_goes_on(place: Place) -> None:
    async def run() -> Verdict:
        keeper = await place.slot.open()
        inits = set(_named(keeper.pid, "init"))
        running = asyncio.create_task(place.slot.run(_step("sleep 60")))
        await until(lambda: bool(_named(keeper.pid, "sleep")))
        for init in inits & set(_named(keeper.pid, "init")):
            os.kill(init, signal.SIGKILL)
        return await running

    pid = _keeper(place).pid
    verdict = place.do(run())
    assert (verdict.ending, verdict.signal) == (Ending.EXITED, 9)
    assert place.shell("echo next").stdout == b"next\n"
    assert _keeper(place).pid == pid


def _allow_pid_namespaces(keeper: int, count: int) -> None:
    """Beneath the slot's user namespace."""
    enter = f"""import ctypes, os
assert ctypes.CDLL(None).setns(os.open("/proc/{keeper}/ns/user", os.O_RDONLY), 0x10000000) == 0
os.write(os.open("/proc/sys/user/max_pid_namespaces", os.O_WRONLY), b"{count}")"""
    subprocess.run([sys.executable, "-c", enter], check=True)


def test_a_slot_without_room_for_a_cell_waits_for_it_and_then_goes_on(place: Place) -> None:
    pid = _keeper(place).pid
    _allow_pid_namespaces(pid, 0)
    for _ in range(2):
        place.shell("true")  # as the program that was forked ahead, and in the cell that was made ahead
    refused = place.shell("true")
    assert (refused.ending, refused.detail) == (Ending.FAILED, "a cell could not be made")
    before = _cpu(pid)
    place.do(asyncio.sleep(0.5))
    assert _cpu(pid) - before < 0.2
    _allow_pid_namespaces(pid, 100)
    assert place.shell("echo next").stdout == b"next\n"
    assert _keeper(place).pid == pid


def _warm(place: Place, key: str, limits: Limits, told: list[tuple[str, bool]]) -> None:
    async def start() -> None:
        keeper = await place.slot.open()
        keeper.on_warm = lambda name, ready: told.append((name, ready))
        keeper.warm(key, WAITS, VARIABLES, limits, ())
        await until(lambda: bool(told) and bool(_named(keeper.pid, "bash")))

    place.do(start())


def _use_warm(place: Place, key: str) -> Verdict:
    return place.run(("echo", "cold"), files={"main": b"file\n"}, warm=key, go=b"went\n")


def test_a_warm_process_is_used_once(place: Place) -> None:
    told: list[tuple[str, bool]] = []
    _warm(place, "one", Limits(), told)
    assert (told, _use_warm(place, "one").stdout) == ([("one", True)], b"warm went\nfile\n")
    assert _use_warm(place, "one").stdout == b"cold\n"


def test_a_warm_process_that_dies_while_it_waits_is_told_and_the_run_starts_cold(place: Place) -> None:
    told: list[tuple[str, bool]] = []
    _warm(place, "one", Limits(), told)
    keeper = _keeper(place)

    async def run() -> Verdict:
        with _stopped(keeper.pid):  # so that it learns of the death and of the run at once
            os.kill(_named(keeper.pid, "bash")[0], signal.SIGKILL)
            step = _step("echo cold", warm="one", go=b"went\n", files={"main": b"file\n"})
            running = asyncio.create_task(place.slot.run(step))
            await asyncio.sleep(0.1)
        return await running

    verdict = place.do(run())
    assert (verdict.ending, verdict.stdout) == (Ending.EXITED, b"cold\n")
    assert told == [("one", True), ("one", False)]


def test_more_warm_processes_than_there_is_room_for_are_told_and_cost_nothing(place: Place) -> None:
    told: list[tuple[str, bool]] = []

    async def fill() -> None:
        keeper = await place.slot.open()
        keeper.on_warm = lambda name, ready: told.append((name, ready))
        for number in range(17):
            keeper.warm(str(number), WAITS, VARIABLES, Limits(), ())
        await until(lambda: len(told) == 17)
        for number in range(16):
            keeper.cool(str(number))
        await until(lambda: len(told) == 33)

    place.shell("true")
    place.do(fill())  # of the networks that they had one is kept
    place.do(asyncio.sleep(0.1))
    told.clear()
    descriptors = Path(f"/proc/{_keeper(place).pid}/fd")
    before = len(list(descriptors.iterdir()))
    place.do(fill())
    assert [name for name, ready in told[:17] if not ready] == ["16"]
    assert len(list(descriptors.iterdir())) <= before + 8  # of a network that waits, or does not
    assert place.shell("echo next").stdout == b"next\n"


PYTHON = (*VARIABLES, ("PYTHONPATH", "/opt/template"))
TEMPLATE = Recipe(command=("/usr/bin/python3", "main.py"), variables=PYTHON, limits=Limits())


def test_a_template_that_dies_in_the_middle_of_an_order_is_done_without(place: Place) -> None:
    async def run() -> Verdict:
        keeper = await place.slot.open()
        spares = place.slot.spares
        spares.add_templates(TEMPLATE, 1)
        await until(lambda: len(spares.templates) == 1)
        await until(lambda: len(_named(keeper.pid, "python3")) == 2)  # and its child that waits for a program
        template = min(_named(keeper.pid, "python3"))
        waiting = max(_named(keeper.pid, "python3"))
        os.kill(waiting, signal.SIGKILL)
        await until(lambda: _is_over(waiting))
        os.kill(template, signal.SIGSTOP)
        step = Step(
            command=TEMPLATE.command, variables=VARIABLES, limits=Limits(), files={"main.py": b"print('ran')"},
            forker=spares.templates[0],
        )  # fmt: skip
        running = asyncio.create_task(place.slot.run(step))
        await asyncio.sleep(0.2)
        os.kill(template, signal.SIGKILL)
        verdict = await running
        await until(lambda: not spares.templates)
        return verdict

    verdict = place.do(run())
    assert (verdict.ending, verdict.status, verdict.stdout) == (Ending.EXITED, 0, b"ran\n")
    assert place.shell("echo next").stdout == b"next\n"


def _parked(place: Place) -> set[int]:
    """Programs that wait to be told what they are."""
    time.sleep(0.3)
    own = Path(f"/proc/{_keeper(place).pid}/ns/user").stat().st_ino
    pids = _named(_keeper(place).pid, "spawner")
    return {pid for pid in pids if Path(f"/proc/{pid}/ns/user").stat().st_ino != own}


def test_a_program_is_forked_before_it_is_known_and_another_once_it_runs(place: Place) -> None:
    place.shell("true")
    (waiting,) = _parked(place)

    async def run() -> set[int]:
        keeper = await place.slot.open()
        running = asyncio.create_task(place.slot.run(_step("exec sleep 0.6")))
        await until(lambda: bool(_named(keeper.pid, "sleep")))
        pids = set(_named(keeper.pid, "sleep"))
        assert (await running).status == 0
        return pids

    assert place.do(run()) == {waiting}
    assert len(_parked(place)) == 1
    assert waiting not in _parked(place)


def _is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def test_a_waiting_program_that_dies_is_done_without(place: Place) -> None:
    place.shell("true")
    pid = _keeper(place).pid

    async def run(waiting: set[int], *, at_once: bool) -> bytes:
        with _stopped(pid) if at_once else contextlib.nullcontext():  # so that it learns of both at once
            for each in waiting:
                os.kill(each, signal.SIGKILL)
                await until(lambda each=each: _is_over(each))  # type: ignore[misc]
            running = asyncio.create_task(place.slot.run(_step("echo ran")))
            await asyncio.sleep(0.1)
        return (await running).stdout

    for at_once in (True, False):
        waiting = _parked(place)
        assert len(waiting) == 1
        assert place.do(run(waiting, at_once=at_once)) == b"ran\n"
        time.sleep(1.2)  # until another is forked
    assert _keeper(place).pid == pid


def test_a_program_that_is_told_at_once_what_it_is_has_given_up_its_rights_first(place: Place) -> None:
    """One after the other: the next is told while it is on its way."""
    limits = Limits(open_files=20)
    told = {place.run(("sh", "-c", "ulimit -n"), limits=limits).stdout for _ in range(500)}
    assert told == {b"20\n"}


def test_a_waiting_program_has_the_limits_and_the_environment_of_its_run(place: Place) -> None:
    for number in (31, 17):  # lower the second time, higher than it the first
        limits = {"open_files": number, "file_kb": number, "processes": number, "cpu_seconds": number}
        verdict = place.run(
            ("bash", "-c", "ulimit -n; ulimit -f; ulimit -u; ulimit -t; ulimit -Hn; echo $WORD; ls /proc/self/fd"),
            variables=(*VARIABLES, ("WORD", f"is {number}")), limits=Limits(**limits),
        )  # fmt: skip
        told = verdict.stdout.decode().split("\n")
        assert told[:6] == [*map(str, (number, number, number + 1, number + 2, number)), f"is {number}"]
        assert told[6:] == ["0", "1", "2", "3", ""]  # 3 is the directory itself


def test_a_template_that_cannot_be_started_is_told(place: Place) -> None:
    told: list[tuple[int, bool]] = []

    async def start() -> None:
        keeper = await place.slot.open()
        keeper.on_template = lambda number, ready: told.append((number, ready))
        keeper.template(7, (), ())
        keeper.template(8, ("/no/such/program",), ())
        await until(lambda: len(told) == 2)

    place.do(start())
    assert sorted(told) == [(7, False), (8, False)]
