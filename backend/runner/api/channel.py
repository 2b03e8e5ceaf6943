"""Buffers the events of a run for a client that may read more slowly than the program writes.

A listener must not block, and a slow client must not make the service's memory grow. So output that waits is joined
into one event: the buffer holds at most the run's output limit and a few other events.
"""

from __future__ import annotations

import asyncio
import binascii
import codecs
from typing import Any

import msgspec

from backend.runner.api.answers import compile_answer
from backend.runner.api.models import Encoding
from backend.runner.execution.listener import Controls
from backend.runner.execution.outcome import CompileReport

Event = tuple[str, dict[str, Any]]
"""Type and content of an event."""


class Channel:
    """A listener from which a client takes events in order. Belongs to one event loop."""

    def __init__(self, encoding: Encoding) -> None:
        self._events: list[tuple[str, Any]] = []
        self._ready = asyncio.Event()
        self._encoding = encoding
        self._joiners = {name: Joiner(encoding) for name in ("stdout", "stderr")}
        self.controls: Controls | None = None
        """What may be done to the program, once it runs."""

    def phase(self, name: str, compiled: CompileReport | None = None) -> None:
        """A step begins; the compiler's report comes with the phase "run", before any output of the program."""
        answer = compile_answer(compiled, self._encoding)
        report = {} if answer is None else {"compile": msgspec.to_builtins(answer)}
        self._put("phase", {"phase": name, **report})

    def output(self, stream: str, data: bytes) -> None:
        """The program wrote `data`; joined to what waits already, where that is of the same stream."""
        if self._events and self._events[-1][0] == stream:
            self._events[-1][1].extend(data)
        else:
            self._put(stream, bytearray(data))

    def started(self, controls: Controls) -> None:
        """The program runs."""
        self.controls = controls
        self._put("started", None)

    def finish(self) -> None:
        """The run is over: wake whoever waits for events."""
        self._ready.set()

    def _put(self, kind: str, content: Any) -> None:
        self._events.append((kind, content))
        self._ready.set()

    async def wait(self) -> None:
        """Return once there are events to take, or the run is over."""
        await self._ready.wait()

    def take(self) -> list[Event]:
        """Take all events that wait."""
        events, self._events = self._events, []
        self._ready.clear()
        taken: list[Event] = []
        for kind, content in events:
            if kind == "phase":
                taken.append(("phase", content))
            elif kind != "started":
                taken += [("output", {"stream": kind, **part}) for part in self._joiners[kind].feed(content)]
        return taken

    def rest(self) -> list[Event]:
        """The events for bytes of characters that the program never completed."""
        return [
            ("output", {"stream": name, **part}) for name, joiner in self._joiners.items() for part in joiner.flush()
        ]


class Joiner:
    """Splits bytes into valid and invalid UTF-8. A character that arrives in two pieces is joined."""

    def __init__(self, encoding: Encoding) -> None:
        self._text = encoding == "utf-8"
        self._pending = b""

    def feed(self, data: bytes | bytearray) -> list[dict[str, str]]:
        """What can be sent now: nothing, or one part with `data`, and with `encoding` if `data` is Base64."""
        whole, self._pending = self._pending + data, b""
        if not self._text:
            return [_base64(whole)]
        try:
            text, used = codecs.utf_8_decode(whole, "strict", False)
        except UnicodeDecodeError:
            return [_base64(whole)]
        self._pending = whole[used:]
        return [{"data": text}] if text else []

    def flush(self) -> list[dict[str, str]]:
        """The part that is left at the end of the output."""
        rest, self._pending = self._pending, b""
        return [_base64(rest)] if rest else []


def _base64(data: bytes) -> dict[str, str]:
    return {"data": binascii.b2a_base64(data, newline=False).decode("ascii"), "encoding": "base64"}
