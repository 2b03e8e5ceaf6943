"""One connection to the service, kept open, with as little between the clock and the wire as Python allows."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError

_numbers = itertools.count(time.time_ns() // 1_000_000)


def unique() -> str:
    """A number that no other program has."""
    return str(next(_numbers))


@dataclass(frozen=True)
class Streamed:
    """Seconds from the request until the program's first output, and until its result."""

    first_byte: float
    result: float


class Connection:
    """Sends one request after the other."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def run(self, body: dict[str, Any]) -> float:
        """Seconds from sending the request until the whole answer is here; raises DeployError unless all was well."""
        request = post("/api/v1/run", body)
        begun = time.perf_counter()
        self._socket.sendall(request)
        answer = self._until_complete()
        seconds = time.perf_counter() - begun
        if not answer.startswith(b"HTTP/1.1 200") or b'"status":"ok"' not in answer:
            raise DeployError(f"a run of {body['language']} failed while it was measured: {answer[-500:]!r}")
        return seconds

    def stream(self, body: dict[str, Any]) -> Streamed:
        """The same with events as they come."""
        request, received, first = post("/api/v1/run/stream", body), bytearray(), 0.0
        begun = time.perf_counter()
        self._socket.sendall(request)
        while not received.endswith(b"\r\n0\r\n\r\n"):
            received += self._receive()
            if not first and b"event: output" in received:
                first = time.perf_counter() - begun
        seconds = time.perf_counter() - begun
        if not first or b'"status":"ok"' not in received:
            raise DeployError(f"a streamed run of {body['language']} failed: {bytes(received[-500:])!r}")
        return Streamed(first, seconds)

    def _until_complete(self) -> bytes:
        received = bytearray()
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._receive()
        length = int(received[:end].lower().partition(b"content-length:")[2].split()[0])
        while len(received) < end + 4 + length:
            received += self._receive()
        return bytes(received)

    def _receive(self) -> bytes:
        block = self._socket.recv(1 << 16)
        if not block:
            raise DeployError("the service closed the connection while it was measured")
        return block


def post(path: str, body: dict[str, Any]) -> bytes:
    """A whole request."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


@contextmanager
def connected(port: int) -> Iterator[Connection]:
    """A connection, closed at the end."""
    connection = Connection(port)
    try:
        yield connection
    finally:
        connection.close()
