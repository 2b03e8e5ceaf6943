"""Tells people what happens: steps with their seconds, rich on a terminal, plain lines when piped. The one place that
prints progress; results of verbs go to standard output, progress to standard error.
"""

from __future__ import annotations

import enum
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.status import Status
from rich.table import Table
from rich.text import Text

from deploy import interrupts
from deploy.errors import DeployError

LOG_LINES = 15
ENDLESS = 100_000  # columns
ENDLESS = 100_000  # columns
PROGRESS_VARIABLE = "CODECANVAS_PROGRESS"


class Progress(enum.StrEnum):
    """How steps are told. AUTO: a rollout's as text on a terminal and as lines of JSON in a pipe."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"


def progress() -> Progress:
    """As --progress or CODECANVAS_PROGRESS says; the command line has refused other words."""
    return Progress(os.environ.get(PROGRESS_VARIABLE, Progress.AUTO))


@dataclass(frozen=True)
class StepTime:
    """A step that ended; `depth` 0 is a step of the verb itself."""

    name: str
    ok: bool
    seconds: float
    depth: int

    def to_json(self) -> dict[str, Any]:
        """As reports hold it."""
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 2)}


class Teller:
    """Tells of steps as they happen and remembers their times."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self.json_steps = False
        """Whether a rollout's steps are told as lines of JSON: for machines that read a pipe."""
        self.steps: list[StepTime] = []
        self._open: list[str] = []
        self._begun: list[float] = []
        self._status: Status | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A named step; its end is told with its seconds, its failure marked, and the error goes on."""
        self.begin(name)
        ok = False
        try:
            yield
            ok = True
        finally:
            self.end(ok=ok)

    def begin(self, name: str) -> None:
        """A step begins."""
        self._open.append(name)
        self._begun.append(time.monotonic())
        self._show(name)

    def end(self, *, ok: bool) -> None:
        """The step that began last ends."""
        name, seconds = self._open.pop(), time.monotonic() - self._begun.pop()
        depth = len(self._open)
        path = ": ".join([*self._open, name])
        self.steps.append(StepTime(path, ok, seconds, depth))
        if interrupts.asked():
            return  # one line is told at the end, and no step has failed
        mark = Text("✓ " if ok else "✗ ", style="green" if ok else "bold red")
        self._line(Text.assemble("  " * depth, mark, name, (f"  {seconds:.1f} s", "dim")))
        self._show(self._open[-1] if self._open else "")

    def note(self, text: str) -> None:
        """What happens within a step: beside the spinner on a terminal, a line of its own when piped."""
        if self.console.is_terminal and self._open:
            self._show(f"{self._open[-1]}: {text}")
        else:
            self._line(Text(f"{'  ' * len(self._open)}{text}", style="dim"))

    def say(self, text: str) -> None:
        """A line that stays."""
        self._line(Text(f"{'  ' * len(self._open)}{text}"))

    def failure(self, error: DeployError) -> None:
        """The error, the last lines of its log, and where the whole log is."""
        self._show("")
        self.console.print(Text.assemble(("error: ", "bold red"), str(error)))
        if error.log is not None and error.log.exists():
            for line in error.log.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                self.console.print(Text(f"  | {line}", style="dim"))
            self.console.print(Text(f"whole log: {error.log}"))

    def table(self) -> None:
        """The steps and their seconds."""
        table = Table(show_edge=False, pad_edge=False, box=None)
        table.add_column("step")
        table.add_column("seconds", justify="right")
        for step in sorted_by_begin(self.steps):
            name = Text("  " * step.depth + step.name.rpartition(": ")[2])
            table.add_row(name if step.ok else name.append(" (failed)", style="red"), f"{step.seconds:.1f}")
        self.console.print(table)

    def close(self) -> None:
        """Take the spinner away."""
        self._show("")

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

    def _line(self, text: Text) -> None:
        self.console.print(text)


def sorted_by_begin(steps: list[StepTime]) -> list[StepTime]:
    """Steps in the order they began: a parent ends after its children, and is listed before them."""
    ordered: list[StepTime] = []
    waiting: list[StepTime] = []
    for step in steps:
        waiting.append(step)
        if step.depth == 0:
            ordered.append(step)
            ordered.extend(s for s in waiting if s is not step)
            waiting = []
    return ordered + waiting


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
