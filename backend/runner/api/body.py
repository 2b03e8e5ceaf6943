"""Reading a request's body: bounded in size and time."""

from __future__ import annotations

import asyncio
import contextlib

from backend.runner.api.asgi import Request
from backend.runner.errors import BodyTimeout, BodyTooLarge, ClientGone

MOST_BYTES = 1024 * 1024
MOST_BATCH_BYTES = 4 * MOST_BYTES
MOST_SECONDS = 30.0
DISCARDED_BYTES = 64 * MOST_BYTES
DISCARDING_SECONDS = 5.0


async def read_body(request: Request, most: int = MOST_BYTES) -> bytes:
    """The whole body. Raises BodyTooLarge (even without a Content-Length), BodyTimeout and ClientGone."""
    announced = request.header(b"content-length")
    if announced.isdecimal() and int(announced) > most:
        await _discard(request)
        raise _too_large(most)
    blocks: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for block in request.body():
                blocks.append(block)
                length += len(block)
                if length > most:
                    await _discard(request)
                    raise _too_large(most)
    except TimeoutError as error:
        raise BodyTimeout(f"the body did not arrive within {MOST_SECONDS:g} s; send it again") from error
    return b"".join(blocks)


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is larger than {most} bytes; send less")


async def _discard(request: Request) -> None:
    """Read what is left of a body that is too large, up to a bound.

    A proxy that is still sending it when the connection is closed would tell its client 502 instead of our answer.
    """
    left = DISCARDED_BYTES
    with contextlib.suppress(TimeoutError, ClientGone):
        async with asyncio.timeout(DISCARDING_SECONDS):
            async for block in request.body():
                left -= len(block)
                if left < 0:
                    return
