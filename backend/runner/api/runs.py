"""POST /api/v1/run: runs a program and answers at its end, or streams events while it runs."""

from __future__ import annotations

import msgspec

from backend.runner.api.answers import run_answer
from backend.runner.api.asgi import Request, Response, Routes
from backend.runner.api.body import read_body
from backend.runner.api.context import KEY, Context
from backend.runner.api.idempotency import Produced
from backend.runner.api.models import RunBody
from backend.runner.api.parse import parse
from backend.runner.api.stream import EVENTS, stream_run
from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Status

_encode = msgspec.json.Encoder().encode


def run_routes(context: Context) -> Routes:
    """The routes."""

    async def run(request: Request) -> Response | None:
        """Run a program and wait for what comes of it, or hear of it as it goes."""
        if EVENTS in request.header(b"accept"):
            await stream(request)
            return None
        context.access.admit(request)
        body = await read_body(request)
        return await context.once(request, body, lambda: _run(context, request, body))

    async def stream(request: Request) -> None:
        """Run a program and hear of it as it goes."""
        context.access.admit(request)
        if request.has(KEY):
            raise InvalidRequest("Idempotency-Key is for answers that come whole; leave it out of a stream")
        asked = parse(await read_body(request), RunBody)
        wanted = context.catalogue.request(asked)
        async with request.while_connected():
            await stream_run(context, request, wanted, asked.encoding)

    return {"/api/v1/run": {"POST": run}, "/api/v1/run/stream": {"POST": stream}}


async def _run(context: Context, request: Request, body: bytes) -> Produced:
    asked = parse(body, RunBody)
    wanted = context.catalogue.request(asked)
    async with context.service.queue.slot(request.client) as slot:
        outcome = await context.service.run(wanted, slot)
    context.metrics.count(wanted.language.name, outcome.status)
    answer = run_answer(outcome, wanted.language.name, asked.encoding)
    return _encode(answer), outcome.status is not Status.INTERNAL_ERROR
