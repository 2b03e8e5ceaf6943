"""Programs started as cheaply as can be, and timed from spawn to exit."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.errors import DeployError

CLEAN = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}  # noqa: S108


def timed(
    command: Sequence[str], *, expected: str, environment: Mapping[str, str] = CLEAN, directory: Path | None = None
) -> float:
    """Seconds until `command` has ended and its output is read; raises DeployError unless it is `expected`."""
    seconds, status, output = spawn(command, environment=environment, directory=directory)
    if status or output != expected.encode():
        raise DeployError(f"`{' '.join(command)[:200]}` failed while it was measured: {status}, {output[-300:]!r}")
    return seconds


def spawn(
    command: Sequence[str], *, environment: Mapping[str, str] = CLEAN, directory: Path | None = None
) -> tuple[float, int, bytes]:
    """Seconds, exit status, and stdout with stderr. `posix_spawn` knows no directory, so this process moves there."""
    reading, writing = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writing, 1), (os.POSIX_SPAWN_DUP2, writing, 2), (os.POSIX_SPAWN_CLOSE, reading)]
    before, program = Path.cwd(), shutil.which(command[0], path=environment["PATH"])
    try:
        if directory is not None:
            os.chdir(directory)
        begun = time.perf_counter()
        pid = os.posix_spawn(program or command[0], list(command), dict(environment), file_actions=actions)
        os.close(writing)
        output = _read(reading)
        _, status = os.waitpid(pid, 0)
        return time.perf_counter() - begun, os.waitstatus_to_exitcode(status), output
    finally:
        os.close(reading)
        if directory is not None:
            os.chdir(before)


def _read(descriptor: int) -> bytes:
    blocks = []
    while block := os.read(descriptor, 1 << 16):
        blocks.append(block)
    return b"".join(blocks)
