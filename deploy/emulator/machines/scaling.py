"""Auto stop and auto start: reads a machine's settings, and decides which machine is not needed.

As Fly's proxy: of an app that nobody has asked for a while, one machine after the other is stopped or suspended, down
to `min_machines_running`; a request that finds none running starts one. Only machines whose own configuration has
`autostop` on are ever stopped or started so; one that the edge does not know (cordoned, unregistered) is left alone.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import httpx

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.machines.fleet import Fleet, routable
from deploy.emulator.model import Machine, World

log = logging.getLogger("emulator.scaling")

UnderWay = Callable[[], Awaitable[Mapping[str, int]]]


def autostop(machine: Machine) -> str:
    """`off`, `stop` or `suspend`."""
    found = [service.get("autostop") for service in _services(machine)]
    words = {True: "stop", False: "off", None: "off"}
    chosen = [words.get(value, value) for value in found]
    return next((str(word) for word in chosen if word != "off"), "off")


def autostart(machine: Machine) -> bool:
    """May a request start it? Not where `autostop` is off: such a machine is stopped by people, who start it again."""
    return autostop(machine) != "off" and any(service.get("autostart") for service in _services(machine))


def minimum(machines: Iterable[Machine]) -> int:
    """How many of an app's machines keep running however idle."""
    return max((int(service.get("min_machines_running") or 0) for m in machines for service in _services(m)), default=0)


def surplus(machines: Iterable[Machine]) -> Machine | None:
    """The machine that an idle app can do without: the youngest above the minimum that may be stopped."""
    running = [machine for machine in machines if routable(machine)]
    if len(running) <= minimum(running):
        return None
    return next((machine for machine in reversed(running) if autostop(machine) != "off"), None)


def started_at(machine: Machine) -> float:
    """When it last started, in Unix time."""
    return next((event["timestamp"] / 1000 for event in machine.events if event["type"] == "start"), 0.0)


def _services(machine: Machine) -> list[dict[str, Any]]:
    return machine.config.get("services") or []


class Idler:
    """Stops machines of idle apps. `under_way` tells how many requests each address is serving now."""

    def __init__(self, world: World, fleet: Fleet, seconds: float, under_way: UnderWay) -> None:
        self._world, self._fleet, self._seconds, self._under_way = world, fleet, seconds, under_way
        self._busy_at: dict[str, float] = {}
        self.stopped: Callable[[str], None] = lambda machine: None  # called with a machine that was stopped just now
        self.also_at: Callable[[str], list[str]] = lambda app: []  # where else an app's requests may be on their way

    def asked(self, app: str) -> None:
        """A request for the app is about to be sent on."""
        self._busy_at[app] = time.time()

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(min(self._seconds / 4, 5.0))
            for app in list(self._world.apps):
                await self._look(app)

    async def _look(self, app: str) -> None:
        machines = self._world.machines_of(app)
        if self._lately(app, machines) or surplus(machines) is None:
            return
        if await self._serving(app, machines):
            self.asked(app)
            return
        chosen = surplus(machines)  # again: something may have happened meanwhile
        if chosen is None or self._lately(app, machines):
            return
        self._busy_at[app] = time.time()  # the next one only after another while
        log.info("app %s is idle: machine %s has %s", app, chosen.id, autostop(chosen))
        try:
            if autostop(chosen) == "suspend":
                self._fleet.suspend(chosen)
            else:
                self._fleet.stop(chosen, None, None)
            self.stopped(chosen.id)  # the proxy knows at once what it does itself
        except FlyRefusal as refused:
            log.info("not stopped: %s", refused)

    def _lately(self, app: str, machines: list[Machine]) -> bool:
        last = max([self._busy_at.get(app, 0.0), *(started_at(machine) for machine in machines)])
        return time.time() - last < self._seconds

    async def _serving(self, app: str, machines: list[Machine]) -> bool:
        own = {machine.private_ip for machine in machines} | set(self.also_at(app))
        try:
            counts = await self._under_way()
        except httpx.HTTPError:
            return True  # the edge is busy with itself; look again later
        return any(count and address.rpartition(":")[0] in own for address, count in counts.items())
