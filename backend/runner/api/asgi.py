"""HTTP without a framework: reads what an ASGI server passes on, and answers.

A request here is one of a dozen exact paths with a JSON body: no path parameter, no cookie, no form. What a framework
would add to each is measured in ARCHITECTURE.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from backend.runner.errors import ClientGone

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class Request:
    """One request. Header names are given in lower case, as ASGI has them."""

    __slots__ = ("_gone", "client", "id", "receive", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.id = request_id
        self.client = ""
        """Name of the client, by which the queue takes turns; set by `Access.admit`."""
        self._gone = False

    @property
    def method(self) -> str:
        """GET, POST, …; a WebSocket has none."""
        return str(self.scope.get("method", ""))

    @property
    def path(self) -> str:
        """The path, decoded, without the query."""
        return str(self.scope["path"])

    def header(self, name: bytes) -> str:
        """The first header of that name; empty where there is none."""
        for key, value in self.scope["headers"]:
            if key == name:
                return str(value.decode("latin-1"))
        return ""

    def has(self, name: bytes) -> bool:
        """Whether the header is present, even if it is empty."""
        return any(key == name for key, _ in self.scope["headers"])

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ClientGone where it ends too early."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client went away before it had sent all")
            if block := message.get("body", b""):
                yield block
            if not message.get("more_body", False):
                return

    @asynccontextmanager
    async def while_connected(self) -> AsyncIterator[None]:
        """Cancel what is done inside once the client has left, and raise ClientGone. The body must have been read."""
        here = asyncio.current_task()
        watching = asyncio.create_task(self._departure())

        def left(watch: asyncio.Task[None]) -> None:
            if not watch.cancelled() and here is not None:
                self._gone = True
                here.cancel()

        watching.add_done_callback(left)
        try:
            yield
        except asyncio.CancelledError:
            if self._gone and here is not None and here.uncancel() == 0:
                raise ClientGone("the client went away") from None
            raise
        finally:
            watching.remove_done_callback(left)
            watching.cancel()

    async def _departure(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass


class Response:
    """An answer whose whole body is known before it is sent."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, status: int = 200, media_type: str = JSON, headers: Iterable[tuple[str, str]] = ()):
        self.body = body
        self.status = status
        self.headers: Headers = [(b"content-type", media_type.encode("latin-1"))] if media_type else []
        self.add(headers)

    def add(self, headers: Iterable[tuple[str, str]]) -> None:
        """Add `headers`."""
        self.headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]

    async def send(self, request: Request) -> None:
        """Send it; to HEAD without its body."""
        headers = self.headers
        if self.status not in {204, 304}:
            headers = [*headers, (b"content-length", b"%d" % len(self.body))]
        await request.send({"type": "http.response.start", "status": self.status, "headers": headers})
        body = b"" if request.method == "HEAD" else self.body
        await request.send({"type": "http.response.body", "body": body})


Handler = Callable[[Request], Awaitable[Response | None]]
"""Answers a request; None where it has sent its answer itself."""

Routes = dict[str, dict[str, Handler]]
"""Handlers by path and method."""


def answer(content: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """`content`, a msgspec structure or plain data, as JSON."""
    return Response(_encode(content), status, JSON, headers)
