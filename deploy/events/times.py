"""Measures how long steps took: for a verb's report and table, and for the rollout's record in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from deploy.events.events import Event, StepBegun, StepEnded, TrafficMoved

SWITCHED = "all traffic moved"


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


class StepTimes:
    """A listener that remembers every step; `steps` in the order they ended, names with those of the open ones."""

    def __init__(self) -> None:
        self.steps: list[StepTime] = []
        self._open: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepBegun):
            self._open.append(event.step)
        elif isinstance(event, StepEnded):
            self._open.pop()
            path = ": ".join([*self._open, event.step])
            self.steps.append(StepTime(path, event.ok, event.seconds, len(self._open)))

    def by_begin(self) -> list[StepTime]:
        """In the order they began: a parent ends after its children, and is listed before them."""
        ordered: list[StepTime] = []
        waiting: list[StepTime] = []
        for step in self.steps:
            waiting.append(step)
            if step.depth == 0:
                ordered.append(step)
                ordered.extend(s for s in waiting if s is not step)
                waiting = []
        return ordered + waiting


class Spans:
    """A listener that keeps a rollout's steps and seconds for the ledger."""

    def __init__(self) -> None:
        self._spans: list[tuple[str, float]] = []
        self._moved: float | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepEnded) and event.ok:
            self._spans.append((event.step, event.seconds))
        elif isinstance(event, TrafficMoved):
            self._moved = event.seconds

    def summed(self) -> tuple[tuple[str, float], ...]:
        """Spans in order; when all traffic had moved comes last."""
        return (*self._spans, *(((SWITCHED, self._moved),) if self._moved is not None else ()))
