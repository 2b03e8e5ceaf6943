"""Memory that the kernel keeps for a program: counted, or bounded for each slot."""

import asyncio
import dataclasses
from pathlib import Path

import pytest

from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, make_slots
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending
from tests.holds import HOLDS
from tests.unit.backend.runner.conftest import VARIABLES, Place, compile_c

pytestmark = pytest.mark.any_python

MEGABYTE = 1 << 20

KEEPS = {
    "long names": "for i in range(8000): open(f'{i:0255d}', 'w').close()",
    "links": "open('a', 'w').close()\nfor i in range(8000): os.link('a', f'{i:0255d}')",
    "symbolic links": "for i in range(8000): os.symlink('x' * 100, f'{i:0255d}')",
    "directories": "for i in range(8000): os.mkdir(str(i))",
    "attributes": "\n".join(
        ["open('a', 'w').close()", "for i in range(1000):", "    try: os.setxattr('a', f'user.{i}', bytes(30000))",
         "    except OSError: break"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEEPS)
def test_what_files_hold_beside_their_content_counts(place: Place, name: str) -> None:
    source = f"import os, time\n{KEEPS[name]}\ntime.sleep(0.3)"
    empty = place.run(("python3", "-c", "import time; time.sleep(0.3)"))
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=20))
    assert (verdict.ending, verdict.exit_code) == (Ending.EXITED, 0)
    assert verdict.memory_bytes - empty.memory_bytes > 6.5 * MEGABYTE


WATCHES = """
import ctypes
libc = ctypes.CDLL(None)
made = 0
while libc.inotify_init1(0) >= 0: made += 1
print(made, flush=True)
"""


def test_a_slot_has_its_own_share_of_inotify(host: Host) -> None:
    """Of one user's slots each has as many, while another has taken all it can, and after itself has."""

    def step(more: str) -> Step:
        return Step(command=("python3", "-c", WATCHES + more), limits=Limits(timeout=10), variables=VARIABLES)

    async def both() -> list[bytes]:
        async with make_slots(of_one_user(host), 3) as slots:
            holding = [asyncio.create_task(slot.run(step("import time; time.sleep(2)"))) for slot in slots[:2]]
            await asyncio.sleep(1)
            third = await slots[2].run(step(""))
            again = await slots[2].run(step(""))
            return [third.stdout, again.stdout, *[(await held).stdout for held in holding]]

    assert set(asyncio.run(both())) == {b"16\n"}


def of_one_user(host: Host) -> Plan:
    """As where slots cannot have uids of their own."""
    return Plan(host=dataclasses.replace(host, choose_uid=False), cgroups=None, caches=None)


HEADERS = "#define _GNU_SOURCE\n" + "".join(
    f"#include <{name}>\n"
    for name in (
        "fcntl.h",
        "stdio.h",
        "stdlib.h",
        "string.h",
        "unistd.h",
        "sys/epoll.h",
        "sys/eventfd.h",
        "sys/mman.h",
        "sys/wait.h",
    )
)


def holder(what: str, children: int, seconds: int, directory: Path) -> bytes:
    body = f"for (int k = 0; k < {children}; k++) if (fork() == 0) {{ {HOLDS[what]} pause(); }}"
    return compile_c(f"{HEADERS}int main(void) {{ {body} sleep({seconds}); return 0; }}", directory)


def step_of(program: bytes, **limits: int) -> Step:
    return Step(
        command=("/work/main",), files={"main": program}, executables=frozenset({"main"}), variables=VARIABLES,
        limits=Limits(**{"timeout": 20, "memory_kb": 65536, **limits}),
    )  # fmt: skip


@pytest.mark.parametrize("what", HOLDS)
def test_what_the_kernel_holds_counts(place: Place, tmp_path: Path, what: str) -> None:
    program = holder(what, 12, 15, tmp_path)
    verdict = place.do(place.slot.run(step_of(program)))
    assert verdict.ending is Ending.MEMORY


HANDED_DOWN = """
int main(void) {
    size_t n = 3000; char *a = mmap(0, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < n; i += 2) { a[i * 4096] = 1; mprotect(a + (i + 1) * 4096, 4096, PROT_NONE); }
    for (int d = 0; d < 60 && fork() == 0; d++) ;
    sleep(12);
    return 0;
}"""


def test_mappings_that_are_handed_down_count_for_each_generation(place: Place, tmp_path: Path) -> None:
    program = compile_c(HEADERS + HANDED_DOWN, tmp_path)
    assert place.do(place.slot.run(step_of(program))).ending is Ending.MEMORY


def test_what_the_kernel_held_before_counts_no_more(place: Place, tmp_path: Path) -> None:
    children = f"for (int k = 0; k < 8; k++) if (fork() == 0) {{ {HOLDS['mappings']} sleep(1); _exit(0); }}"
    then = "while (wait(NULL) > 0) ; usleep(700000); char *b = malloc(90 << 20); memset(b, 1, 90 << 20); sleep(1);"
    source = f"{HEADERS}int main(void) {{ {children} {then} return 0; }}"
    verdict = place.do(place.slot.run(step_of(compile_c(source, tmp_path), memory_kb=131072)))
    assert (verdict.ending, verdict.exit_code) == (Ending.EXITED, 0)
    assert verdict.memory_bytes > 90 * MEGABYTE


def test_what_the_kernel_holds_for_others_is_laid_to_nobody(host: Host, tmp_path: Path) -> None:
    sleeps = ("python3", "-c", "import os, time\nfor _ in range(40): os.pipe()\ntime.sleep(3)")
    hostile = step_of(holder("mappings", 12, 2, tmp_path), memory_kb=1 << 20)

    async def both() -> list[Ending]:
        async with make_slots(of_one_user(host), 2) as slots:
            limits = Limits(timeout=10, memory_kb=16384)
            victim = asyncio.create_task(slots[0].run(Step(command=sleeps, limits=limits, variables=VARIABLES)))
            await asyncio.sleep(0.5)
            return [(await slots[1].run(hostile)).ending, (await victim).ending]

    assert asyncio.run(both()) == [Ending.EXITED, Ending.EXITED]


def test_as_many_pipes_as_programs_have_are_no_memory(place: Place) -> None:
    source = """
import subprocess
kept = [subprocess.Popen(("cat",), stdin=-1, stdout=-1, stderr=-1) for _ in range(56)]
for one in kept: assert one.communicate(b"x" * 60000) == (b"x" * 60000, b"")
print("done")"""
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=20, memory_kb=131072))
    assert (verdict.ending, verdict.stdout, verdict.stderr) == (Ending.EXITED, b"done\n", b"")


def test_a_slot_cannot_have_the_pipes_of_all(host: Host, tmp_path: Path) -> None:
    """Where a user has too many, further ones are small."""
    room = ("python3", "-c", "import fcntl, os; print(fcntl.fcntl(os.pipe()[0], 1032))")
    takes = holder("pipes", 12, 3, tmp_path)

    async def both() -> tuple[Ending, bytes]:
        async with make_slots(of_one_user(host), 2) as slots:
            hostile = asyncio.create_task(slots[0].run(step_of(takes, memory_kb=1 << 20)))
            await asyncio.sleep(1)
            seen = await slots[1].run(Step(command=room, limits=Limits(), variables=VARIABLES))
            return (await hostile).ending, seen.stdout

    assert asyncio.run(both()) == (Ending.MEMORY, b"65536\n")
