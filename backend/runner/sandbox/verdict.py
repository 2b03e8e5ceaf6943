"""How a step ended."""

from __future__ import annotations

import dataclasses
import enum
import signal


class Ending(enum.Enum):
    """Why a step is over."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT = "output"
    ABORTED = "aborted"
    """The service gave up on it, because it is about to end."""
    FAILED = "failed"
    """The sandbox did not come about: our fault."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of one step."""

    ending: Ending
    status: int | None
    """Exit status where the program ended by itself; 128 + n for signal n, as a shell has it."""
    stdout: bytes
    stderr: bytes
    truncated: bool
    seconds: float
    memory_kb: int
    """Most memory seen in use at once, in KiB."""
    detail: str = ""
    """For FAILED: what bubblewrap said, for the service's log."""

    @property
    def signal_name(self) -> str | None:
        """Name of the signal that ended the program, as far as its exit status tells."""
        if self.ending is not Ending.EXITED:
            return None if self.ending in {Ending.FAILED, Ending.ABORTED} else "SIGKILL"
        if self.status is None or self.status <= 128:
            return None
        try:
            return signal.Signals(self.status - 128).name
        except ValueError:
            return None
