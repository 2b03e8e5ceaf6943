"""The soak itself: clients that run programs one after the other, a sampler beside them, and a summary."""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from tests.hostile import footprint
from tests.soak.growth import Sample, grew, settled, slope
from tests.soak.programs import Program, chooser
from tests.soak.wire import Wire

MOST_FAILURES = 50
"""Told one by one; after as many the soak ends."""

_SAMPLES = 100
_PAUSE_SECONDS = 0.5
_SETTLE_SECONDS = 120.0


@dataclasses.dataclass
class Soak:
    """One soak of the service at `url`, whose main process is `pid`."""

    url: str
    pid: int
    runs: int
    clients: int
    seed: int
    done: int = 0
    refused: int = 0
    """Answers 429, each of which was followed by another try."""
    failures: list[str] = dataclasses.field(default_factory=list)
    counted: Counter[str] = dataclasses.field(default_factory=Counter)
    samples: list[Sample] = dataclasses.field(default_factory=list)
    _given: int = 0
    _busy: int = 0
    _open: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set while clients may begin a run: between looks."""
    _idle: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set while no client waits for an answer."""

    async def perform(self, progress: Callable[[int], None]) -> dict[str, Any]:
        """Run everything; the summary, whose `ok` says whether all held. `progress` is told how many are done."""
        draw = chooser(self._offered(), self.seed)
        await self._rehearse(draw)
        before, begun = await asyncio.to_thread(footprint.steady, self.pid), time.monotonic()
        self._open.set()
        sampling = asyncio.create_task(self._sample(before, progress))
        async with asyncio.TaskGroup() as group:
            for _ in range(self.clients):
                group.create_task(self._client(draw))
        sampling.cancel()
        seconds = time.monotonic() - begun
        left = await asyncio.to_thread(footprint.settled, self.pid, before, _SETTLE_SECONDS, memory=False)
        progress(self.done)
        return self._summary(before, footprint.read(self.pid), left, seconds)

    def _offered(self) -> frozenset[str]:
        listed = httpx.get(f"{self.url}api/v1/languages", timeout=60).raise_for_status().json()["languages"]
        return frozenset(each if isinstance(each, str) else each["name"] for each in listed)

    async def _rehearse(self, draw: Callable[[], Program]) -> None:
        """A run of each kind before the first look: what is made when it is first needed is there from then on."""
        wire, kinds = Wire(self.url), {program.name: program for program in (draw() for _ in range(3000))}
        for number, program in enumerate(kinds.values()):
            await self._one(wire, program, 90_000_000 + number)
        wire.close()

    async def _client(self, draw: Callable[[], Program]) -> None:
        wire = Wire(self.url)
        while self._given < self.runs and len(self.failures) < MOST_FAILURES:
            await self._open.wait()
            self._given += 1
            self._busy += 1
            self._idle.clear()
            await self._one(wire, draw(), self._given)
            self._busy -= 1
            if not self._busy:
                self._idle.set()
            self.done += 1
        wire.close()

    async def _one(self, wire: Wire, program: Program, number: int) -> None:
        body = program.body(number)
        try:
            if program.vanish:
                await wire.vanish(body, random.Random(number).random() * 0.2)
                self.counted[program.name] += 1
                return
            wrong = await self._answered(wire, program, body, number)
        except (OSError, TimeoutError, EOFError, ValueError) as error:
            wire.close()
            wrong = f"no answer: {error!r}"
        self.counted[program.name] += 1
        if wrong:
            self.failures.append(f"{program.name}, run {number}: {wrong}")

    async def _answered(self, wire: Wire, program: Program, body: dict[str, Any], number: int) -> str:
        for _ in range(120):
            status, headers, answer = await wire.post(body)
            if status == 200:
                return program.wrong(number, answer)
            if status not in (429, 503) or "retry-after" not in headers:
                return f"HTTP {status}: {answer}"
            self.refused += 1
            await asyncio.sleep(float(headers["retry-after"]))
        return "refused again and again"

    async def _sample(self, before: footprint.Footprint, progress: Callable[[int], None]) -> None:
        """Look now and then while nothing runs: what a program holds for a moment is no growth."""
        due = 0.0
        while True:
            await asyncio.sleep(0.2)
            progress(self.done)
            if self.done < due:
                continue
            due = self.done + max(100, self.runs / _SAMPLES)
            self._open.clear()
            await self._idle.wait()
            await asyncio.sleep(_PAUSE_SECONDS)
            look = await asyncio.to_thread(footprint.read, self.pid)
            lasting = sum(size for pid, size in look.memory.items() if pid in before.processes)
            self.samples.append(Sample(self.done, lasting))
            self._open.set()

    def _summary(
        self, before: footprint.Footprint, after: footprint.Footprint, left: list[str], seconds: float
    ) -> dict[str, Any]:
        kept = settled(self.samples, self.runs)
        if grew(kept):
            left = [*left, f"memory grows by {slope(kept):.1f} KiB in 1,000 runs"]
        looks = {"before": before, "after": after}
        return {
            "ok": not self.failures and not left and self.done >= self.runs,
            "runs": self.done,
            "seconds": round(seconds, 1),
            "runs_per_second": round(self.done / seconds, 1),
            "refused": self.refused,
            "failures": self.failures,
            "left": left,
            "memory_kb_per_1000_runs": round(slope(kept), 2),
            "memory_kb": {name: look.memory_kb for name, look in looks.items()},
            "compiled_kb": {name: look.compiled_kb for name, look in looks.items()},
            "processes": {name: len(look.processes) for name, look in looks.items()},
            "descriptors": {name: look.descriptors for name, look in looks.items()},
            "mounts": {name: look.mounts for name, look in looks.items()},
            "cgroups": {name: len(look.cgroups) for name, look in looks.items()},
            "files": {name: len(look.files) for name, look in looks.items()},
            "programs": dict(self.counted.most_common()),
            "seed": self.seed,
        }
