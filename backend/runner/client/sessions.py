"""Sessions: interactive runs over a WebSocket. Needs the websockets package."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Self

import msgspec

from backend.runner.api.messages import Command, Eof, Resize, Signal, SignalName, Stdin, Stop, to_json
from backend.runner.api.models import SessionBody
from backend.runner.client.errors import ClientError, NotUnderstood, Unreachable, refusal
from backend.runner.client.events import Event, read_message
from backend.runner.client.programs import Content

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection as AsyncConnection
    from websockets.http11 import Response
    from websockets.sync.client import ClientConnection


def _address(root: str) -> str:
    return "ws" + root.removeprefix("http") + "/api/v1/session"


def _typed(data: Content) -> Stdin:
    if isinstance(data, bytes):
        return Stdin(base64=base64.b64encode(data).decode("ascii"))
    return Stdin(data=data)


def _denied(response: Response) -> ClientError:
    """The error of a session that the service refused."""
    try:
        content = msgspec.json.decode(bytes(response.body or b""), type=dict[str, str])
    except msgspec.DecodeError:
        content = {}
    after = response.headers.get("retry-after", "")
    return refusal(
        content.get("error", f"the session was refused with {response.status_code}"), response.status_code,
        content.get("request_id", ""), float(after) if after.isdecimal() else None,
    )  # fmt: skip


class Session:
    """One session. Iterate over its events; the last is a Result. Leaving the `with` block ends the program."""

    def __init__(self, root: str, body: SessionBody, headers: Mapping[str, str]) -> None:
        self._address, self._body, self._headers = _address(root), body, headers
        self._connection: ClientConnection | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        try:
            opening = connect(self._address, additional_headers=self._headers, max_size=None)
            self._connection = self._stack.enter_context(opening)
        except InvalidStatus as error:
            raise _denied(error.response) from error
        except (WebSocketException, OSError) as error:
            raise Unreachable(f"{self._address}: {error}") from error
        self._send(msgspec.json.encode(self._body).decode())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Event]:
        from websockets.exceptions import ConnectionClosedError

        try:
            for message in self._open():
                yield read_message(message)
        except ConnectionClosedError as error:
            raise Unreachable(f"the session broke off: {error}") from error

    def type(self, data: Content) -> None:
        """Type `data`."""
        self._do(_typed(data))

    def end_input(self) -> None:
        """Say that no more will be typed: `eof` among the messages."""
        self._do(Eof())

    def signal(self, name: SignalName) -> None:
        """Send a signal to the program's foreground group."""
        self._do(Signal(name=name))

    def resize(self, rows: int, columns: int) -> None:
        """Tell the program the size of its terminal."""
        self._do(Resize(rows=rows, columns=columns))

    def stop(self) -> None:
        """End the program at once."""
        self._do(Stop())

    def _do(self, command: Command) -> None:
        self._send(to_json(command))

    def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            self._open().send(text)
        except ConnectionClosed:
            return  # it has ended; the remaining events say how

    def _open(self) -> ClientConnection:
        if self._connection is None:
            raise NotUnderstood("a session is used as `with client.session(…) as session`")
        return self._connection


class AsyncSession:
    """An asynchronous session. Iterate over its events; the last is a Result."""

    def __init__(self, root: str, body: SessionBody, headers: Mapping[str, str]) -> None:
        self._address, self._body, self._headers = _address(root), body, headers
        self._connection: AsyncConnection | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidStatus, WebSocketException

        try:
            opening = connect(self._address, additional_headers=self._headers, max_size=None)
            self._connection = await self._stack.enter_async_context(opening)
        except InvalidStatus as error:
            raise _denied(error.response) from error
        except (WebSocketException, OSError) as error:
            raise Unreachable(f"{self._address}: {error}") from error
        await self._send(msgspec.json.encode(self._body).decode())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def __aiter__(self) -> AsyncIterator[Event]:
        from websockets.exceptions import ConnectionClosedError

        try:
            async for message in self._open():
                yield read_message(message)
        except ConnectionClosedError as error:
            raise Unreachable(f"the session broke off: {error}") from error

    async def type(self, data: Content) -> None:
        """Type `data`."""
        await self._do(_typed(data))

    async def end_input(self) -> None:
        """Say that no more will be typed: `eof` among the messages."""
        await self._do(Eof())

    async def signal(self, name: SignalName) -> None:
        """Send a signal to the program's foreground group."""
        await self._do(Signal(name=name))

    async def resize(self, rows: int, columns: int) -> None:
        """Tell the program the size of its terminal."""
        await self._do(Resize(rows=rows, columns=columns))

    async def stop(self) -> None:
        """End the program at once."""
        await self._do(Stop())

    async def _do(self, command: Command) -> None:
        await self._send(to_json(command))

    async def _send(self, text: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._open().send(text)
        except ConnectionClosed:
            return  # it has ended; the remaining events say how

    def _open(self) -> AsyncConnection:
        if self._connection is None:
            raise NotUnderstood("a session is used as `async with client.session(…) as session`")
        return self._connection
