"""Runs a verb that dies by SIGKILL at its N-th boundary: `python -m tests.deploy.killer N COUNTED invoke-arguments…`.

A boundary is the moment before and after each step of a rollout, and before and after each write to the ledger. How
many were passed is kept in the file COUNTED, so that a run with N = 0, which is never killed, finds them all.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from deploy import interrupts
from deploy.cli import __main__ as cli
from deploy.events import bus as events
from deploy.events.events import Event, StepBegun, StepEnded
from deploy.ledger import store


class Boundaries:
    """Counts boundaries, and ends this process at the one it was told."""

    def __init__(self, deadly: int, counted: Path) -> None:
        self._deadly, self._counted, self._passed = deadly, counted, 0

    def cross(self, name: str) -> None:
        """One more."""
        self._passed += 1
        with self._counted.open("a") as file:
            file.write(f"{name}\n")
        if self._passed == self._deadly:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Put the boundaries in and run the verb as ./dev would."""
    boundaries = Boundaries(int(sys.argv[1]), Path(sys.argv[2]))
    emit, write = events.Bus.emit, store.Ledger.write

    def crossing_emit(bus: events.Bus, event: Event) -> None:
        emit(bus, event)
        if isinstance(event, StepBegun | StepEnded) and event.direction:  # of a rollout
            boundaries.cross(f"{event.name} {event.step}")

    def crossing_write(ledger: store.Ledger, message: str, *arguments: Any) -> None:
        counts = ledger.environment == "production" and not message.startswith("renew lock")
        if counts:
            boundaries.cross(f"before writing: {message}")
        write(ledger, message, *arguments)
        if counts:
            boundaries.cross(f"written: {message}")

    events.Bus.emit = crossing_emit  # type: ignore[method-assign,assignment]
    store.Ledger.write = crossing_write  # type: ignore[method-assign,assignment]
    sys.argv = ["invoke", *sys.argv[3:]]
    interrupts.guarded(cli.main)


if __name__ == "__main__":
    main()
