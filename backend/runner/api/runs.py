"""POST /api/v1/run: a program and what came of it, at the end or as it goes."""

from __future__ import annotations

import msgspec

from backend.runner.api.answers import run_answer
from backend.runner.api.asgi import Request, Response, Routes
from backend.runner.api.body import read_body
from backend.runner.api.desk import KEY, Desk
from backend.runner.api.idempotency import Produced
from backend.runner.api.models import RunBody
from backend.runner.api.parse import parse
from backend.runner.api.stream import EVENTS, stream_run
from backend.runner.errors import InvalidRequest
from backend.runner.execution.outcome import Status

_encode = msgspec.json.Encoder().encode


def run_routes(desk: Desk) -> Routes:
    """The routes."""

    async def run(request: Request) -> Response | None:
        """Run a program and wait for what comes of it, or hear of it as it goes."""
        if EVENTS in request.header(b"accept"):
            await stream(request)
            return None
        desk.access.admit(request)
        body = await read_body(request)
        return await desk.once(request, body, lambda: _run(desk, request, body))

    async def stream(request: Request) -> None:
        """Run a program and hear of it as it goes."""
        desk.access.admit(request)
        if request.has(KEY):
            raise InvalidRequest("Idempotency-Key is for answers that come whole; leave it out of a stream")
        asked = parse(await read_body(request), RunBody)
        wanted = desk.catalogue.request(asked)
        async with request.while_connected():
            await stream_run(desk, request, wanted, asked.encoding)

    return {"/api/v1/run": {"POST": run}, "/api/v1/run/stream": {"POST": stream}}


async def _run(desk: Desk, request: Request, body: bytes) -> Produced:
    asked = parse(body, RunBody)
    wanted = desk.catalogue.request(asked)
    async with desk.service.queue.slot(request.client) as slot:
        outcome = await desk.service.run(wanted, slot)
    desk.metrics.count(wanted.language.name, outcome.status)
    answer = run_answer(outcome, wanted.language.name, asked.encoding)
    return _encode(answer), outcome.status is not Status.INTERNAL_ERROR
