"""The service without HTTP: runs programs in slots, checks that it can, and shuts down in order."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence

from backend.runner.execution.executor import Executor
from backend.runner.execution.listener import Listener
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.queue import SlotQueue, Turns
from backend.runner.execution.readiness import Tender
from backend.runner.execution.request import Case, RunRequest
from backend.runner.languages import Language
from backend.runner.sandbox.layers import Layer
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.settings import Settings

_log = logging.getLogger("codecanvas.runner")
_READY_SECONDS = 5.0
SHUTDOWN_SECONDS = 10.0


@dataclasses.dataclass
class Service:
    """What the routes use. `startup.make_service` makes it."""

    settings: Settings
    queue: SlotQueue
    offer: Offer
    layers: tuple[Layer, ...]
    executor: Executor
    slots: Sequence[Slot]
    probe_slot: Slot
    """A slot outside the queue, for readiness."""
    tender: Tender
    probe_lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    """Held by whoever uses the probe slot."""
    _ready: tuple[float, bool] = (float("-inf"), False)
    _lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    _refreshing: asyncio.Task[bool] | None = None

    @property
    def languages(self) -> Mapping[str, Language]:
        """The languages that are offered now, by name."""
        return self.offer.languages

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of their toolchains, of those that were asked."""
        return self.offer.versions

    async def run(self, request: RunRequest, slot: Slot, listener: Listener | None = None) -> Outcome:
        """Run `request` in `slot`. If cancelled, it ends the program first."""
        with self.tender.in_use(request.language.name):
            return await self.executor.execute(slot, request, listener)

    async def run_batch(
        self, request: RunRequest, cases: Sequence[Case], turns: Turns
    ) -> tuple[Outcome | None, list[Outcome]]:
        """Compile once, then run each case; other clients get the slot between cases.

        Returns the outcome of a failed compile and no outcomes, or None and an outcome for each case."""
        with self.tender.in_use(request.language.name) as again:
            return await self.executor.batch(turns, request, cases, self.settings.batch_seconds, again)

    async def stop(self) -> None:
        """Refuse new runs, let current runs finish for SHUTDOWN_SECONDS, and end those that are left."""
        self.queue.close()
        # A trial in the background uses a slot that is about to be closed: let it finish.
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])
        if not await self.queue.drain(SHUTDOWN_SECONDS):
            _log.error("runs were still going on after %g s; they are ended", SHUTDOWN_SECONDS)
            self.executor.end()  # before they are stopped: their outcomes must name the service as the cause
            for slot in self.slots:
                slot.stop()

    async def ready(self) -> bool:
        """Whether a trial program ran within the last seconds; False while shutting down.

        The first call waits for a trial. Later calls return the last result and start a new trial in the background: a
        busy machine runs it slowly, and must not be reported as unable to run programs.
        """
        if self.queue.closed or not self.languages:
            return False
        checked, answer = self._ready
        if checked == float("-inf"):
            return await self._refresh()
        if time.monotonic() - checked > _READY_SECONDS and not self._lock.locked():
            self._refreshing = asyncio.create_task(self._refresh())
        return answer

    async def _refresh(self) -> bool:
        async with self._lock:
            checked, answer = self._ready
            if time.monotonic() - checked > _READY_SECONDS:
                answer = await self._try_hello()
                self._ready = time.monotonic(), answer
            return answer

    async def _try_hello(self) -> bool:
        languages = list(self.languages.values())
        language = next((one for one in languages if one.proves_readiness), languages[0])
        request = RunRequest(language=language, source=language.hello.encode(), limits=Limits(timeout=5))
        async with self.probe_lock:
            outcome = await self.executor.execute(self.probe_slot, request)
        return outcome.status is Status.OK and outcome.stdout == language.hello_output.encode()
