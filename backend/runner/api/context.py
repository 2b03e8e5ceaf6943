"""What every route that runs programs works with: service, metrics, access, languages; and how it answers once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from backend.runner.api.access import Access
from backend.runner.api.asgi import Request, Response
from backend.runner.api.backend import Backend
from backend.runner.api.channel import Channel
from backend.runner.api.checks import Catalogue
from backend.runner.api.idempotency import Produced, Replays, check_key
from backend.runner.api.metrics import Metrics
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest

KEY = b"idempotency-key"


@dataclasses.dataclass
class Context:
    """What all routes share."""

    service: Backend
    metrics: Metrics
    access: Access
    catalogue: Catalogue
    replays: Replays = dataclasses.field(default_factory=Replays)

    async def once(self, request: Request, body: bytes, produce: Callable[[], Awaitable[Produced]]) -> Response:
        """The answer that `produce` makes, or the stored one of an earlier request with its Idempotency-Key.

        Raises ClientGone as soon as the client disconnects, and cancels the work done for it.
        """
        async with request.while_connected():
            if not request.has(KEY):
                return Response((await produce())[0])
            key = request.header(KEY)
            check_key(key)
            content = request.path.encode() + b"\0" + body
            answer, replayed = await self.replays.once(request.client, key, content, produce)
            return Response(answer, headers=[("idempotency-replayed", "true")] if replayed else [])

    @contextlib.asynccontextmanager
    async def running(
        self, request: Request, wanted: RunRequest, channel: Channel
    ) -> AsyncIterator[asyncio.Task[Outcome]]:
        """Run `wanted` as a task that fills `channel`. Enters once the run has a slot; on leaving, ends the program.

        The task holds the slot and gives it back when the program ends, so a client that reads slowly does not occupy
        one. Raises what `SlotQueue.slot` raises.
        """
        loop = asyncio.get_running_loop()
        begun: asyncio.Future[None] = loop.create_future()

        async def run() -> Outcome:
            async with self.service.queue.slot(request.client) as slot:
                if not begun.done():
                    begun.set_result(None)
                outcome = await self.service.run(wanted, slot, channel)
                self.metrics.count(wanted.language.name, outcome.status)
                return outcome

        task = asyncio.create_task(run())
        task.add_done_callback(lambda _: channel.finish())
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # else asyncio logs it
        try:
            either: list[asyncio.Future[Any]] = [task, begun]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not begun.done():
                await task  # raises why it got no slot
            yield task
        finally:
            begun.cancel()
            task.cancel()
            await asyncio.wait([task])
