"""Writes the structured log: one line of JSON for each event, with time and level, to a file or to a pipe."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import msgspec

from deploy.events.bus import Listener, fields_of
from deploy.events.events import (
    Escalation,
    Event,
    GateOverridden,
    GateRefused,
    PlatformUnavailable,
    RolloutStopped,
    RolloutTurned,
)

LOG = "events.jsonl"
LOUD = (Escalation, GateOverridden, GateRefused, PlatformUnavailable, RolloutStopped, RolloutTurned)
"""Logged as warnings because a person should know, as is whatever did not go well (`ok` is false)."""
LARGEST = 10_000_000
"""Bytes after which a log is put aside as `events.jsonl.1`; the one that was there goes."""


def logged_to(stream: TextIO) -> Listener:
    """Each event as one line of JSON: time, level, event, and what it carries."""

    def listen(event: Event) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        loud = isinstance(event, LOUD) or getattr(event, "ok", True) is False
        line = {"timestamp": moment, "level": "warning" if loud else "info", **fields_of(event)}
        stream.write(msgspec.json.encode(line).decode() + "\n")
        stream.flush()

    return listen


def kept_in(logs: Path) -> Listener:
    """The log of all verbs in `logs`, opened for each event: others write to it too, and it may be removed."""

    def listen(event: Event) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        file = logs / LOG
        with contextlib.suppress(FileNotFoundError):
            if file.stat().st_size > LARGEST:
                file.replace(logs / f"{LOG}.1")
        with file.open("a", encoding="utf-8") as stream:
            logged_to(stream)(event)

    return listen
