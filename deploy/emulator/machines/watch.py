"""Probing the checks of running machines, one task for each check."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from deploy.emulator.machines import checks
from deploy.emulator.model import Machine

log = logging.getLogger("emulator.machines")

Alter = Callable[[Machine, str, checks.Finding], checks.Finding]


class Watch:
    """The checks under way. `changed` is called when a check's status did; `alter` may falsify what was found."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.alter: Alter = lambda machine, check, finding: finding
        self._probes: dict[str, list[asyncio.Task[None]]] = {}

    def begin(self, machine: Machine) -> None:
        """Probe the machine from now on."""
        self.end(machine)
        began = time.monotonic()
        wanted = checks.configured(machine.config)
        self._probes[machine.id] = [asyncio.create_task(self._follow(machine, check, began)) for check in wanted]

    def end(self, machine: Machine) -> None:
        """Probe it no more, and forget what was found."""
        for task in self._probes.pop(machine.id, []):
            task.cancel()
        machine.checks = {}

    async def close(self) -> None:
        """End all."""
        tasks = [task for probes in self._probes.values() for task in probes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, machine: Machine, check: checks.Check, began: float) -> None:
        passed_once = False
        while True:
            finding = self.alter(machine, check.name, await checks.probe(check, machine.private_ip))
            age = time.monotonic() - began
            before = machine.checks.get(check.name, {}).get("status")
            if told := checks.report(check, finding, age, passed_once):
                machine.checks[check.name] = told
                if told["status"] != before:
                    log.info("machine %s: check %s is %s", machine.id, check.name, told["status"])
                    self._changed()
            passed_once = passed_once or finding.passed
            await asyncio.sleep(checks.pause(check, age, passed_once))
