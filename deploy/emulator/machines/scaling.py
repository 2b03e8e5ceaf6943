"""Auto stop and auto start: reads a machine's settings, and decides which machine is not needed.

As Fly's proxy: every few minutes it looks how many of an app's machines in a region work on more requests than their
soft limit. One more than these is enough; of what is beyond, one machine is stopped or suspended each time, the least
busy first, however busy the app is. `min_machines_running` counts in the primary region alone; elsewhere, and without
it, the last one is stopped when nobody has asked there for a while. A request that finds none running starts one. Only
machines whose own configuration has `autostop` on are ever stopped, and `autostart` started, which does not depend on
it. What the edge does not know (cordoned, unregistered) is left alone.
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
    """May a request start it? Also where `autostop` is off, and people or its own end have stopped it."""
    return any(service.get("autostart") for service in _services(machine))


def minimum(machines: Iterable[Machine]) -> int:
    """How many of an app's machines in one region keep running however idle: some in its primary one, else none."""
    there = [machine for machine in machines if _primary(machine) in (machine.region, "")]
    return max((int(service.get("min_machines_running") or 0) for m in there for service in _services(m)), default=0)


def _primary(machine: Machine) -> str:
    """The app's primary region as its fly.toml says; "" if none does."""
    return str((machine.config.get("env") or {}).get("PRIMARY_REGION") or "")


def surplus(machines: Iterable[Machine], load: Mapping[str, int]) -> Machine | None:
    """The machine that an app's region can do without, if any. `load`: how many requests each address works on."""
    running = [machine for machine in machines if routable(machine)]
    over = sum(load.get(machine.private_ip, 0) > soft_limit(machine) for machine in running)
    if len(running) <= max(minimum(running), over + 1):
        idle_one = len(running) == 1 and minimum(running) == 0 and not load.get(running[0].private_ip)
        if not idle_one:
            return None
    stoppable = [machine for machine in reversed(running) if autostop(machine) != "off"]
    return min(stoppable, key=lambda machine: load.get(machine.private_ip, 0), default=None)


def soft_limit(machine: Machine) -> int:
    """How many requests it works on before another machine is wanted; the provider's own default without a setting."""
    found = [(service.get("concurrency") or {}).get("soft_limit") for service in _services(machine)]
    return min((int(limit) for limit in found if limit), default=20)


def started_at(machine: Machine) -> float:
    """When it last started, in Unix time."""
    return next((event["timestamp"] / 1000 for event in machine.events if event["type"] == "start"), 0.0)


def _services(machine: Machine) -> list[dict[str, Any]]:
    return machine.config.get("services") or []


class Idler:
    """Stops machines that are not needed. `under_way` tells how many requests each address is serving now."""

    def __init__(self, world: World, fleet: Fleet, seconds: Callable[[], float], under_way: UnderWay) -> None:
        self._world, self._fleet, self._seconds, self._under_way = world, fleet, seconds, under_way
        self._asked_at: dict[tuple[str, str], float] = {}
        self._stopped_at: dict[tuple[str, str], float] = {}
        self.stopped: Callable[[str], None] = lambda machine: None  # called with a machine that was stopped just now
        self.also_at: Callable[[str], list[str]] = lambda app: []  # where else an app's requests may be on their way

    def asked(self, app: str, region: str = "") -> None:
        """A request for the app is about to be sent to a region; "" for it is not known which."""
        self._asked_at[app, region] = time.time()

    async def run(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(min(self._seconds() / 4, 5.0))
            for app in list(self._world.apps):
                for region in sorted({machine.region for machine in self._world.machines_of(app)}):
                    await self._look(app, region)

    async def _look(self, app: str, region: str) -> None:
        machines = [machine for machine in self._world.machines_of(app) if machine.region == region]
        if self._just_changed((app, region), machines):
            return
        load = await self._load(app, machines)
        if load is None or self._just_changed((app, region), machines):
            return
        chosen = surplus(machines, load)
        last = sum(routable(machine) for machine in machines) == 1
        if chosen is None or (last and self._asked_lately(app, region, load)):
            return
        self._stopped_at[app, region] = time.time()  # the next one only after another while
        log.info("app %s has one machine too many in its region: %s gets %s", app, chosen.id, autostop(chosen))
        try:
            if autostop(chosen) == "suspend":
                self._fleet.suspend(chosen)
            else:
                self._fleet.stop(chosen, None, None)
            self.stopped(chosen.id)  # the proxy knows at once what it does itself
        except FlyRefusal as refused:
            log.info("not stopped: %s", refused)

    def _just_changed(self, place: tuple[str, str], machines: list[Machine]) -> bool:
        last = max([self._stopped_at.get(place, 0.0), *(started_at(machine) for machine in machines)])
        return time.time() - last < self._seconds()

    def _asked_lately(self, app: str, region: str, load: Mapping[str, int]) -> bool:
        if any(load.get(address) for address in self.also_at(app)):
            self.asked(app)
        last = max(self._asked_at.get((app, place), 0.0) for place in (region, ""))
        return time.time() - last < self._seconds()

    async def _load(self, app: str, machines: list[Machine]) -> dict[str, int] | None:
        """Requests under way at each address, of `machines` and others; None while the edge is busy with itself."""
        try:
            counts = await self._under_way()
        except httpx.HTTPError:
            return None
        found: dict[str, int] = {}
        for address, count in counts.items():
            host = address.rpartition(":")[0]
            found[host] = found.get(host, 0) + count
        for machine in machines:
            if machine.private_ip and found.get(machine.private_ip):
                self.asked(app, machine.region)
        return found
