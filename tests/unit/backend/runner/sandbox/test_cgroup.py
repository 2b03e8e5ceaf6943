"""Groups are this machine's own, of version 1 or 2, and what is called simulated a directory with version 2's files."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.runner.sandbox.cgroup import Cgroups, find_cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, make_slots
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import VARIABLES, Place

HIERARCHY = Path("/sys/fs/cgroup")

# Memory that no process has resident for long: each part is let go as soon as it is touched, and a child that never
# touches it keeps it. It is allocated faster than the watcher looks.
HIDES = """
import ctypes, mmap, os, sys, time
libc = ctypes.CDLL(None)
libc.madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
parts = [mmap.mmap(-1, {part} << 20) for _ in range({count})]
if os.fork() == 0:
    time.sleep(60)
for number, part in enumerate(parts):
    address = ctypes.addressof(ctypes.c_char.from_buffer(part))
    for offset in range(0, {part} << 20, 1 << 20):
        ctypes.memset(address + offset, 1, 1 << 20)
        libc.madvise(address + offset, 1 << 20, 4)  # MADV_DONTNEED
time.sleep({seconds})
"""


SHRINKS = """
import ctypes, mmap, time
libc = ctypes.CDLL(None)
libc.munmap.argtypes = ctypes.c_void_p, ctypes.c_size_t
kept = []
for number in range(60):
    part = mmap.mmap(-1, 16 << 20)
    address = ctypes.addressof(ctypes.c_char.from_buffer(part))
    ctypes.memset(address, 1, 16 << 20)
    libc.munmap(address + 4096, (16 << 20) - 4096)
    kept.append(part)
time.sleep({seconds})
"""
SENDS = """
import socket, time
kept = []
for number in range({count}):
    pair = socket.socketpair()
    kept.append(pair)
    for end in pair:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 30)
        end.setblocking(False)
        try:
            while True:
                end.send(bytes(65536))
        except BlockingIOError:
            pass
time.sleep({seconds})
"""
HIDERS = {
    "sockets": SENDS.replace("{count}", "120"),
    "one part": HIDES.replace("{count}", "1").replace("{part}", "600"),
    "many parts": HIDES.replace("{count}", "60").replace("{part}", "10"),
    "what is left of many": SHRINKS,
}


def _step(source: str, *, seconds: float = 20, memory_mb: int = 100, timeout: float = 15) -> Step:
    limits = Limits(memory_kb=memory_mb * 1024, timeout=timeout)
    files = {"main.py": source.replace("{seconds}", str(seconds)).encode()}
    return Step(command=("/usr/bin/python3", "main.py"), files=files, limits=limits, variables=VARIABLES)


async def _in_group(host: Host, cgroups: Cgroups | None, step: Step) -> tuple[Verdict, Verdict]:
    """Run `step` in a slot of its own, and something small after it."""
    async with make_slots(Plan(host=host, cgroups=cgroups, caches=None), 1) as slots:
        pid = (await slots[0].open()).pid
        verdict = await slots[0].run(step)
        after = await slots[0].run(Step(command=("echo", "next"), limits=Limits(), variables=VARIABLES))
        assert (await slots[0].open()).pid == pid
        return verdict, after


# ── memory ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", HIDERS)
def test_memory_that_no_process_shows_is_counted_without_groups(place: Place, name: str) -> None:
    verdict = place.do(place.slot.run(_step(HIDERS[name], memory_mb=50)))
    assert verdict.ending is Ending.MEMORY
    assert verdict.memory_bytes > 50 << 20


def test_what_few_sockets_hold_is_little_and_not_counted(place: Place) -> None:
    verdict = place.do(place.slot.run(_step(SENDS.replace("{count}", "30"), seconds=0.1, memory_mb=30)))
    assert (verdict.ending, verdict.status) == (Ending.EXITED, 0)


def test_shared_memory_that_is_shown_or_not_touched_is_not_counted_twice(place: Place) -> None:
    shows = """
import ctypes, mmap, os, time
small = mmap.mmap(-1, 8 << 20)
part = mmap.mmap(-1, 90 << 20)
ctypes.memset(ctypes.addressof(ctypes.c_char.from_buffer(part)), 1, 90 << 20)
open("file", "wb").write(bytes(10 << 20))
for _ in range(3):
    if os.fork() == 0:
        part[::4096]
        time.sleep({seconds})
        os._exit(0)
time.sleep({seconds})
"""
    verdict = place.do(place.slot.run(_step(shows, seconds=0.5, memory_mb=200)))
    assert (verdict.ending, verdict.status) == (Ending.EXITED, 0)
    assert verdict.memory_bytes > 100 << 20


@pytest.mark.parametrize("name", HIDERS)
def test_memory_is_bounded_by_the_group_where_there_is_one(host: Host, name: str) -> None:
    verdict, after = asyncio.run(_in_group(host, find_cgroups(), _step(HIDERS[name], memory_mb=20)))
    assert verdict.ending is Ending.MEMORY
    assert (after.ending, after.stdout) == (Ending.EXITED, b"next\n")


PIPES = """
import os, time
open("/proc/self/oom_score_adj", "w").write("0") if {lowers} else None
for _ in range(60):
    if os.fork() == 0: break
kept = []
block = bytes(65536)
for _ in range(100):
    pipe = os.pipe()
    os.set_blocking(pipe[1], False)
    kept.append(pipe)
    try: os.write(pipe[1], block)
    except OSError: pass
time.sleep({seconds})
"""


def test_the_launcher_outlives_programs_whose_memory_no_process_has(host: Host) -> None:
    step = _step(PIPES.replace("{lowers}", "False"), memory_mb=30, seconds=5)
    verdict, after = asyncio.run(_in_group(host, find_cgroups(), step))
    assert verdict.ending is Ending.MEMORY
    assert (after.ending, after.stdout) == (Ending.EXITED, b"next\n")


def test_no_program_makes_itself_less_likely_to_be_ended(place: Place) -> None:
    verdict = place.shell(
        "cat /proc/self/oom_score_adj; echo 0 > /proc/self/oom_score_adj; cat /proc/self/oom_score_adj"
    )
    assert verdict.stdout == b"1000\n1000\n"


def _limit() -> int:
    """Bytes that the programs of this service's first slot may have."""
    group = next(HIERARCHY.glob(f"**/codecanvas-{os.getpid()}/slot-0/programs"))
    names = ("memory.limit_in_bytes", "memory.max")
    return int(next(group / name for name in names if (group / name).exists()).read_text())


def test_the_cache_of_earlier_runs_is_no_room_for_the_next(host: Host) -> None:
    cgroups = find_cgroups()
    if cgroups is None:
        return  # as by a plain user: then nothing of the cache is counted
    takes = (
        "import time\nkept = []\nfor _ in range(300): kept.append(bytearray(b'x' * (1 << 20)))\ntime.sleep({seconds})"
    )
    reads = Step(
        command=("bash", "-c", "find /usr/lib /usr/bin -type f -size +1M | head -150 | xargs cat | wc -c"),
        variables=VARIABLES, limits=Limits(timeout=20),
    )  # fmt: skip

    async def bound() -> int:
        async with make_slots(Plan(host=host, cgroups=cgroups, caches=None), 1) as slots:
            pid = (await slots[0].open()).pid
            assert int((await slots[0].run(reads)).stdout) > 50 << 20
            running = asyncio.create_task(slots[0].run(_step(takes, memory_mb=64)))
            while (limit := _limit()) > 1 << 40 and not running.done():  # noqa: ASYNC110 - the kernel tells nobody
                await asyncio.sleep(0.01)
            assert (await running).ending is Ending.MEMORY
            assert (await slots[0].open()).pid == pid
            return limit

    assert asyncio.run(bound()) < (64 + 16 + 20) << 20


# ── groups ──────────────────────────────────────────────────────────────────────────────────────────────────


def _read(path: str) -> str:
    return Path(path).read_text()


def _ours(pid: int) -> list[Path]:
    return sorted(
        path for pattern in ("*/", "*/*/", "*/*/*/") for path in HIERARCHY.glob(f"{pattern}codecanvas-{pid}*")
    )


def test_a_launcher_lives_in_its_group_which_is_gone_at_the_end(host: Host) -> None:
    """Where no groups can be made, as by a plain user, none are tried twice and nothing is left."""

    async def memberships(cgroups: Cgroups) -> tuple[str, list[Path]]:
        async with make_slots(Plan(host=host, cgroups=cgroups, caches=None), 1) as slots:
            await slots[0].run(Step(command=("true",), limits=Limits(), variables=VARIABLES))
            keeper = await slots[0].open()
            return _read(f"/proc/{keeper.pid}/cgroup"), _ours(os.getpid())

    cgroups = find_cgroups()
    if cgroups is not None:
        named, made = asyncio.run(memberships(cgroups))
        place = "slot-0\n" if cgroups.version == 1 else "slot-0/keeper\n"
        assert named.count(f"codecanvas-{os.getpid()}/{place}") == (2 if cgroups.version == 1 else 1)
        assert made != []
    assert _ours(os.getpid()) == []


CRASHES = """
import asyncio, os, signal, sys
from pathlib import Path
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.cgroup import find_cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import Plan, make_slots

async def main():
    async with make_slots(Plan(host=Host.find(find_launcher()), cgroups=find_cgroups(), caches=None), 1):
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def test_what_a_crash_left_is_removed_at_the_next_start() -> None:
    with subprocess.Popen([sys.executable, "-c", CRASHES]) as crashed:
        pid = crashed.pid
    assert crashed.returncode == -signal.SIGKILL
    for _ in range(100):  # the launchers end with the service
        cgroups = find_cgroups()
        if cgroups is not None:
            cgroups.remove()
        if _ours(pid) == []:
            break
        time.sleep(0.05)
    assert _ours(pid) == []


def test_groups_of_services_that_live_are_left_alone(tmp_path: Path) -> None:
    own, root = _simulated_2(tmp_path)
    lives, dead = root / f"codecanvas-{os.getppid()}", root / "codecanvas-4194305"  # beyond the largest pid
    for group in (lives, dead, root / "codecanvas-x", root / "other"):
        (group / "slot-0").mkdir(parents=True)
    assert find_cgroups(root, own) is not None
    assert (lives.exists(), dead.exists()) == (True, False)
    assert (root / "codecanvas-x").exists()
    assert (root / "other").exists()


# ── a simulation of version 2: its files in a directory ─────────────────────────────────────────────────────


def _simulated_2(place: Path, controllers: str = "cpu memory pids") -> tuple[Path, Path]:
    """What stands for /proc/self/cgroup and /sys/fs/cgroup."""
    root = place / "cgroup"
    root.mkdir()
    (root / "cgroup.controllers").write_text(controllers)
    own = place / "own"
    own.write_text("0::/\n")
    return own, root


def test_version_2_simulated_moves_the_service_aside_and_back(tmp_path: Path) -> None:
    own, root = _simulated_2(tmp_path)
    cgroups = find_cgroups(root, own)
    assert cgroups is not None
    assert cgroups.version == 2
    group, service = root / f"codecanvas-{os.getpid()}", root / f"codecanvas-{os.getpid()}-service"
    assert (service / "cgroup.procs").read_text() == str(os.getpid())
    assert (root / "cgroup.subtree_control").read_text() == (group / "cgroup.subtree_control").read_text()
    for name in ("memory.max", "memory.current", "memory.events", "memory.stat", "cgroup.procs"):
        (group / "slot-3" / "programs").mkdir(exist_ok=True, parents=True)
        (group / "slot-3" / "programs" / name).touch()
    slot = cgroups.slot(3)
    slot.enter(7)
    assert (group / "slot-3" / "keeper" / "cgroup.procs").read_text() == "7"
    assert (group / "slot-3" / "cgroup.subtree_control").read_text() == "+memory"
    assert (group / "slot-3" / "programs" / "memory.swap.max").read_text() == "0"
    for descriptor in slot.open_files():
        os.close(descriptor)
    cgroups.remove()
    assert (root / "cgroup.subtree_control").read_text() == "-memory -pids"
    assert (root / "cgroup.procs").read_text() == str(os.getpid())


def test_version_2_simulated_without_its_controllers_or_its_rights_is_none(tmp_path: Path) -> None:
    own, root = _simulated_2(tmp_path, "cpu io")
    assert find_cgroups(root, own) is None
    (root / "cgroup.controllers").write_text("memory pids")
    (root / "cgroup.subtree_control").mkdir()  # it cannot be written
    assert find_cgroups(root, own) is None
    assert not (root / f"codecanvas-{os.getpid()}").exists()


def test_where_there_are_no_groups_there_are_none(tmp_path: Path) -> None:
    assert find_cgroups(tmp_path / "nothing", tmp_path / "nothing") is None
    (tmp_path / "own").write_text("4:memory:/a\n8:pids:/a\n")
    assert find_cgroups(tmp_path / "nothing", tmp_path / "own") is None
