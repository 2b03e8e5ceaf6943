"""Remembers earlier states of machines, for faults that answer with a stale list. Kept only while a rule needs it."""

from __future__ import annotations

import copy
import time
from collections import deque

from deploy.emulator.faults.rules import Rules
from deploy.emulator.model import Machine, World

KEPT = 500


class History:
    """Snapshots of all machines, one at every change while a rule that answers with old lists is not spent."""

    def __init__(self, world: World, rules: Rules) -> None:
        self._world, self._rules = world, rules
        self._snapshots: deque[tuple[float, list[Machine]]] = deque(maxlen=KEPT)
        self._last_asked: dict[str, float] = {}

    def note(self) -> None:
        """Remember the present, if anybody may want it back."""
        if any(rule.kind in ("stale_list", "eventual") and not rule.spent for rule in self._rules):
            self._snapshots.append((time.monotonic(), self._present()))
        else:
            self._snapshots.clear()

    def _present(self) -> list[Machine]:
        """Copies of all machines; of those that are as they were, the copies that the last snapshot holds."""
        last = {machine.id: machine for machine in self._snapshots[-1][1]} if self._snapshots else {}
        now = self._world.machines.values()
        return [last[one.id] if last.get(one.id) == one else copy.deepcopy(one) for one in now]

    def asked(self, app: str) -> None:
        """The app's list is being answered truly."""
        self._last_asked[app] = time.monotonic()

    def machines_of(self, app: str, moment: float | None) -> list[Machine]:
        """The app's machines at that moment, by default when its list was last asked for; the oldest known at most."""
        moment = self._last_asked.get(app, 0.0) if moment is None else moment
        known = list(self._snapshots) or [(0.0, list(self._world.machines.values()))]
        before = [machines for at, machines in known if at <= moment]
        return [machine for machine in (before[-1] if before else known[0][1]) if machine.app == app]
