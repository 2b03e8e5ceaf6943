"""Connects a slot's keeper and a listener: passes events to the listener, and its commands to the keeper."""

from __future__ import annotations

import signal

from backend.runner.execution.listener import Listener
from backend.runner.sandbox.keeper import Keeper

_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGTSTP", "SIGCONT")


class Talk:
    """The conversation of one run. Commands before the program runs and after it has ended are ignored."""

    def __init__(self, keeper: Keeper, listener: Listener, heard: bytearray | None) -> None:
        self._keeper, self._listener, self._running = keeper, listener, False
        self._heard = heard
        """Gets a copy of stdout, if the caller needs one."""

    # ── what the keeper tells ───────────────────────────────────────────────────────────────────────────────

    def begun(self) -> None:
        """The program runs."""
        self._running = True
        self._listener.started(self)

    def output(self, stream: str, data: bytes) -> None:
        """The program wrote `data` to "stdout" or "stderr"."""
        if self._heard is not None and stream == "stdout":
            self._heard += data
        self._listener.output(stream, data)

    def over(self) -> None:
        """The program has ended. Later commands would reach the slot's next program, so they are dropped."""
        self._running = False

    # ── what the listener asks ──────────────────────────────────────────────────────────────────────────────

    def stdin(self, data: bytes) -> None:
        """Type `data`."""
        if self._running:
            self._keeper.stdin(data)

    def end_stdin(self) -> None:
        """Say that no more will be typed."""
        if self._running:
            self._keeper.end_stdin()

    def signal(self, name: str) -> None:
        """Send the signal of that name; signals other than those of `Controls` are ignored."""
        if self._running and name in _SIGNALS:
            self._keeper.signal(signal.Signals[name])

    def resize(self, rows: int, columns: int) -> None:
        """Tell the program's terminal its size."""
        if self._running:
            self._keeper.resize(rows, columns)

    def stop(self) -> None:
        """End the program at once."""
        if self._running:
            self._keeper.stop()
