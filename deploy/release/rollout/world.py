"""What the platform shows at one moment, as values. Decisions are made from this and the intent, nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

ASLEEP = frozenset({"stopped", "suspended", "stopping", "suspending"})
FAILED = frozenset({"failed", "launch_failed"})


@dataclass(frozen=True)
class Seen:
    """A machine. `launch` and `number` are the key with which it was created; `traffic` whether the edge may use it."""

    id: str
    launch: str
    number: int
    state: str
    healthy: bool
    digest: str
    traffic: bool
    noted: bool | None = None
    """What its label says of `traffic`, which the platform knows better; None: the label is all that is known."""
    reachable: bool = True
    """Whether the platform reaches the machine's host; a machine on a dead host can be neither used nor changed."""
    exits: int = 0
    """How often its program has exited on its own since it was last started."""
    region: str = ""
    """Where it is; "" where the platform does not say, as of a machine on a lost host."""

    @property
    def agrees(self) -> bool:
        """Whether its label says what the platform says."""
        return self.noted in (None, self.traffic)

    @property
    def admitted(self) -> bool:
        """In traffic, and labelled so: nothing is left to do to let it in.

        A machine that was created without being registered gets no requests and may not count as cordoned either. So
        one that is to serve is let in whenever its label says that it was not: that may be done twice.
        """
        return self.traffic and self.agrees

    @property
    def withdrawn(self) -> bool:
        """Out of traffic, and labelled so."""
        return not self.traffic and self.agrees

    @property
    def asleep(self) -> bool:
        """Stopped on purpose or by itself; it can be started."""
        return self.state in ASLEEP

    @property
    def failed(self) -> bool:
        """Whether it cannot start any more without being replaced."""
        return self.state in FAILED


@dataclass(frozen=True)
class World:
    """An environment as seen. `page` is the digest of the page that is published; "" for none or another's.

    The rest is what this run did or met itself and no look can show: machines that the edge was seen to use
    (`reached`), and to use no more (`quiet`); machines that have had time to finish their requests; how often each was
    started or each place filled; machines that cannot be reached, which are left alone (`unusable`); and how often each
    region had no room for one more (`full`; its key is "" where the release names no region).
    """

    machines: tuple[Seen, ...]
    page: str
    reached: frozenset[str] = frozenset()
    quiet: frozenset[str] = frozenset()
    drained: frozenset[str] = frozenset()
    starts: Mapping[str, int] = field(default_factory=dict)
    creations: Mapping[int, int] = field(default_factory=dict)
    unusable: frozenset[str] = frozenset()
    full: Mapping[str, int] = field(default_factory=dict)

    def of(self, launch: str) -> list[Seen]:
        """The machines of one launch, by number, the healthiest of a number first."""
        return sorted(
            (machine for machine in self.machines if machine.launch == launch),
            key=lambda machine: (machine.number, not machine.traffic, not machine.healthy, machine.id),
        )
