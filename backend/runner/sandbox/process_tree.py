"""Memory and processes of a sandbox, read from /proc beneath its pid 1."""

from __future__ import annotations

import contextlib
import dataclasses
import os

_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024
_SANDBOX_FILES = ("work", "dev/shm")


@dataclasses.dataclass(frozen=True)
class Usage:
    """One look at a sandbox."""

    memory_kb: int
    """Resident memory of all processes and the files in the work directory, in KiB."""
    processes: int
    """Threads of all processes, as RLIMIT_NPROC counts them, without the sandbox's own pid 1."""


def _descendants(root: int) -> list[int]:
    found, left = [], [root]
    while left:
        pid = left.pop()
        found.append(pid)
        for thread in _threads(pid):
            left += map(int, _read(f"/proc/{pid}/task/{thread}/children").split())
    return found


def _read(path: str) -> str:
    with contextlib.suppress(OSError), open(path, encoding="ascii") as file:  # noqa: PTH123 - hot path
        return file.read()
    return ""


def _resident_kb(pid: int) -> int:
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE_KB if len(fields) > 1 else 0


def _proportional_kb(pid: int) -> int:
    """Resident memory with shared pages divided among those who share them; slow, so only asked when it matters."""
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return _resident_kb(pid)


def _threads(pid: int) -> list[str]:
    """Thread ids of a process; none where it has ended."""
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/task") as entries:
        return [entry.name for entry in entries]
    return []


def _files_kb(init: int) -> int:
    """Blocks in use on the sandbox's own tmpfs mounts: mount points of a read-only root, which no program can replace.

    While bubblewrap still sets up, its root is the host's, and what lies there is not counted.
    """
    flags = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    total = 0
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
        root = os.open(f"/proc/{init}/root", flags & ~os.O_NOFOLLOW)
        stack.callback(os.close, root)
        if os.path.samestat(os.fstat(root), os.stat("/")):  # noqa: PTH116 - hot path
            return 0
        for name in _SANDBOX_FILES:
            mount = os.open(name, flags, dir_fd=root)
            stack.callback(os.close, mount)
            state = os.fstatvfs(mount)
            total += (state.f_blocks - state.f_bfree) * state.f_frsize // 1024
    return total


def look(root: int, limit_kb: int) -> Usage:
    """Usage beneath pid `root`. Shared pages are counted once only where counting them twice would pass `limit_kb`."""
    pids = _descendants(root)
    files = _files_kb(root)
    memory = files + sum(map(_resident_kb, pids))
    if memory > limit_kb:
        memory = files + sum(map(_proportional_kb, pids))
    return Usage(memory, sum(len(_threads(pid)) for pid in pids[1:]))


def prefer_as_victim(root: int) -> None:
    """Have the kernel, when it runs out of memory, end the programs rather than the service."""
    for pid in _descendants(root):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("1000")
