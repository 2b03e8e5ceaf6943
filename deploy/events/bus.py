"""The event stream of a verb. The CLI's wrapper opens it; all code below emits to it.

Listeners cannot break or delay what they are told of: one that raises is told nothing more, and one that is put
`Aside` has a thread of its own and is waited for a moment only.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from deploy.events.events import Event, Noted, Said, StepBegun, StepEnded

Listener = Callable[[Event], None]

PATIENCE = 0.05
"""Seconds that an event waits for a listener with a thread of its own; longer, and it is not waited for again until it
has caught up."""
WAITING = 10_000
"""Events that may wait for such a listener; while the queue is full, further events are dropped for it."""


class Bus:
    """Carries events to listeners, in order. `about` gives one whose events carry an environment and a deployment."""

    def __init__(self, *listeners: Listener, environment: str = "", deployment: str = "") -> None:
        self._listeners = list(listeners)
        self._about = {"environment": environment, "deployment": deployment}

    def about(self, environment: str, deployment: str = "") -> Bus:
        """The same stream; its events carry this environment and deployment."""
        return self._with(self._listeners, environment, deployment)

    def also(self, listener: Listener) -> Bus:
        """The same stream with one more listener, which hears only what is emitted here."""
        return self._with([*self._listeners, listener], **self._about)

    def _with(self, listeners: list[Listener], environment: str, deployment: str) -> Bus:
        bus = Bus(environment=environment, deployment=deployment)
        bus._listeners = listeners
        return bus

    def emit(self, event: Event) -> None:
        """Tell all listeners."""
        missing = {key: value for key, value in self._about.items() if value and not getattr(event, key)}
        if missing:
            event = msgspec.structs.replace(event, **missing)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                self._listeners.remove(listener)

    def say(self, text: str) -> None:
        """Emit a message that stays on the screen."""
        self.emit(Said(text=text))

    def note(self, text: str) -> None:
        """Emit progress within a step."""
        self.emit(Noted(text=text))

    @contextlib.contextmanager
    def step(self, text: str, *, direction: str = "", clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
        """Emit a step's begin, and its end with the seconds by `clock` and whether it succeeded."""
        self.emit(StepBegun(step=text, direction=direction))
        begun = clock()
        problem = ""
        try:
            yield
        except BaseException as failed:
            problem = str(failed) or type(failed).__name__
            raise
        finally:
            seconds = round(clock() - begun, 3)
            ended = StepEnded(step=text, direction=direction, seconds=seconds, ok=not problem, problem=problem[:500])
            self.emit(ended)


class Aside:
    """A listener in a thread of its own: however slow it is, it delays an emitter by PATIENCE at most."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._events: queue.SimpleQueue[tuple[Event | None, threading.Event]] = queue.SimpleQueue()
        self._last = threading.Event()
        self._slow = False
        self.missed = 0
        """Events that the listener did not get, because its queue was full or it had failed."""
        self._broken = False
        threading.Thread(target=self._listen, name="events", daemon=True).start()

    def __call__(self, event: Event) -> None:
        if self._broken or self._events.qsize() >= WAITING:
            self.missed += 1
            return
        self._put(event)
        if self._slow and self._events.qsize() > 1:
            return
        self._slow = not self._last.wait(PATIENCE)

    def close(self, seconds: float) -> bool:
        """Wait, at most `seconds`, until the listener got all events; returns whether it did."""
        self._put(None)
        return self._last.wait(seconds)

    def _put(self, event: Event | None) -> None:
        self._last = threading.Event()
        self._events.put((event, self._last))

    def _listen(self) -> None:
        while True:
            event, delivered = self._events.get()
            if event is not None and not self._broken:
                try:
                    self._listener(event)
                except Exception:
                    self._broken = True
            delivered.set()


COMMON = ("environment", "deployment")


def fields_of(event: Event) -> dict[str, Any]:
    """An event's kind and fields by name, less what is empty of the common ones."""
    fields = {key: value for key, value in msgspec.structs.asdict(event).items() if value or key not in COMMON}
    return {"event": event.name, **fields}
