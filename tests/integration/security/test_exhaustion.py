"""Programs that try to use up the machine."""

from typing import Any


def test_a_fork_bomb_meets_its_limit(attack: Any) -> None:
    result = attack("bash", ":(){ :|:& }; :; sleep 20", limits={"timeout": 1, "processes": 32})
    assert result["status"] in {"timeout", "runtime_error", "output_limit"}


def test_a_bomb_of_threads_meets_its_limit(attack: Any) -> None:
    source = """
import threading, time
n = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
        n += 1
except RuntimeError:
    print(n < 64)
"""
    result = attack("python3", source, limits={"timeout": 3, "processes": 64})
    assert (result["status"], result["stdout"]) == ("ok", "True\n")


def test_a_memory_bomb_meets_its_limit(attack: Any) -> None:
    source = (
        "#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }"
    )
    assert attack("c", source, limits={"memory_kb": 100_000})["status"] == "memory_limit"


def test_memory_that_nobody_maps_cannot_be_had(attack: Any) -> None:
    source = """
import ctypes, errno, os
try:
    os.memfd_create("hidden")
    print("memfd")
except OSError as error:
    print(errno.errorcode[error.errno])
libc = ctypes.CDLL(None, use_errno=True)
print(libc.shmget(0, 1 << 20, 0o1600), errno.errorcode[ctypes.get_errno()])
"""
    assert attack("python3", source)["stdout"] == "ENOSYS\n-1 ENOSYS\n"


def test_a_flood_of_output_is_cut(attack: Any) -> None:
    result = attack("bash", "yes & yes >&2 & yes", limits={"timeout": 3, "output_bytes": 100_000})
    assert (result["status"], result["truncated"]) == ("output_limit", True)
    assert len(result["stdout"]) + len(result["stderr"]) == 100_000


def test_the_disk_is_bounded_in_size(attack: Any) -> None:
    source = "for i in 1 2 3 4 5 6 7 8; do head -c 20000000 /dev/zero >$i || exit 7; done; sleep 1"
    result = attack("bash", source, limits={"timeout": 3, "memory_kb": 200_000})
    assert result["status"] in {"runtime_error", "memory_limit"}


def test_one_huge_file_meets_its_limit(attack: Any) -> None:
    source = "import os\nos.truncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 1 << 40)"
    assert attack("python3", source)["status"] == "runtime_error"


def test_file_descriptors_are_limited(attack: Any) -> None:
    source = """
import os
try:
    while True: last = os.dup(0)
except OSError:
    print(last < 256)
"""
    assert attack("python3", source)["stdout"] == "True\n"


def test_a_bottomless_stack_is_the_programs_own_end(attack: Any) -> None:
    result = attack(
        "c", "int f(int n) { volatile int a[1000]; a[0] = n; return f(n + 1) + a[0]; } int main(void) { return f(0); }"
    )
    assert (result["status"], result["signal"]) == ("runtime_error", "SIGSEGV")
