"""A bounded queue in front of the slots, fair between clients."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence

from backend.runner.errors import QueueFull, ShuttingDown
from backend.runner.sandbox.slots import Slot


class SlotQueue:
    """Hands out slots. Belongs to one event loop.

    Clients take turns: a slot that comes free goes to the client that has waited longest since its last turn, and
    there to its oldest request. One client with many requests delays another by one run at most.
    """

    def __init__(self, slots: Sequence[Slot], limit: int) -> None:
        self._free = deque(slots)
        self._waiting: OrderedDict[str, deque[asyncio.Future[Slot]]] = OrderedDict()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self.total = len(slots)
        self.limit = limit
        """Most requests that may wait."""

    @property
    def depth(self) -> int:
        """Requests that wait now."""
        return sum(map(len, self._waiting.values()))

    @property
    def busy(self) -> int:
        """Slots in use now."""
        return self.total - len(self._free)

    @property
    def closed(self) -> bool:
        """Whether new requests are refused."""
        return self._closed

    @contextlib.asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[Slot]:
        """A slot, after a wait where all are busy. Raises QueueFull or ShuttingDown at once."""
        if self._closed:
            raise ShuttingDown("the service is shutting down; try again in a moment")
        slot = self._free.popleft() if self._free else await self._wait(client)
        self._idle.clear()
        try:
            yield slot
        finally:
            self._give_back(slot)

    async def _wait(self, client: str) -> Slot:
        if self.depth >= self.limit:
            raise QueueFull(f"{self.limit} runs are waiting already; try again in a moment")
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._give_back(future.result())
            else:
                self._forget(client, future)
            raise

    def _forget(self, client: str, future: asyncio.Future[Slot]) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._waiting[client].remove(future)
            if not self._waiting[client]:
                del self._waiting[client]

    def _give_back(self, slot: Slot) -> None:
        while self._waiting:
            client, futures = self._waiting.popitem(last=False)
            future = futures.popleft()
            if futures:
                self._waiting[client] = futures  # to the end of the row
            if not future.done():
                future.set_result(slot)
                return
        self._free.append(slot)
        if self.busy == 0:
            self._idle.set()

    def close(self) -> None:
        """Refuse new requests from now on; those that run or wait go on."""
        self._closed = True

    async def drain(self, seconds: float) -> bool:
        """Wait for all requests to be finished. True when they were within `seconds`; else refuse those that wait."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(ShuttingDown("the service is shutting down; try again in a moment"))
        self._waiting.clear()
        return self.busy == 0
