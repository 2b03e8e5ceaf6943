"""How a step ended."""

from __future__ import annotations

import dataclasses
import enum
import signal


class Ending(enum.Enum):
    """Why a step is over; the values are the launcher's."""

    EXITED = 0
    TIMEOUT = 1
    CPU = 2
    MEMORY = 3
    OUTPUT = 4
    STOPPED = 5
    """The service or its client gave up on it."""
    FAILED = 6
    """The sandbox did not come about: our fault, unless the request's files did not fit."""
    MISSING = 7
    """The command could not be executed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one step."""

    ending: Ending
    exit_code: int | None = None
    """Where the program ended by itself, and not by a signal."""
    signal: int | None = None
    """Number of the signal that ended the program, the sandbox's own among them."""
    stdout: bytes = b""
    stderr: bytes = b""
    both: bytes = b""
    """What both streams said, in its order; empty where one of them said nothing."""
    truncated: bool = False
    processes_hit: bool = False
    """Whether a process was asked for that could not be; at a timeout, whether there were as many as may be."""
    disk_full: bool = False
    """Whether the work directory was seen without room, or the kernel ended a program whose file grew too large."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Most memory seen in use at once."""
    detail: str = ""
    """For FAILED and MISSING: what the launcher said, for the service's log."""
    program: int | None = None
    """Descriptor of the pack of what a compile left in /program, or of the files that were to be collected; the
    receiver's to close."""

    @property
    def output(self) -> bytes:
        """What both streams said, in its order."""
        return self.both or self.stdout or self.stderr

    @property
    def status(self) -> int | None:
        """Exit status where the program ended by itself; 128 + n for signal n, as a shell has it."""
        if self.ending is not Ending.EXITED:
            return None
        return 128 + self.signal if self.signal else self.exit_code

    @property
    def signal_name(self) -> str | None:
        """Name of the signal that ended the program, as the kernel says; "SIG40" where it has no name."""
        if self.ending in {Ending.FAILED, Ending.STOPPED, Ending.MISSING}:
            return None
        if not self.signal:
            return None  # an exit status above 128 is a number like any other: whoever chose it may have meant a signal
        try:
            return signal.Signals(self.signal).name
        except ValueError:
            return f"SIG{self.signal}"  # a real-time signal
