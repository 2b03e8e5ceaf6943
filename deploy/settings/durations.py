"""Reads times as people write them: durations (30s, 15m, 12h, 3d), and moments (2026-03-01T08:00, or a duration)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Read a duration; raises ValueError with what is wrong."""
    found = re.fullmatch(r"([0-9]{1,5})([smhd])", text.strip())
    if not found:
        raise ValueError("is not a duration such as 30s, 15m, 12h or 3d")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def parse_moment(text: str, base: datetime) -> datetime:
    """A moment: ISO 8601 (of this machine's time zone when it names none), or a stretch of time after `base`.

    Raises ValueError with what is wrong.
    """
    try:
        return base + parse_duration(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
        return moment if moment.tzinfo else moment.astimezone()
    except ValueError:
        raise ValueError("is neither a moment such as 2026-03-01T08:00+01:00 nor a duration such as 2h or 3d") from None


def write_moment(moment: datetime) -> str:
    """A moment for people: to the minute, in this machine's time zone."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
