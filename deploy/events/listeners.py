"""Who listens to a rollout: people (the Teller) and machines (a structured log, a line of JSON an event)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, TextIO

import structlog

from deploy.events.bus import Event, Listener
from deploy.events.console import Teller

LOG = "steps.jsonl"


def told_to(teller: Teller) -> Listener:
    """Steps as people read them, and what turns a rollout."""

    def listen(event: Event) -> None:
        if event.name == "step.begun":
            teller.begin(event.fields["step"])
        elif event.name == "step.ended":
            teller.end(ok=event.fields["ok"])
        elif event.name == "rollout.turned":
            teller.say(f"turns back: {event.fields['reason']}")
        elif event.name == "platform.unavailable":
            teller.note(f"the platform, not the release: {event.fields['problem']}; trying again")

    return listen


def logged_to(stream: TextIO) -> Listener:
    """Each event as one line of JSON: time, event, environment, deployment, and what it carries."""
    logger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )

    def listen(event: Event) -> None:
        level = logging.WARNING if event.fields.get("ok") is False or event.name in LOUD else logging.INFO
        fields: dict[str, Any] = {"environment": event.environment, "deployment": event.deployment, **event.fields}
        getattr(logger, logging.getLevelName(level).lower())(event.name, **fields)

    return listen


LOUD = frozenset({"rollout.turned", "rollout.stopped", "escalation", "platform.unavailable", "override"})


def kept_in(logs: Path) -> TextIO:
    """The structured log's file, opened to append."""
    logs.mkdir(parents=True, exist_ok=True)
    return (logs / LOG).open("a", buffering=1, encoding="utf-8")
