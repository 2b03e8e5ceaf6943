"""What the proxy believes of the machines: the truth of some seconds ago.

The provider's proxies learn by gossip. For seconds they send nothing to a machine that was just started or uncordoned,
and go on sending to one that was just cordoned, stopped or destroyed. What the proxy itself does to a machine it knows
at once. An address that another machine has been given meanwhile is not used: containers share a few addresses, the
provider's machines do not.

Two rules (`faults`) change it while the emulator runs: `lag` says by how many seconds a machine is seen late, and of a
machine that `unseen` names the proxy never learns.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy.emulator.edge.regions import chosen
from deploy.emulator.model import Machine, World

KEPT_SECONDS = 300.0
"""How far back a rule may set the proxy's knowledge."""


@dataclass(frozen=True)
class Place:
    """Where a machine takes requests."""

    app: str
    address: str
    port: int
    region: str = ""


class View:
    """Notes at every change where each machine takes requests.

    `place_of` is the truth, None for nowhere; `lag_of` says how many seconds late a machine is seen, None for never.
    """

    def __init__(
        self,
        world: World,
        place_of: Callable[[Machine], Place | None],
        lag_of: Callable[[Machine], float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._world, self._place_of, self._lag_of, self._clock = world, place_of, lag_of, clock
        self._known: dict[str, deque[tuple[float, Place | None]]] = {}
        self._last: dict[str, Machine] = {}  # those that are gone from the world are seen late as well

    def note(self) -> None:
        """Remember what has changed since the last call."""
        now = self._clock()
        for machine in self._world.machines.values():
            self._last[machine.id] = machine
            self._add(machine.id, now, self._place_of(machine))
        for gone in self._known.keys() - self._world.machines.keys():
            self._add(gone, now, None)
        for id_, places in list(self._known.items()):
            while len(places) > 1 and places[1][0] < now - KEPT_SECONDS:
                places.popleft()
            if len(places) == 1 and places[0][1] is None and id_ not in self._world.machines:
                del self._known[id_], self._last[id_]

    def catch_up(self, machine: str = "") -> None:
        """The proxy knows the present of one machine, or of all: it has just done something to it, or just begun."""
        self.note()
        for id_ in [machine] if machine else list(self._known):
            if id_ in self._known:
                self._known[id_] = deque([(0.0, self._known[id_][-1][1])])

    def addresses(self, app: str, port: int, instance: str = "", near: Sequence[str] = ()) -> list[str]:
        """Where the proxy sends requests for `app` on `port`: to one machine, or to those of one region.

        `near` are regions, the nearest first; what is in none of them comes last.
        """
        return chosen([(place.region, place.address) for place in self.places(app, port, instance)], near)

    def places(self, app: str, port: int, instance: str = "") -> list[Place]:
        """Where the proxy could send requests for `app` on `port`, in any region; `instance`: this machine alone."""
        self.note()
        owners = {found.address: id_ for id_, places in self._known.items() if (found := places[-1][1])}
        used: list[Place] = []
        for id_ in self._known:
            place = self._seen(id_) if instance in ("", id_) else None
            if place and (place.app, place.port) == (app, port) and owners.get(place.address, id_) == id_:
                used.append(place)
        return used

    def _add(self, id_: str, now: float, place: Place | None) -> None:
        places = self._known.setdefault(id_, deque([(0.0, None)]))
        if places[-1][1] != place:
            places.append((now, place))

    def _seen(self, id_: str) -> Place | None:
        lag = self._lag_of(self._last[id_])
        if lag is None:
            return None
        moment = self._clock() - lag
        return next((place for at, place in reversed(self._known[id_]) if at <= moment), None)
