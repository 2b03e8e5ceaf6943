"""What the watcher counts where no control group does: each page once, of all that lives, and no neighbour's."""

import asyncio
import contextlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import VARIABLES, Place, compile_c

pytestmark = pytest.mark.any_python

MEGABYTE = 1 << 20


@pytest.fixture
def compiled(place: Place, tmp_path: Path) -> "Compiled":
    return Compiled(place, tmp_path)


class Compiled:
    """Runs C programs that were compiled outside of the sandbox."""

    def __init__(self, place: Place, directory: Path) -> None:
        self.place, self._directory = place, directory

    def __call__(self, body: str, **limits: object) -> Verdict:
        source = (
            "#define _GNU_SOURCE\n"
            + "".join(
                f"#include <{name}.h>\n"
                for name in ("errno", "fcntl", "pthread", "sched", "signal", "stdio", "stdlib", "string", "sys/mman",
                             "sys/syscall", "sys/wait", "time", "unistd")
            )
            + textwrap.dedent(body)
        )  # fmt: skip
        program = compile_c(source, self._directory, "-O1", "-w", "-pthread")
        return self.place.run(
            ("/work/main",), files={"main": program}, executables=("main",),
            limits=Limits(**{"timeout": 10, "memory_kb": 65_536, **limits}),  # type: ignore[arg-type]
        )  # fmt: skip


TAKES = """
static void take(size_t bytes) { memset(mmap(0, bytes, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1, bytes); }
static void nap(long ms) { struct timespec t = {ms / 1000, ms % 1000 * 1000000}; nanosleep(&t, 0); }
"""


def test_children_that_share_the_address_space_of_their_parent_are_no_second_memory(compiled: Compiled) -> None:
    verdict = compiled(
        TAKES
        + """
        int main(void) {
            take(150 << 20);
            for (int i = 0; i < 20; i++) { if (vfork() == 0) { nap(50); _exit(0); } wait(0); }
        }""",
        memory_kb=262_144,
    )
    assert verdict.ending is Ending.EXITED
    assert 150 * MEGABYTE <= verdict.memory_bytes < 160 * MEGABYTE


def test_tasks_made_by_hand_in_one_address_space_are_one_memory(compiled: Compiled) -> None:
    verdict = compiled(
        TAKES
        + """
        static char stacks[8][65536];
        static int sleeper(void *unused) { nap(300); _exit(0); }
        int main(void) {
            take(40 << 20);
            for (int i = 0; i < 8; i++) clone(sleeper, stacks[i] + 65536, CLONE_VM | CLONE_FS | SIGCHLD, 0);
            while (wait(0) > 0) ;
        }"""
    )
    assert verdict.ending is Ending.EXITED
    assert verdict.memory_bytes < 50 * MEGABYTE


def test_one_of_many_that_share_an_address_space_counts_by_what_it_has(compiled: Compiled) -> None:
    """Neither does sharing hide anything: what one of them takes is theirs, and what its children have."""
    verdict = compiled(
        TAKES
        + """
        static char stack[65536];
        static int taker(void *unused) { take(30 << 20); nap(2000); _exit(0); }
        int main(void) {
            take(20 << 20);
            clone(taker, stack + 65536, CLONE_VM | SIGCHLD, 0);
            if (fork() == 0) { take(30 << 20); nap(2000); }
            while (wait(0) > 0) ;
        }"""
    )
    assert verdict.ending is Ending.MEMORY


def test_many_children_started_by_a_large_program_are_no_second_memory(place: Place) -> None:
    source = "import subprocess\nb = b'x' * (150 << 20)\nfor _ in range(100): subprocess.run(['/bin/true'])"
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=20))
    assert (verdict.ending, verdict.exit_code) == (Ending.EXITED, 0)
    assert 150 * MEGABYTE <= verdict.memory_bytes < 180 * MEGABYTE


def test_copies_of_a_large_program_count_what_they_changed(place: Place) -> None:
    source = """
import os, time
b = b'x' * (100 << 20)
for _ in range(30):
    if os.fork() == 0: time.sleep(0.03); os._exit(0)
    os.wait()
"""
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=20, memory_kb=160 << 10))
    assert verdict.ending is Ending.EXITED


@pytest.mark.parametrize("way", ["syscall(SYS_exit, 0)", "pthread_exit(0)"])
@pytest.mark.parametrize("megabytes", [100, 600])
def test_memory_that_a_thread_takes_after_the_main_thread_ended_counts(
    compiled: Compiled, way: str, megabytes: int
) -> None:
    verdict = compiled(
        TAKES
        + f"""
        static void *go_on(void *unused) {{
            nap(50); for (int i = 0; i < {megabytes}; i++) {{ take(1 << 20); nap(1); }} nap(2000); return 0;
        }}
        int main(void) {{ pthread_t t; pthread_create(&t, 0, go_on, 0); {way}; }}"""
    )
    assert verdict.ending is Ending.MEMORY
    assert verdict.memory_bytes < 100 * MEGABYTE


def test_a_child_whose_main_thread_ended_counts_too(compiled: Compiled) -> None:
    verdict = compiled(
        TAKES
        + """
        static void *go_on(void *unused) { for (int i = 0; i < 200; i++) { take(1 << 20); nap(1); } nap(2000); }
        int main(void) {
            if (fork() == 0) { pthread_t t; pthread_create(&t, 0, go_on, 0); syscall(SYS_exit, 0); }
            while (wait(0) > 0) ;
        }"""
    )
    assert verdict.ending is Ending.MEMORY


def test_a_program_that_is_slow_to_look_at_gains_no_memory(compiled: Compiled) -> None:
    verdict = compiled(
        TAKES
        + """
        int main(void) {
            for (int i = 0; i < 12; i++)
                if (fork() == 0) {
                    char *p = mmap(0, 120000ul * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
                    for (int n = 0; n < 30000; n++) mprotect(p + n * 8192ul, 4096, PROT_READ);
                    for (int n = 0; n < 64; n++) { take(1 << 20); nap(1); }
                    nap(3000); _exit(0);
                }
            while (wait(0) > 0) ;
        }""",
        memory_kb=131_072,
    )
    assert verdict.ending is Ending.MEMORY
    assert verdict.memory_bytes < 250 * MEGABYTE


def test_what_a_neighbour_writes_is_not_laid_to_a_program_that_sleeps(compiled: Compiled) -> None:
    place = Path("/dev/shm/codecanvas-neighbour")
    neighbour = f"import time; time.sleep(0.7); open({str(place)!r}, 'wb').write(bytes(200 << 20)); time.sleep(3)"
    writing = subprocess.Popen([sys.executable, "-c", neighbour])
    try:
        verdict = compiled(
            TAKES
            + "int main(void) { char *p = mmap(0, 300 << 20, 3, MAP_SHARED | MAP_ANON, -1, 0); *p = 1; nap(2500); }"
        )
    finally:
        writing.kill()
        writing.wait()
        place.unlink(missing_ok=True)
    assert verdict.ending is Ending.EXITED
    assert verdict.memory_bytes < 4 * MEGABYTE


BURNS = """
static void burn(long ms) {
    struct timespec t;
    do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}
static void nap(long ms) { struct timespec t = {ms / 1000, ms % 1000 * 1000000}; nanosleep(&t, 0); }
"""
ORPHANS = "for (int i = 0; i < %d; i++) { if (fork() == 0) { if (fork() == 0) burn(%d); _exit(0); } wait(0); nap(%d); }"
DEAF = "for (int i = 0; i < %d; i++) { if (fork() == 0) { burn(%d); _exit(0); } nap(%d); }"
IGNORES = "signal(SIGCHLD, SIG_IGN);" + DEAF
NO_ZOMBIES = "struct sigaction a = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT}; sigaction(SIGCHLD, &a, 0);" + DEAF


@pytest.mark.parametrize("way", [ORPHANS, IGNORES, NO_ZOMBIES], ids=["orphans", "ignored", "no zombies"])
@pytest.mark.parametrize("each", [10, 50])
def test_what_children_burn_that_their_parent_does_not_wait_for_counts(compiled: Compiled, way: str, each: int) -> None:
    verdict = compiled(BURNS + "int main(void) {" + way % (4000 // each, each, each) + "}", cpu_seconds=1)
    assert verdict.ending is Ending.CPU
    assert verdict.cpu_seconds < 1.5


@pytest.mark.parametrize("way", [ORPHANS, IGNORES, NO_ZOMBIES], ids=["orphans", "ignored", "no zombies"])
def test_what_children_burnt_is_told_of_a_run_that_keeps_its_limit(compiled: Compiled, way: str) -> None:
    until_all_ended = "char byte; close(ends[1]); while (read(ends[0], &byte, 1) > 0) ; nap(200);"
    ends = "int ends[2]; if (pipe(ends)) return 1;"
    verdict = compiled(BURNS + "int main(void) {" + ends + way % (15, 40, 50) + until_all_ended + "}", cpu_seconds=5)
    assert verdict.ending is Ending.EXITED
    least = 0.5 if way == ORPHANS else 0.15  # the others are found by looking, which a busy machine does less often
    assert least <= verdict.cpu_seconds <= 0.8


def test_what_the_last_orphan_burnt_before_it_was_killed_counts(compiled: Compiled) -> None:
    verdict = compiled(
        BURNS + "int main(void) { if (fork() == 0) { if (fork() == 0) burn(5000); _exit(0); } wait(0); nap(400); }"
    )
    assert verdict.ending is Ending.EXITED
    assert 0.05 <= verdict.cpu_seconds <= 0.6


def test_children_that_are_waited_for_are_counted_once(compiled: Compiled) -> None:
    verdict = compiled(
        BURNS + "int main(void) { for (int i = 0; i < 20; i++) { if (fork() == 0) { burn(20); _exit(0); } wait(0); } }"
    )
    assert 0.38 <= verdict.cpu_seconds <= 0.5


@pytest.mark.parametrize(
    "command",
    [
        ("node", "-e", "setTimeout(() => 0, 300)"),
        ("java", "-Xshare:auto", "-version"),
        ("python3", "-c", "import this"),
    ],
    ids=lambda command: command[0],
)
def test_of_a_program_that_kept_its_limit_no_more_memory_is_told_than_that(
    place: Place, command: tuple[str, ...]
) -> None:
    verdict = place.run(command, limits=Limits(timeout=10, memory_kb=32_768, processes=128))
    assert verdict.ending in {Ending.EXITED, Ending.MEMORY}
    assert (verdict.memory_bytes > 32_768 << 10) == (verdict.ending is Ending.MEMORY)


def test_pages_of_the_hosts_files_are_no_memory_of_a_program(compiled: Compiled) -> None:
    verdict = compiled(
        """
        int main(void) {
            int f = open("/usr/bin/gdb", O_RDONLY); if (f < 0) f = open("/usr/bin/node", O_RDONLY);
            size_t size = lseek(f, 0, SEEK_END); volatile char sum = 0;
            char *p = mmap(0, size, PROT_READ, MAP_PRIVATE, f, 0);
            for (size_t i = 0; i < size; i += 4096) sum += p[i];
            sleep(1);
        }""",
        memory_kb=8192,
    )
    assert verdict.ending is Ending.EXITED
    assert verdict.memory_bytes < 4 * MEGABYTE


def test_the_program_itself_is_memory_of_its_run(place: Place) -> None:
    """The files of a compiled program lie in memory, whether it touches them or not."""
    compiling = place.run(
        ("bash", "-c", "head -c 20000000 /dev/zero > /program/ballast; sleep 0.2"),
        compiles=True,
        limits=Limits(timeout=10),
    )
    assert compiling.program is not None
    assert compiling.memory_bytes >= 20_000_000
    verdict = place.run(("sleep", "0.3"), program=compiling.program, limits=Limits(timeout=10))
    assert 20_000_000 <= verdict.memory_bytes < 24_000_000
    verdict = place.run(("sleep", "3"), program=compiling.program, limits=Limits(timeout=10, memory_kb=16_384))
    assert verdict.ending is Ending.MEMORY
    os.close(compiling.program)


def _largest_init(keeper: int) -> int:
    """Most memory, in KiB, that an init of the launcher has had."""
    found = 0
    for child in Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split():
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{child}/status").read_text().splitlines()
            if lines[0].endswith("init"):
                found = max(found, next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")))
    return found


def test_a_large_program_is_kept_without_a_copy_in_the_launchers_memory(place: Place) -> None:
    largest = 0

    async def run() -> Verdict:
        nonlocal largest
        keeper = await place.slot.open()
        step = Step(
            command=("bash", "-c", "head -c 150000000 /dev/zero > /program/ballast"), variables=VARIABLES,
            limits=Limits(timeout=10, memory_kb=1 << 20, file_kb=1 << 18), compiles=True,
        )  # fmt: skip
        running = asyncio.create_task(place.slot.run(step))
        while not running.done():
            largest = max(largest, _largest_init(keeper.pid))
            await asyncio.sleep(0.002)
        return await running

    verdict = place.do(run())
    assert verdict.program is not None
    assert os.fstat(verdict.program).st_size >= 150_000_000
    os.close(verdict.program)
    assert 0 < largest < 10_000  # KiB


@pytest.mark.parametrize("ends", ["process.exit(3)", "throw new Error('thrown')", "process.abort()"])
def test_what_node_wrote_before_it_ends_at_once_arrives_whole(place: Place, ends: str) -> None:
    source = f"process.stdout.write('x'.repeat(1000000)); {ends}"
    verdict = place.run(("node", "-e", source), limits=Limits(timeout=10))
    assert len(verdict.stdout) == 1_000_000


def test_no_program_takes_more_than_its_part_of_what_one_user_may_have(place: Place) -> None:
    source = """
import ctypes, fcntl, os, socket
libc = ctypes.CDLL(None)
print(sum(libc.inotify_init() >= 0 for _ in range(100)))
r, w = os.pipe()
for call in (lambda: fcntl.fcntl(w, 1031, 1 << 20), lambda: socket.socket().setsockopt(1, 26, bytes(16))):
    try: print(call())
    except OSError as error: print(error.strerror)
"""
    verdict = place.run(("python3", "-c", source), limits=Limits(timeout=10))
    assert verdict.stdout.decode().split("\n")[:3] == ["16", "Operation not permitted", "Operation not permitted"]


def test_many_empty_files_are_memory(place: Place) -> None:
    verdict = place.shell("for i in {1..2000}; do : > $i; done; sleep 0.1")
    assert verdict.memory_bytes > 2_000_000
