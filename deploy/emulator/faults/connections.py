"""Tracks the API port's open connections, so that a fault can close one mid-request: ASGI cannot do that."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.auto import AutoHTTPProtocol

_Base: Any = AutoHTTPProtocol  # a class that depends on what is installed


class Connections:
    """Connections by the client's address, which is its own for as long as it lasts."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def protocol(self) -> type[asyncio.Protocol]:
        """A server protocol that notes its connections here."""
        known = self._open

        class Noted(_Base):  # type: ignore[misc]
            def connection_made(self, transport: asyncio.Transport) -> None:
                self._peer = transport.get_extra_info("peername")
                known[self._peer] = transport
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                known.pop(self._peer, None)
                super().connection_lost(exc)

        return Noted

    def drop(self, scope: Scope) -> None:
        """Close the connection that this request came on, with no word more."""
        if found := self._open.get(tuple(scope["client"])):
            found.abort()
