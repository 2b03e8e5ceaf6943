"""What happens in a rollout, told to whoever listens: people, the structured log, the ledger's spans, alerts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something that happened. `name` is `step.begun`, `step.ended`, `rollout.begun`, `escalation`, …"""

    name: str
    environment: str
    deployment: str
    fields: dict[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


class Bus:
    """Carries events to listeners, in order, in the thread that emits them."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def emit(self, name: str, environment: str, deployment: str, **fields: Any) -> None:
        """Tell all listeners."""
        event = Event(name, environment, deployment, fields)
        for listener in self._listeners:
            listener(event)

    @contextlib.contextmanager
    def step(self, text: str, environment: str, deployment: str, **fields: Any) -> Iterator[None]:
        """Tell of a step's beginning, and of its end with its seconds and whether it went well."""
        self.emit("step.begun", environment, deployment, step=text, **fields)
        begun = time.monotonic()
        problem = ""
        try:
            yield
        except BaseException as failed:
            problem = str(failed) or type(failed).__name__
            raise
        finally:
            seconds = time.monotonic() - begun
            outcome = {"seconds": round(seconds, 3), "ok": not problem, "problem": problem[:500]}
            self.emit("step.ended", environment, deployment, step=text, **fields, **outcome)
