"""Groups of version 1 are this machine's own; those of version 2 a simulation in a directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.runner.sandbox.cgroup import Cgroups, find_cgroups

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
    print(number, flush=True)
print("held", flush=True)
time.sleep({seconds})
"""


def _memberships() -> dict[str, str]:
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return {name: path for _, names, path in lines for name in names.split(",")}


@pytest.fixture
def version_1() -> Iterator[Cgroups]:
    """Real groups. Where this machine has none that can be made, nothing here can be tested, and the test fails."""
    cgroups = find_cgroups()
    assert cgroups is not None, "no control groups of version 1 can be made: run the tests as root on a host with them"
    try:
        yield cgroups
    finally:
        cgroups.remove()
