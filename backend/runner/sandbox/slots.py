"""Slots: the places where programs run. Each is made once, and made again should its launcher ever be lost."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.sandbox.cgroup import Cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.keeper import Hearer, Keeper
from backend.runner.sandbox.spares import Spares
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Verdict

_log = logging.getLogger("codecanvas.runner")

FIRST_UID = 61000
"""uid of slot 0 where the service is root; no account of Debian's lies here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What all slots of a service are made from."""

    host: Host
    cgroups: Cgroups | None
    caches: Path | None
    """Directory of the languages' caches, each under its language's name."""


class Slot:
    """A place for one program at a time."""

    def __init__(self, index: int, plan: Plan, *, writes_cache: bool = False) -> None:
        self.index = index
        self.uid = FIRST_UID + index if plan.host.choose_uid else None
        """uid (and gid) of the launcher; None for the service's own."""
        self.spares = Spares()
        """Templates and warm processes that wait here."""
        self.busy = False
        """Whether a program runs here now."""
        self._plan, self._writes_cache = plan, writes_cache
        self._keeper: Keeper | None = None

    async def open(self) -> Keeper:
        """The slot's keeper, started where there is none. Raises SandboxError where the host cannot isolate."""
        if self._keeper is not None and not self._keeper.failure:
            return self._keeper
        if self._keeper is not None:
            _log.error("slot %d is made again: %s", self.index, self._keeper.failure)
            await self.close()
        host, cgroups = self._plan.host, self._plan.cgroups
        group = None if cgroups is None else cgroups.slot(self.index)
        setup = host.setup(self._plan.caches, self._writes_cache)
        self._keeper = await Keeper.start(str(host.launcher / "launcher"), setup, self.uid, group)
        self.spares.attach(self._keeper)
        return self._keeper

    async def run(self, step: Step, hearer: Hearer | None = None) -> Verdict:
        """Run `step` to its end; cancelled, its program is ended first. Raises SandboxError when the slot is lost."""
        keeper = await self.open()
        self.busy = True
        try:
            return await keeper.run(step, hearer)
        finally:
            self.busy = False

    def stop(self) -> None:
        """End the program that runs here, if one does; its run says so."""
        if self._keeper is not None and self.busy:
            self._keeper.stop()

    async def close(self) -> None:
        """End the launcher and everything that it made."""
        if self._keeper is not None:
            self.spares.detach()
            await self._keeper.close()
            self._keeper = None


@contextlib.asynccontextmanager
async def make_slots(plan: Plan, count: int) -> AsyncIterator[list[Slot]]:
    """Make `count` slots, and after them one that may write the caches. Raises SandboxError where one cannot be."""
    slots = [Slot(index, plan, writes_cache=index == count) for index in range(count + 1)]
    try:
        opened = await asyncio.gather(*(slot.open() for slot in slots), return_exceptions=True)
        for failure in opened:
            if isinstance(failure, SandboxError):
                raise failure
            if isinstance(failure, BaseException):
                raise SandboxError(f"a slot could not be made: {failure}") from failure
        yield slots
    finally:
        await asyncio.gather(*(slot.close() for slot in slots))
        if plan.cgroups is not None:
            plan.cgroups.remove()
