"""What a step may use."""

from __future__ import annotations

import dataclasses

DISK_BYTES = 64 * 1024 * 1024
"""Size of the work directory, and the largest file a run may write."""

PROGRAM_BYTES = 256 * 1024 * 1024
"""The most that a compile may leave in the slot's directory."""

OPEN_FILES = 256
STACK_BYTES = 64 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one step; every one is positive."""

    timeout: float = 10.0
    """Seconds of wall clock."""
    memory_kb: int = 256 * 1024
    """Memory of all processes and the work directory together, in KiB."""
    output_bytes: int = 1024 * 1024
    """Bytes of stdout and stderr together."""
    processes: int = 64
    """Processes and threads at one time."""


CEILING = Limits(timeout=600, memory_kb=1024 * 1024, output_bytes=4 * 1024 * 1024, processes=256)
"""The most that a request may ask for; its timeout is further bounded by the service's own."""
