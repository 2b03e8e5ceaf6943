"""How a step ended."""

from __future__ import annotations

import dataclasses
import enum
import signal


class Ending(enum.Enum):
    """Why a step ended; the values are the launcher's."""

    EXITED = 0
    TIMEOUT = 1
    CPU = 2
    MEMORY = 3
    OUTPUT = 4
    STOPPED = 5
    """The service or its client stopped it."""
    FAILED = 6
    """The sandbox could not be made: the service's fault, unless the request's files did not fit."""
    MISSING = 7
    """The command could not be executed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """The result of one step."""

    ending: Ending
    exit_code: int | None = None
    """Exit status; None if a signal ended the program."""
    signal: int | None = None
    """Number of the signal that ended the program, the sandbox's own among them."""
    stdout: bytes = b""
    stderr: bytes = b""
    both: bytes = b""
    """Output of both streams in order; empty if one of them has no output."""
    truncated: bool = False
    processes_hit: bool = False
    """Whether the program was refused a process; at a timeout, whether it had as many as allowed."""
    disk_full: bool = False
    """Whether the work directory was full, or the kernel ended the program for a file that grew too large."""
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    """Most memory seen in use at once."""
    detail: str = ""
    """For FAILED and MISSING: the launcher's message, for the service's log."""
    program: int | None = None
    """Descriptor of the pack of a compile's files in /program, or of collected files. The receiver must close it."""

    @property
    def output(self) -> bytes:
        """Output of both streams, in order."""
        return self.both or self.stdout or self.stderr

    @property
    def status(self) -> int | None:
        """Exit status; 128 + n if signal n ended the program, as in a shell."""
        if self.ending is not Ending.EXITED:
            return None
        return 128 + self.signal if self.signal else self.exit_code

    @property
    def signal_name(self) -> str | None:
        """Name of the signal that ended the program; "SIG40" for one without a name."""
        if self.ending in {Ending.FAILED, Ending.STOPPED, Ending.MISSING}:
            return None
        if not self.signal:
            return None  # an exit status above 128 does not mean a signal: a program may choose any number
        try:
            return signal.Signals(self.signal).name
        except ValueError:
            return f"SIG{self.signal}"  # a real-time signal
