"""Shows people what happens: steps with their seconds, rich on a terminal, plain lines when piped. The one place that
prints: results of verbs go to standard output, progress to standard error.
"""

from __future__ import annotations

import enum
import json
import os
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table
from rich.text import Text

from deploy import interrupts
from deploy.events.events import (
    Event,
    GateOverridden,
    Noted,
    PlatformUnavailable,
    RolloutNoted,
    RolloutTurned,
    Said,
    StepBegun,
    StepEnded,
    VerbEnded,
)
from deploy.events.times import StepTimes

LOG_LINES = 15
ENDLESS = 100_000  # columns
PROGRESS_VARIABLE = "CODECANVAS_PROGRESS"


class Progress(enum.StrEnum):
    """How progress is shown. AUTO is TEXT: a spinner on a terminal, plain lines in a pipe. JSON: one line an event."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def progress() -> Progress:
    """As --progress or CODECANVAS_PROGRESS says; the command line has refused other words."""
    return Progress(os.environ.get(PROGRESS_VARIABLE, Progress.AUTO))


class Teller:
    """A listener that tells people: a spinner and rich text on a terminal, plain lines in a pipe."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._open: list[str] = []
        self._status: Status | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case StepBegun(step=step):
                self._open.append(step)
                self._show(step)
            case StepEnded():
                self._end(event)
            case Said(text=text):
                self._say(text)
            case Noted(text=text):
                self._note(text)
            case RolloutTurned(reason=reason):
                self._say(f"rolling back: {reason}")
            case RolloutNoted(note=text):
                self._say(text)
            case GateOverridden(note=text):
                self._say(f"override: {text}")
            case PlatformUnavailable(problem=problem):
                self._note(f"the platform failed, not the release: {problem}; trying again")
            case VerbEnded():
                self.close()
                if event.problem:
                    self._failure(event)

    def close(self) -> None:
        """Take the spinner away."""
        self._show("")

    def _end(self, event: StepEnded) -> None:
        name = self._open.pop()
        if interrupts.asked():
            return  # one line is told at the end, and no step has failed
        mark = Text("✓ " if event.ok else "✗ ", style="green" if event.ok else "bold red")
        self.console.print(Text.assemble("  " * len(self._open), mark, name, (f"  {event.seconds:.1f} s", "dim")))
        self._show(self._open[-1] if self._open else "")

    def _note(self, text: str) -> None:
        """Beside the spinner on a terminal, a line of its own when piped."""
        if self.console.is_terminal and self._open:
            self._show(f"{self._open[-1]}: {text}")
        else:
            self.console.print(Text(f"{'  ' * len(self._open)}{text}", style="dim"))

    def _say(self, text: str) -> None:
        self.console.print(Text(f"{'  ' * len(self._open)}{text}"))

    def _failure(self, event: VerbEnded) -> None:
        """The error, the last lines of its log, and where the whole log is."""
        self.console.print(Text.assemble(("error: ", "bold red"), event.problem))
        log = Path(event.log)
        if event.log and log.exists():
            for line in log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                self.console.print(Text(f"  | {line}", style="dim"))
            self.console.print(Text(f"whole log: {log}"))

    def _show(self, text: str) -> None:
        if not self.console.is_terminal:
            return
        if self._status is None and text:
            self._status = self.console.status(Text(text))
            self._status.start()
        elif self._status is not None and text:
            self._status.update(Text(text))
        elif self._status is not None:
            self._status.stop()
            self._status = None


def steps_table(times: StepTimes) -> Table:
    """The steps and their seconds."""
    table = Table(show_edge=False, pad_edge=False, box=None)
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for step in times.by_begin():
        name = Text("  " * step.depth + step.name.rpartition(": ")[2])
        table.add_row(name if step.ok else name.append(" (failed)", style="red"), f"{step.seconds:.1f}")
    return table


def print_json(body: Any) -> None:
    """A result for scripts, on standard output."""
    sys.stdout.write(json.dumps(body, indent=2) + "\n")


def print_result(renderable: Any) -> None:
    """A result for people, on standard output.

    Nothing is cut off: on a terminal a table folds its columns to the width there is; in a pipe, which has no edge,
    each row is one line.
    """
    console = Console(highlight=False, soft_wrap=True)
    if isinstance(renderable, Table):
        for column in renderable.columns:
            column.overflow = "fold"
    if not console.is_terminal:
        console.width = ENDLESS
        console.width = max(1, Measurement.get(console, console.options, renderable).maximum)
    console.print(renderable)
