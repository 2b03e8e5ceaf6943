"""The WebSocket /api/v1/session: an interactive run, with input while the program runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping

import msgspec

from backend.runner.api.asgi import Request, answer
from backend.runner.api.body import MOST_BYTES, MOST_SECONDS
from backend.runner.api.channel import Channel, Event
from backend.runner.api.context import Context
from backend.runner.api.cors import Cors
from backend.runner.api.messages import Command, Stop, read_command
from backend.runner.api.models import ErrorAnswer, SessionBody
from backend.runner.api.parse import parse
from backend.runner.api.stream import SEND_SECONDS, last_event
from backend.runner.errors import BodyTimeout, ClientGone, Forbidden, InvalidRequest, NotFound, RequestError
from backend.runner.execution.request import RunRequest

MOST_STDIN_BYTES = 4 * MOST_BYTES
"""Most bytes that may be typed in one session."""
MOST_EARLY = 256
"""Most messages that may arrive before the program runs."""

NORMAL, NOT_TEXT, REFUSED, FAILED, LATER = 1000, 1003, 1008, 1011, 1013

_log = logging.getLogger("codecanvas.runner")
_encode = msgspec.json.Encoder().encode


class NotText(InvalidRequest):
    """A binary message: all messages are JSON in text frames."""


class Stopped(Exception):
    """The client sent `stop` before the program ran."""


class Sessions:
    """Serves every WebSocket of the service."""

    def __init__(self, context: Context, cors: Cors) -> None:
        self._context = context
        self._cors = cors

    async def serve(self, request: Request, known: bool) -> None:
        """Serve one connection; `known` says whether its path exists."""
        await request.receive()  # websocket.connect
        try:
            if not known:
                raise NotFound(f"{request.path[:200]}: there is nothing here")
            if not self._cors.allows(request.header(b"origin")):
                raise Forbidden("pages of this origin may not call; the service's RUNNER_CORS_ORIGINS says which may")
            self._context.access.admit(request)
        except RequestError as error:
            await _deny(request, error)
            return
        headers = [(b"x-request-id", request.id.encode())]
        await request.send({"type": "websocket.accept", "headers": headers})
        with contextlib.suppress(ClientGone):
            await self._converse(request)

    async def _converse(self, request: Request) -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                text = await _receive(request)
        except TimeoutError:
            await _refuse(request, BodyTimeout(f"no message came within {MOST_SECONDS:g} s"))
            return
        except RequestError as error:
            await _refuse(request, error)
            return
        try:
            body = parse(text, SessionBody)
            size = None if body.terminal is None else (body.terminal.rows, body.terminal.columns)
            wanted = self._context.catalogue.request(body, terminal=size, interactive=True)
            await _Session(self._context, request, wanted, Channel(body.encoding), body).run()
        except RequestError as error:
            await _refuse(request, error)
        except Stopped:
            await _send(request, ("error", _error("stopped before the program ran", request)))
            await _close(request, NORMAL)
        except ClientGone:
            raise
        except Exception:
            _log.exception("a session failed; request %s", request.id)
            await _send(request, ("error", _error("the service failed; try again", request)))
            await _close(request, FAILED)


class _Session:
    """One session: sends a program's events to the client, and the client's commands to the program."""

    def __init__(
        self, context: Context, request: Request, wanted: RunRequest, channel: Channel, body: SessionBody
    ) -> None:
        self._context = context
        self._request = request
        self._wanted = wanted
        self._channel = channel
        self._encoding = body.encoding
        self._early: list[Command] = []
        self._typed = 0

    async def run(self) -> None:
        """Run until the program has ended and all events are sent. Raises RequestError for a bad message."""
        listening = asyncio.create_task(self._listen())
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.wait([listening, telling], return_when=asyncio.FIRST_COMPLETED)
            if listening.done() and not telling.done():
                telling.cancel()
                await asyncio.wait([telling])
                listening.result()
            await telling
        finally:
            listening.cancel()
            telling.cancel()
            await asyncio.wait([listening, telling])
            for task in (listening, telling):
                _ = task.cancelled() or task.exception()

    async def _tell(self) -> None:
        channel, request = self._channel, self._request
        async with self._context.running(request, self._wanted, channel) as task:
            while not task.done():
                await channel.wait()
                self._catch_up()
                await _send(request, *channel.take())
        last = last_event(task, request, self._wanted.language.name, self._encoding)
        await _send(request, *channel.take(), *channel.rest(), last)
        await _close(request, NORMAL if last[0] == "result" else FAILED)

    async def _listen(self) -> None:
        """Read messages until the client leaves. Raises ClientGone, Stopped, or InvalidRequest for a bad message."""
        while True:
            command = read_command(await _receive(self._request))
            self._typed += command.size
            if self._typed > MOST_STDIN_BYTES:
                raise InvalidRequest(f"data: more than {MOST_STDIN_BYTES} bytes were typed in all")
            if len(self._early) >= MOST_EARLY:
                raise InvalidRequest(f"more than {MOST_EARLY} messages came before the program ran")
            if isinstance(command, Stop) and self._channel.controls is None:
                raise Stopped
            self._early.append(command)
            self._catch_up()

    def _catch_up(self) -> None:
        """Carry out the commands that wait, if the program runs."""
        if (controls := self._channel.controls) is None:
            return
        commands, self._early = self._early, []
        for command in commands:
            command.carry_out(controls)


async def _receive(request: Request) -> bytes:
    """The next message. Raises NotText, InvalidRequest for one that is too long, and ClientGone."""
    message: Mapping[str, object] = await request.receive()
    if message["type"] == "websocket.disconnect":
        raise ClientGone("the client closed the session")
    text = message.get("text")
    if not isinstance(text, str):
        raise NotText("messages are JSON in text frames, not in binary ones")
    return text.encode("utf-8", "surrogatepass")


async def _send(request: Request, *events: Event) -> None:
    for kind, content in events:
        text = _encode({"type": kind, **content}).decode()
        await _in_time(request.send({"type": "websocket.send", "text": text}))


async def _close(request: Request, code: int, reason: str = "") -> None:
    brief = reason.encode("utf-8", "replace")[:120].decode("utf-8", "ignore")  # the protocol has room for 123 bytes
    await _in_time(request.send({"type": "websocket.close", "code": code, "reason": brief}))


async def _in_time(sending: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await sending
    except (TimeoutError, OSError):
        raise ClientGone("the client reads nothing, or has left") from None


def _error(message: str, request: Request) -> dict[str, object]:
    return {"error": message.encode("utf-8", "replace").decode(), "request_id": request.id}


async def _refuse(request: Request, error: RequestError) -> None:
    """Send the error, and close the connection."""
    content = {**_error(str(error), request), "status": error.status}
    if error.retry_after is not None:
        content["retry_after"] = error.retry_after
    await _send(request, ("error", content))
    code = NOT_TEXT if isinstance(error, NotText) else LATER if error.retry_after is not None else REFUSED
    await _close(request, code, str(error))


async def _deny(request: Request, error: RequestError) -> None:
    """Refuse the upgrade, with a body that says why where the server can send one."""
    if "websocket.http.response" not in request.scope.get("extensions", {}):
        await request.send({"type": "websocket.close", "code": REFUSED})
        return
    response = answer(ErrorAnswer(str(error), request.id), error.status, error.headers)
    response.add([("x-request-id", request.id)])
    start = {"type": "websocket.http.response.start", "status": error.status, "headers": response.headers}
    await request.send(start)
    await request.send({"type": "websocket.http.response.body", "body": response.body})
