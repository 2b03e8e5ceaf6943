"""The regions in which an environment has machines: `fra,iad:2`."""

from __future__ import annotations

import re
from dataclasses import dataclass

AUTO = "auto"
MOST = 99
"""Machines of one region: more is a slip of the keyboard."""
SHAPE = re.compile(r"([a-z]{3})(?::([0-9]{1,3}))?")


@dataclass(frozen=True)
class RegionCount:
    """A region's code of three letters, and how many machines a release has there; 0: as many as fly.toml says."""

    region: str
    count: int = 0


def parse_regions(text: str) -> tuple[RegionCount, ...]:
    """Regions separated by commas, each with a count or without; none for `auto`. Raises ValueError with what is wrong.

    `fra,iad:2` → (fra, 0), (iad, 2).
    """
    if text.strip() == AUTO:
        return ()
    found = tuple(map(_region, text.split(",")))
    names = [each.region for each in found]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ValueError(f"names {twice} twice; write it once, with the count of both")
    return found


def _region(part: str) -> RegionCount:
    match = SHAPE.fullmatch(part.strip())
    if match is None:
        raise ValueError(f"has {part.strip()!r} where a region belongs; write three small letters, or fra:2")
    if match[2] is not None and not 1 <= int(match[2]) <= MOST:
        raise ValueError(f"has {part.strip()!r}: a region has 1 to {MOST} machines; leave out one that is to have none")
    return RegionCount(match[1], int(match[2] or 0))
