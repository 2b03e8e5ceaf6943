"""A name server for one reader: Caddy asks it which machines may take requests, many times a second.

`8080.runner.machines.` is answered with the addresses of `runner`'s machines that listen on 8080 and are healthy,
registered and uncordoned, in the region where the edge is; `ID.8080.runner.machines.` with that of the machine ID among
all of them, `near-iad-ord--x.8080.runner.machines.` with those in iad if there are any. This is how routes change
without reloading Caddy: a reload closes idle connections and
WebSockets, and a request just being written on one of them would be lost.
"""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Callable

ZONE = "machines."
_A, _IN = 1, 1
_RESPONSE, _AUTHORITATIVE, _RECURSION = 0x8000, 0x0400, 0x0100
_NAME_ERROR, _FORMAT_ERROR = 3, 1
_ANSWERS = 28  # what fits a 512-byte datagram beside a short question

Lookup = Callable[[str, int, str], list[str]]


def name_of(app: str, port: int, instance: str = "") -> str:
    """The name under which the edge asks for an app's machines, or for one of them."""
    return f"{instance}.{port}.{app}.{ZONE}" if instance else f"{port}.{app}.{ZONE}"


def answer(query: bytes, lookup: Lookup) -> bytes:
    """The datagram that answers `query`: A records for a known name, none for AAAA, a name error for no machine."""
    identifier, flags = struct.unpack_from("!HH", query)
    try:
        labels, end = _labels(query, 12)
        kind, _ = struct.unpack_from("!HH", query, end)
    except (IndexError, struct.error, UnicodeDecodeError):
        return struct.pack("!HHHHHH", identifier, _RESPONSE | _FORMAT_ERROR, 0, 0, 0, 0)
    addresses = _addresses(labels, lookup)
    records = addresses[:_ANSWERS] if kind == _A else []
    code = 0 if addresses else _NAME_ERROR
    status = _RESPONSE | _AUTHORITATIVE | (flags & _RECURSION) | code
    head = struct.pack("!HHHHHH", identifier, status, 1, len(records), 0, 0)
    return head + query[12 : end + 4] + b"".join(map(_record, records))


def _labels(query: bytes, at: int) -> tuple[list[str], int]:
    labels: list[str] = []
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return labels, at + 1


def _addresses(labels: list[str], lookup: Lookup) -> list[str]:
    instance = labels.pop(0) if len(labels) == 4 else ""
    if len(labels) != 3 or labels[2] + "." != ZONE or not labels[0].isdecimal():
        return []
    return lookup(labels[1], int(labels[0]), instance)


def _record(address: str) -> bytes:
    # 0xC00C points back to the question's name; a time to live of 0 leaves caching to Caddy's own `refresh`
    return struct.pack("!HHHIH", 0xC00C, _A, _IN, 0, 4) + ipaddress.IPv4Address(address).packed


class NameServer(asyncio.DatagramProtocol):
    """The protocol on its socket. `address` is `127.0.0.1:PORT` once `open` has returned."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._transport: asyncio.DatagramTransport | None = None
        self.address = ""

    async def open(self) -> None:
        """Listen on a free loopback port."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.address = f"{host}:{port}"

    def close(self) -> None:
        """Stop answering."""
        if self._transport:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        if self._transport and len(data) >= 12:
            self._transport.sendto(answer(data, self._lookup), addr)
