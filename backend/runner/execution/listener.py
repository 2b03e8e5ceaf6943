"""What a client hears of a run while it goes on, and what it may do to it."""

from __future__ import annotations

from typing import Protocol

from backend.runner.execution.outcome import CompileReport


class Listener(Protocol):
    """Told of a run as it goes on. Called on the event loop, so it must not block."""

    def phase(self, name: str, compiled: CompileReport | None = None) -> None:
        """A step begins: "compile", or "run" with what came of compiling before it."""

    def output(self, stream: str, data: bytes) -> None:
        """The program wrote `data` to "stdout" or "stderr"; on a terminal all is "stdout". Caps are already applied."""

    def started(self, controls: Controls) -> None:
        """The program runs, and may be spoken to until the run is over."""


class Controls(Protocol):
    """What may be done to a program that runs. All are ignored once it has ended; none blocks."""

    def stdin(self, data: bytes) -> None:
        """Type `data`."""

    def end_stdin(self) -> None:
        """Say that no more will be typed."""

    def signal(self, name: str) -> None:
        """Send "SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGTSTP" or "SIGCONT" to the program's foreground group."""

    def resize(self, rows: int, columns: int) -> None:
        """Tell the program's terminal its size; nothing happens where it has none."""

    def stop(self) -> None:
        """End the program at once."""
