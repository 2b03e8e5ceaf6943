"""The two interfaces between a run and its client: the events it gets, and what it may do to the program."""

from __future__ import annotations

from typing import Protocol

from backend.runner.execution.outcome import CompileReport


class Listener(Protocol):
    """Gets the events of a run. Called on the event loop, so it must not block."""

    def phase(self, name: str, compiled: CompileReport | None = None) -> None:
        """A step begins: "compile", or "run" with the report of the compile before it."""

    def output(self, stream: str, data: bytes) -> None:
        """The program wrote `data` to "stdout" or "stderr" (a terminal: all "stdout"). Output limits are applied."""

    def started(self, controls: Controls) -> None:
        """The program runs. `controls` works until the run is over."""


class Controls(Protocol):
    """Commands to a running program. They are ignored once it has ended; none blocks."""

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
