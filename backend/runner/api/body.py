"""Reading a request's body: bounded in size and time, strict in form."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request

from backend.runner.api.models import RunBody
from backend.runner.errors import BodyTimeout, BodyTooLarge, InvalidRequest

MOST_BYTES = 1024 * 1024
MOST_SECONDS = 30.0
DISCARDED_BYTES = 16 * MOST_BYTES
DISCARDING_SECONDS = 5.0

_TOO_LARGE = f"the body is larger than {MOST_BYTES} bytes; send less"


async def read_body(request: Request) -> bytes:
    """The whole body. Raises BodyTooLarge, also where no length was announced, and BodyTimeout."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > MOST_BYTES:
        await _discard(request)
        raise BodyTooLarge(_TOO_LARGE)
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for block in request.stream():
                body += block
                if len(body) > MOST_BYTES:
                    await _discard(request)
                    raise BodyTooLarge(_TOO_LARGE)
    except TimeoutError as error:
        raise BodyTimeout(f"the body did not arrive within {MOST_SECONDS:g} s; send it again") from error
    except ClientDisconnect as error:
        raise InvalidRequest("the body was not sent to its end") from error
    return bytes(body)


async def _discard(request: Request) -> None:
    """Read what is left of a body that is too large, up to a bound.

    A proxy that is still sending it when the connection is closed would tell its client 502 instead of our answer.
    """
    left = DISCARDED_BYTES
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARDING_SECONDS):
            async for block in request.stream():
                left -= len(block)
                if left < 0:
                    return


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidRequest("the body names a field twice")
    return found


def parse_run(body: bytes) -> RunBody:
    """The body of a run. Raises InvalidRequest naming the field at fault."""
    try:
        document = json.loads(body.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        raise InvalidRequest("the body is not valid UTF-8") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the body is not valid JSON: {error}") from error
    except ValueError as error:  # a number with more digits than Python converts
        raise InvalidRequest("the body holds a number that is too long") from error
    if not isinstance(document, dict):
        raise InvalidRequest("the body must be a JSON object with source and language")
    try:
        run = RunBody.model_validate(document)
    except ValidationError as error:
        raise InvalidRequest(_explain(error)) from error
    _check_text(run)
    return run


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part)[:100] for part in first["loc"])
    if first["type"] == "missing":
        return f"{field} is missing"
    if first["type"] == "extra_forbidden":
        return f"{field} is not a field that is known here"
    return f"{field}: {first['msg']}"


def _check_text(run: RunBody) -> None:
    """JSON can spell half a surrogate pair, which is no character and has no UTF-8."""
    texts = {"source": [run.source], "stdin": [run.stdin], "args": run.args}
    texts["files"] = [*run.files.keys(), *run.files.values()]
    for field, values in texts.items():
        for value in values:
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise InvalidRequest(f"{field} holds half a surrogate pair, which is no text") from error
