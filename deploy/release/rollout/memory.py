"""What one run of the engine remembers between looks, and no look at the platform can show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Memory:
    """What this run itself did and saw. A run that resumes starts without it: that costs time, never correctness."""

    drained: set[str] = field(default_factory=set)
    withdrawn: dict[str, float] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    creations: Counter[int] = field(default_factory=Counter)
    waiting: dict[tuple[str, ...], float] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    touched: dict[str, float] = field(default_factory=dict)
    """When each machine was changed last, or awaited (monotonic)."""
    gone: set[str] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)
    full: int = 0
    failures: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By step: how often in a row it failed, and the monotonic time of the first failure."""
    ours: tuple[str, ...] = ()
    """Usable machines of the release moved towards, as last seen."""
    asked: str = ""
    """The machine that was asked for last."""
    page: str | None = None
    """As last read. Under the lock only this run changes it, so it is read again only after a change."""
