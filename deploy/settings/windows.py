"""Weekly time windows in a time zone: `Fri 16:00 - Mon 08:00 Europe/Berlin`.

A window is resolved to instants before anything is compared: by the wall alone, an hour that a clock change repeats
would end it twice. Where a clock change gives an edge two instants, the window takes the longer stretch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY, WEEK = 1440, 7 * 1440
SHAPE = re.compile(r"(\w{3}) (\d\d:\d\d) ?- ?(\w{3}) (\d\d:\d\d) (\S+)")


@dataclass(frozen=True)
class WeeklyWindow:
    """From `start` up to, and without, `end`: minutes since Monday's midnight; an earlier `end` is next week's."""

    text: str
    start: int
    end: int
    zone: tzinfo

    def end_of(self, now: datetime) -> datetime | None:
        """When the window that `now` lies in ends; None outside of it."""
        today = now.astimezone(self.zone).date()
        for back in range(9):
            begins = today - timedelta(days=back)
            if begins.weekday() != self.start // DAY:
                continue
            start, end = self._instants(begins)
            if start <= now < end:
                return end
        return None

    def _instants(self, begins: date) -> tuple[datetime, datetime]:
        minute = self.start % DAY
        length = (self.end - self.start) % WEEK
        return min(_resolved(begins, minute, self.zone)), max(_resolved(begins, minute + length, self.zone))


def _resolved(day: date, minute: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """Both instants that a wall clock's time may mean; they are one except at a clock change."""
    wall = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(minutes=minute)
    return wall.replace(fold=0).astimezone(UTC), wall.replace(fold=1).astimezone(UTC)


def parse_windows(text: str) -> tuple[WeeklyWindow, ...]:
    """Windows separated by `;`, or `none`; raises ValueError with what is wrong."""
    if text.strip() in ("", "none"):
        return ()
    return tuple(_window(" ".join(part.split())) for part in text.split(";"))


def _window(text: str) -> WeeklyWindow:
    found = SHAPE.fullmatch(text)
    if not found:
        raise ValueError(f"has {text!r}, which is no window such as 'Fri 16:00 - Mon 08:00 Europe/Berlin'")
    start, end = _minute(found[1], found[2]), _minute(found[3], found[4])
    if start == end:
        raise ValueError(f"has {text!r}, which ends when it begins")
    return WeeklyWindow(text, start, end, _zone(found[5]))


def _minute(day: str, clock: str) -> int:
    if day not in DAYS:
        raise ValueError(f"has the day {day!r}; days are {', '.join(DAYS)}")
    hour, minute = (int(part) for part in clock.split(":"))
    if minute > 59 or hour * 60 + minute > DAY:
        raise ValueError(f"has the time {clock!r}; times are 00:00 to 24:00")
    return (DAYS.index(day) * DAY + hour * 60 + minute) % WEEK


def _zone(name: str) -> tzinfo:
    if name == "UTC":  # needs no time zone data, which a small machine may lack
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"has the time zone {name!r}, unknown on this machine; use UTC, a name such as Europe/Berlin, "
            "or install the package tzdata"
        ) from None
