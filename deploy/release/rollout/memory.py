"""What one run of the engine remembers between looks, and no look at the platform can show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.release.rollout.world import Seen, World


@dataclass
class Memory:
    """What this run itself did and saw. A run that resumes starts without it: that costs time, never correctness."""

    reached: set[str] = field(default_factory=set)
    """Machines that the edge was seen to use."""
    withdrawn: set[str] = field(default_factory=set)
    quiet: dict[str, float] = field(default_factory=dict)
    """By machine: since when, in monotonic time, the edge was seen to use it no more."""
    drained: set[str] = field(default_factory=set)
    starts: Counter[str] = field(default_factory=Counter)
    creations: Counter[int] = field(default_factory=Counter)
    waiting: dict[tuple[str, ...], float] = field(default_factory=dict)
    """By what is waited for: since when, in monotonic time."""
    made: set[str] = field(default_factory=set)
    touched: dict[str, float] = field(default_factory=dict)
    """When each machine was changed last, or awaited (monotonic)."""
    gone: set[str] = field(default_factory=set)
    unusable: set[str] = field(default_factory=set)
    full: Counter[str] = field(default_factory=Counter)
    """By region: how often it had no room."""
    moved: float = 0.0
    """When, in monotonic time, traffic or the page was last seen to have moved."""
    failures: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By step: how often in a row it failed, and the monotonic time of the first failure."""
    ours: tuple[str, ...] = ()
    """Usable machines of the release moved towards, as last seen."""
    images: dict[str, str] = field(default_factory=dict)
    """By machine: the digest that it runs, as last seen."""
    regions: dict[str, str] = field(default_factory=dict)
    """By machine: where it is, as last seen."""
    asked: str = ""
    """The machine that was asked for last."""
    page: str | None = None
    """As last read. Under the lock only this run changes it, so it is read again only after a change."""

    def world(self, machines: tuple[Seen, ...], page: str) -> World:
        """What the platform shows, with what only this run knows."""
        return World(
            machines,
            page,
            frozenset(self.reached),
            frozenset(self.quiet),
            frozenset(self.drained),
            self.starts,
            self.creations,
            frozenset(self.unusable),
            self.full,
        )

    def let_in(self, machine: str) -> None:
        """It is about to be let into traffic: what was seen of it while it was out of it counts no more."""
        self.withdrawn.discard(machine)
        self.quiet.pop(machine, None)
        self.drained.discard(machine)

    def taken_out(self, machine: str) -> None:
        """It was withdrawn."""
        self.withdrawn.add(machine)
        self.reached.discard(machine)

    def starts_anew(self, machines: Iterable[str]) -> None:
        """They were not serving just now: the edge may have dropped them, and has to be seen to use them again."""
        self.reached.difference_update(machines)
