"""Limits of a step."""

from __future__ import annotations

import dataclasses

STACK_BYTES = 64 * 1024 * 1024
"""Size that the stack of a program may grow to."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one step; every one is positive."""

    timeout: float = 10.0
    """Seconds of wall clock."""
    cpu_seconds: float = 20.0
    """Seconds of processor time of all processes together."""
    memory_kb: int = 256 * 1024
    """Memory of all processes and the work directory together, in KiB."""
    output_bytes: int = 1024 * 1024
    """Bytes of stdout and stderr together."""
    processes: int = 64
    """Processes and threads at one time."""
    open_files: int = 256
    """Open descriptors of a process."""
    file_kb: int = 64 * 1024
    """Size of the largest file, in KiB."""
    disk_kb: int = 64 * 1024
    """Size of all files in the work directory together, in KiB."""
    inodes: int = 8192
    """Files and directories in the work directory."""


CEILING = Limits(
    timeout=600, cpu_seconds=600, memory_kb=1024 * 1024, output_bytes=4 * 1024 * 1024, processes=256, open_files=1024,
    file_kb=256 * 1024, disk_kb=256 * 1024, inodes=65536,
)  # fmt: skip
"""The ceiling of a request's limits; the service's own timeout bounds the timeout further."""
