"""The queue in front of the slots: bounded in waiting time, fair between clients.

A queue that is bounded only in length fills up under overload, and then every served request has waited for all of it.
So a request is admitted only if its expected wait, estimated from recent runs, is short:

- never above `most_wait` seconds;
- and once the queue has not been empty for STANDING_SECONDS, which is no burst any more, only up to STANDING_PLACES
  waiting requests for each slot: enough to keep every slot busy, at a wait of a few runs.

Other requests are refused at once, with the time after which to try again. A request that still waits longer than
`patience` is refused then. A client that disconnects leaves the queue at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Sequence

from backend.runner.errors import QueueFull, QueueTimeout, RequestError, ShuttingDown
from backend.runner.sandbox.slots import Slot

STANDING_SECONDS = 0.1
STANDING_PLACES = 6
LONGEST_RETRY = 60
_WEIGHT = 0.1
"""Weight of the latest run in the moving average of run times."""


class SlotQueue:
    """Hands out slots. Belongs to one event loop, whose clock it goes by.

    Clients take turns: a free slot goes to the client that has waited longest since its last turn, and there to its
    oldest request. So a client with many requests delays another by one run at most. If it has filled the queue, its
    newest request is refused to make room for another client's first.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        limit: int,
        *,
        patience: float = 10.0,
        most_wait: float = 5.0,
        share: float = 0.5,
    ) -> None:
        self._free = deque(slots)
        self._waiting: OrderedDict[str, deque[asyncio.Future[Slot]]] = OrderedDict()
        self._resuming: set[asyncio.Future[Slot]] = set()  # waiting requests that had a slot and gave it up for others
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._since: float | None = None  # since when requests wait without a break; None while none does
        self._patience = patience
        self._most_wait = most_wait
        self._share = share
        self.depth = 0
        """Requests that wait now."""
        self.seconds = 0.0
        """Seconds that a run keeps its slot: an exponential moving average."""
        self.total = len(slots)
        self.limit = limit
        """Most requests that may wait."""

    @property
    def busy(self) -> int:
        """Slots in use now."""
        return self.total - len(self._free)

    @property
    def closed(self) -> bool:
        """Whether new requests are refused."""
        return self._closed

    @property
    def expected_wait(self) -> float:
        """Seconds until all that wait now will have a slot."""
        return self.seconds * self.depth / self.total

    @property
    def room(self) -> int:
        """Requests that may wait at the moment."""
        places = self.limit
        if self.seconds > 0:
            places = min(places, max(1, int(self._most_wait * self.total / self.seconds)))
        standing = self._since is not None and _now() - self._since > STANDING_SECONDS
        return min(places, STANDING_PLACES * self.total) if standing else places

    @contextlib.asynccontextmanager
    async def slot(self, client: str) -> AsyncIterator[Slot]:
        """Get a slot, after a wait if all are busy.

        Raises QueueFull or ShuttingDown at once, QueueTimeout after `patience`, and QueueFull if the place was given to
        a client that had none.
        """
        async with self.turns(client) as turns:
            yield turns.slot

    @contextlib.asynccontextmanager
    async def turns(self, client: str) -> AsyncIterator[Turns]:
        """Get slots for several runs, with a pause between them for others. Raises what `slot` raises."""
        if self._closed:
            raise _shutting_down()
        slot = self._free.popleft() if self._free else await self._wait(client)
        self._idle.clear()
        turns = Turns(self, client, slot)
        try:
            yield turns
        finally:
            turns.end()

    def _note(self, seconds: float) -> None:
        """Record how long a slot was kept."""
        self.seconds += (seconds - self.seconds) * (_WEIGHT if self.seconds else 1.0)

    async def _exchange(self, client: str, slot: Slot) -> Slot:
        """Give `slot` to the next waiting request, and wait behind all of them, without a time limit."""
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(future)
        self._resuming.add(future)
        self._count(1)
        self._give_back(slot)
        try:
            return await future
        except asyncio.CancelledError:
            self._leave(client, future)
            raise
        finally:
            self._resuming.discard(future)

    async def _wait(self, client: str) -> Slot:
        self._make_place(client)
        future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(future)
        self._count(1)
        try:
            async with asyncio.timeout(self._patience):
                return await future
        except (asyncio.CancelledError, TimeoutError) as error:
            self._leave(client, future)
            if isinstance(error, TimeoutError):
                raise QueueTimeout(
                    f"no runner came free within {self._patience:g} s; try again later", self._retry_after()
                ) from None
            raise

    def _leave(self, client: str, future: asyncio.Future[Slot]) -> None:
        """Leave the queue; pass on a slot that was assigned meanwhile."""
        if future.done() and not future.cancelled() and future.exception() is None:
            self._give_back(future.result())
        else:
            self._forget(client, future)

    def _make_place(self, client: str) -> None:
        """Raise QueueFull unless `client` may have one more place, if need be one of a client that fills the queue."""
        room = self.room
        own = len(self._waiting.get(client, ()))
        if own and own >= max(1, int(room * self._share)):
            raise self._full("of yours ")
        if self.depth < room:
            return
        longest = max(self._waiting, key=lambda name: len(self._waiting[name]), default=client)
        if own or len(self._waiting.get(longest, ())) < 2:
            raise self._full()
        # Not one that had a slot and made place between two cases of its batch: its work so far would be lost.
        newest = (one for one in reversed(self._waiting[longest]) if one not in self._resuming)
        pushed = next(newest, None)
        if pushed is None:
            raise self._full()
        self._waiting[longest].remove(pushed)
        self._count(-1)
        if not pushed.done():
            pushed.set_exception(self._full("of yours "))

    def _full(self, whose: str = "") -> QueueFull:
        seconds = self._retry_after()
        return QueueFull(f"enough runs {whose}are waiting already; try again in {seconds} s", seconds)

    def _retry_after(self) -> int:
        """Whole seconds after which the queue would be empty if nobody else came."""
        return max(1, min(LONGEST_RETRY, math.ceil(self.seconds * (self.depth + 1) / self.total)))

    def _forget(self, client: str, future: asyncio.Future[Slot]) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._waiting[client].remove(future)
            self._count(-1)
            if not self._waiting[client]:
                del self._waiting[client]

    def _count(self, change: int) -> None:
        self.depth += change
        if self.depth == 0:
            self._since = None
        elif self._since is None:
            self._since = _now()

    def _give_back(self, slot: Slot) -> None:
        while self._waiting:
            client, futures = self._waiting.popitem(last=False)
            future = futures.popleft()
            self._count(-1)
            if futures:
                self._waiting[client] = futures  # behind the other clients
            if not future.done():
                future.set_result(slot)
                return
        self._free.append(slot)
        if self.busy == 0:
            self._idle.set()

    def close(self) -> None:
        """Refuse new requests from now on; running and waiting ones continue."""
        self._closed = True

    async def drain(self, seconds: float) -> bool:
        """Wait for all requests to finish; after `seconds`, refuse those that wait. Returns whether all finished."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds)
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(_shutting_down())
        self._waiting.clear()
        self._count(-self.depth)
        return self.busy == 0


class Turns:
    """The slots of a request with several runs, which lets waiting requests go first between them."""

    def __init__(self, queue: SlotQueue, client: str, slot: Slot) -> None:
        self._queue, self._client = queue, client
        self._held: Slot | None = slot
        self._began = _now()

    @property
    def slot(self) -> Slot:
        """The slot that is held. Raises RuntimeError after a `pause` that was cancelled."""
        if self._held is None:
            raise RuntimeError("no slot is held")
        return self._held

    async def pause(self) -> None:
        """If others wait, give them the slot and wait behind them for another. Raises ShuttingDown."""
        if self._queue.depth == 0:
            return
        slot = self.slot
        self._held = None
        self._queue._note(_now() - self._began)
        self._held = await self._queue._exchange(self._client, slot)
        self._began = _now()

    def end(self) -> None:
        """Give the slot back."""
        if self._held is not None:
            self._queue._note(_now() - self._began)
            self._queue._give_back(self._held)
            self._held = None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _shutting_down() -> RequestError:
    return ShuttingDown("the service is shutting down; try again in a moment")
