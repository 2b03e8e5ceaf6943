"""A connection to the service that costs little: eight of them must not be what is measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

ANSWER_SECONDS = 90.0


class Wire:
    """One client. Its connection is kept, and made anew after it was closed."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: Mapping[str, Any]) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and content of the answer. Raises OSError or TimeoutError when there is none."""
        async with asyncio.timeout(ANSWER_SECONDS):
            reader, writer = await self._connected()
            writer.write(_request(body))
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            content = await reader.readexactly(int(headers["content-length"]))
            if headers.get("connection") == "close":
                self.close()
            return int(head[0].split()[1]), headers, json.loads(content)

    async def vanish(self, body: Mapping[str, Any], after: float) -> None:
        """Ask for a run and be gone `after` some seconds, without a word."""
        self.close()
        _, writer = await self._connected()
        writer.write(_request(body))
        await asyncio.sleep(after)
        writer.transport.abort()
        self._streams = None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port, limit=1 << 20)
        return self._streams

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def _request(body: Mapping[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = "POST /api/v1/run HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content
