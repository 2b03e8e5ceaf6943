"""A run as server-sent events: phases and output as they come, then the result."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

import msgspec

from backend.runner.api.answers import result_answer
from backend.runner.api.asgi import Request
from backend.runner.api.channel import Channel, Event
from backend.runner.api.context import Context
from backend.runner.api.models import Encoding
from backend.runner.errors import ClientGone
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest

EVENTS = "text/event-stream"
HEARTBEAT_SECONDS = 10.0
SEND_SECONDS = 30.0
"""How long the service waits for a client to read what is sent."""

_log = logging.getLogger("codecanvas.runner")
_encode = msgspec.json.Encoder().encode
_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no")]  # fmt: skip


async def stream_run(context: Context, request: Request, wanted: RunRequest, encoding: Encoding) -> None:
    """Run `wanted` and send its events.

    Raises ClientGone if the client stops reading, and what `SlotQueue.slot` raises.
    """
    channel = Channel(encoding)
    async with context.running(request, wanted, channel) as task:
        await request.send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        while not task.done():
            await _wait(request, channel)
            await _send_events(request, channel.take())
    last = last_event(task, request, wanted.language.name, encoding)
    await _send_events(request, [*channel.take(), *channel.rest(), last])
    await _send(request, b"", more=False)


def last_event(task: asyncio.Task[Outcome], request: Request, language: str, encoding: Encoding) -> Event:
    """The last event: the run's result, or an error if the service failed."""
    if task.cancelled() or task.exception() is not None:
        cause = None if task.cancelled() else task.exception()
        _log.error("a run failed while its client listened; request %s", request.id, exc_info=cause)
        return "error", {"error": "the service failed; try again", "request_id": request.id}
    return "result", msgspec.to_builtins(result_answer(task.result(), language, encoding))


async def _wait(request: Request, channel: Channel) -> None:
    """Wait until there is something to send. Meanwhile, comments keep the connection open through proxies."""
    while True:
        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                return await channel.wait()
        except TimeoutError:
            await _send(request, b": still here\n\n")


async def _send_events(request: Request, events: Iterable[Event]) -> None:
    blocks = [b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(content)) for name, content in events]
    if blocks:
        await _send(request, b"".join(blocks))


async def _send(request: Request, data: bytes, more: bool = True) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await request.send({"type": "http.response.body", "body": data, "more_body": more})
    except TimeoutError:
        raise ClientGone("the client reads nothing") from None
