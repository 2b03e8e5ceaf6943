"""How long a rollout waits, and for what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MANY_PROXIES_SECONDS = 10.0
"""How long the provider's proxies may take to learn of a machine that came or went.

Only those near the deployer are asked, and theirs is the only answer that it sees: the others get as long as the
provider's own tool gives all of them: 10 s before it withdraws the old machines, and 10 s before it stops them.
"""
ONE_PROXY_SECONDS = 0.5
"""The same where the proxy that is asked is the only one, as in a rehearsal; it caches for less."""

STARTING_SECONDS = 5.0
"""How long one request to the platform waits for a machine to start. Short: a machine that fails must be seen soon."""


@dataclass(frozen=True)
class Pace:
    """Time limits in seconds.

    `poll`, `longest_poll`: the pause between two looks at a machine, for each machine, growing: the platform allows
    five a second, and ten at once. `budget`: how long the platform may be unreachable before the run stops. `proxies`:
    how long at least a machine is in traffic, or out of it, before the rollout relies on it. `edge`: how long the edge
    may take to follow; `blind`: how long a rollback waits for an edge that cannot be asked from here. `settle`: how
    long after its first look a run that takes over looks once more before it ends, as lists may be older than that.
    """

    health: float = 120
    poll: float = 0.1
    longest_poll: float = 2
    drain: float = 5
    budget: float = 120
    first_pause: float = 0.5
    longest_pause: float = 15
    proxies: float = MANY_PROXIES_SECONDS
    edge: float = 90
    blind: float = 2 * MANY_PROXIES_SECONDS
    settle: float = 5

    def pauses(self, machines: int) -> Iterator[float]:
        """The pauses between looks at so many machines, longer each time."""
        pause = self.poll
        while True:
            yield pause * machines
            pause = min(pause * 1.5, self.longest_poll / machines)
