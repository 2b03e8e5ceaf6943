"""HTTP/1.1 as the generator speaks it: one request, one whole answer, on a kept connection or on a new one.

Over h11 rather than a whole client library: a fifth of the processor time, and nothing here may hide a lost request by
sending it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

from deploy.errors import UsageError

TIMEOUT_SECONDS = 10.0
BLOCK = 64 * 1024


class NoAnswer(Exception):
    """No whole answer came; the message says how it failed."""


@dataclass(frozen=True)
class Origin:
    """Where requests go. The name was looked up once: a look-up for each connection would measure the resolver."""

    authority: str
    address: str
    port: int
    tls: str | None = None
    """The name that the certificate must be for."""

    @property
    def loopback(self) -> bool:
        """Whether it is this machine."""
        return ipaddress.ip_address(self.address).is_loopback


def origin_of(url: str) -> Origin:
    """The origin of a URL; raises UsageError when it is none or its name is not known."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is no http(s) URL; give one as `invoke status` shows it")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except OSError as unknown:
        raise UsageError(f"{parts.hostname} cannot be looked up ({unknown}); check the URL") from None
    # IPv4 first: a rehearsal listens there alone, whatever else `localhost` may stand for.
    address = str(min(found, key=lambda one: one[0] != socket.AF_INET)[4][0])
    authority = parts.netloc.rpartition("@")[2]
    return Origin(authority, address, port, parts.hostname if parts.scheme == "https" else None)


@dataclass(frozen=True)
class Request:
    """What is asked. A body is JSON. The whole answer must be there within `seconds`."""

    path: str
    body: bytes = b""
    seconds: float = TIMEOUT_SECONDS


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


class Client:
    """Asks one origin. Belongs to one event loop."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._tls = ssl.create_default_context() if origin.tls else None
        self._kept: list[_Connection] = []

    async def ask(self, request: Request, *, fresh: bool) -> Answer:
        """The answer, over a new connection or a kept one (when there is one). Raises NoAnswer."""
        connection: _Connection | None = None
        keep = False
        try:
            async with asyncio.timeout(request.seconds):
                connection = (None if fresh else self._take()) or await self._connect()
                answer = await connection.ask(request)
            keep = not fresh and connection.reusable()
        except TimeoutError:
            raise NoAnswer(f"no whole answer within {request.seconds:g} s") from None
        except ConnectionRefusedError:
            raise NoAnswer("connection refused") from None
        except OSError as broken:
            raise NoAnswer(f"connection broke: {broken}") from None
        finally:
            if connection is not None:
                if keep:
                    self._kept.append(connection)
                else:
                    connection.close()
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        while self._kept:
            self._kept.pop().close()

    def _take(self) -> _Connection | None:
        """A kept connection that its other end has not closed."""
        while self._kept:
            connection = self._kept.pop()
            if connection.alive():
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        origin = self.origin
        reader, writer = await asyncio.open_connection(
            origin.address, origin.port, limit=2 * BLOCK, ssl=self._tls, server_hostname=origin.tls
        )
        return _Connection(origin.authority, reader, writer)


class _Connection:
    def __init__(self, authority: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._authority, self._reader, self._writer = authority, reader, writer
        self._http = h11.Connection(h11.CLIENT)

    async def ask(self, request: Request) -> Answer:
        self._writer.write(self._written(request))
        status, body = 0, bytearray()
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as wrong:
                raise NoAnswer(self._broken(status, len(body), wrong)) from None
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(BLOCK))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return Answer(status, bytes(body))

    def _written(self, request: Request) -> bytes:
        headers = [("Host", self._authority), ("Accept", "*/*"), ("User-Agent", "codecanvas-traffic")]
        if request.body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(request.body)))]
        method = "POST" if request.body else "GET"
        data = self._http.send(h11.Request(method=method, target=request.path, headers=headers)) or b""
        if request.body:
            data += self._http.send(h11.Data(data=request.body)) or b""
        return data + (self._http.send(h11.EndOfMessage()) or b"")

    def _broken(self, status: int, received: int, wrong: Exception) -> str:
        if not self._reader.at_eof():
            return f"malformed answer: {wrong}"
        return f"answer {status} cut off after {received} bytes" if status else "connection closed without an answer"

    def reusable(self) -> bool:
        """Whether another request may follow; makes ready for it."""
        with contextlib.suppress(h11.LocalProtocolError):
            self._http.start_next_cycle()
            return True
        return False

    def alive(self) -> bool:
        return not self._reader.at_eof() and self._reader.exception() is None and not self._writer.is_closing()

    def close(self) -> None:
        self._writer.close()
