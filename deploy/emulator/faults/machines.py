"""Faults of machines: one dies some time after its start, its checks alternate, or the edge learns of it late."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace

from deploy.emulator.faults.rules import EDGE_KINDS, Facts, Rules
from deploy.emulator.machines.checks import Finding
from deploy.emulator.model import Machine, World

log = logging.getLogger("emulator.faults")

Kill = Callable[[Machine], Awaitable[None]]


class FaultyMachines:
    """Does to machines what the rules say. `kill` ends a machine's container as a crash would, `migrate` moves it."""

    def __init__(self, world: World, rules: Rules, kill: Kill, migrate: Callable[[Machine], None]) -> None:
        self._world, self._rules, self._kill, self._migrate = world, rules, kill, migrate
        self._results: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self) -> None:
        """Rules came: look at the machines that run already."""
        for name in [name for name in self._results if name.partition(" ")[0] not in self._world.machines]:
            del self._results[name]
        for machine in list(self._world.machines.values()):
            if machine.state == "started":
                self.started(machine)
            if machine.state in ("started", "stopped", "suspended") and self._rules.struck(
                {"migrate"}, self._facts(machine)
            ):
                log.info("machine %s moves to another host", machine.id)
                self._migrate(machine)

    def started(self, machine: Machine) -> None:
        """A machine has started: does it die of this?"""
        for rule in self._rules.struck({"die"}, self._facts(machine)):
            log.info("machine %s will die (fault %s)", machine.id, rule.id)
            task = asyncio.create_task(self._die(machine, machine.boots, rule.seconds or 0.0))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def finding(self, machine: Machine, check: str, finding: Finding) -> Finding:
        """What is reported instead of what a probe found."""
        if not any(rule.kind == "flap" and rule.concerns(self._facts(machine)) for rule in self._rules):
            return finding
        self._results[f"{machine.id} {check}"] += 1
        if self._results[f"{machine.id} {check}"] % 2 or not self._rules.struck({"flap"}, self._facts(machine)):
            return finding
        return replace(finding, passed=False, output="the emulator was told to let this check fail")

    def afflicted(self, kind: str, machine: Machine) -> str | None:
        """The `code` of the rule of a lasting kind that concerns the machine; None when it has no such fault."""
        rule = self._rules.lasting(kind, self._facts(machine))
        return rule.code if rule else None

    def lag(self, machine: Machine, usual: float) -> float | None:
        """How many seconds late the edge sees the machine, None for never; of several rules the last counts."""
        for rule in self._rules:
            if rule.kind in EDGE_KINDS and rule.concerns(self._facts(machine)):
                usual = rule.seconds or 0.0
                if rule.kind == "unseen":
                    return None
        return usual

    def close(self) -> None:
        """Let nobody die any more."""
        for task in self._tasks:
            task.cancel()

    def _facts(self, machine: Machine) -> Facts:
        app = self._world.apps.get(machine.app)
        return Facts(app.environment if app else None, machine=f"{machine.id} {machine.name}")

    async def _die(self, machine: Machine, boot: int, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if machine.state == "started" and machine.boots == boot:  # not a later life of it
            await self._kill(machine)
