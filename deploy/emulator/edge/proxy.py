"""Runs Caddys as children: each starts with a first configuration and is reloaded whenever it changes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from deploy.emulator.children import Child
from deploy.emulator.edge.config import Layout
from deploy.emulator.errors import ChildFailed
from deploy.emulator.files import write_json
from deploy.emulator.plain import plain_client

log = logging.getLogger("emulator.edge")


class Edge:
    """One Caddy, by its name. The working directory is the state directory: socket paths stay short that way."""

    def __init__(self, name: str, caddy: Path, directory: Path, make: Callable[[Layout], dict[str, Any]]) -> None:
        first = directory / f"{name}.json"
        self.child = Child(name, [str(caddy), "run", "--config", str(first)], directory)
        self._name, self._make = name, make
        self._first = first
        self._socket = f"{name}.sock"
        self._posted: dict[str, Any] = {}
        self._lock = asyncio.Lock()

    async def start(self, layout: Layout) -> None:
        """Start Caddy and wait until each of its listeners takes connections."""
        self._first.with_name(self._socket).unlink(missing_ok=True)
        self._posted = self._make(layout)
        write_json(self._first, self._posted)
        await self.child.start()
        servers = self._posted["apps"]["http"]["servers"].values()
        ports = [int(address.rpartition(":")[2]) for server in servers for address in server["listen"]]
        await self.child.answers(lambda: _connect(self._socket, ports))

    async def apply(self, layout: Layout) -> float:
        """Give Caddy this layout unless it has it already; the seconds that took. Raises ChildFailed when refused.

        Caddy answers once the new configuration serves. Requests that it passes on just then are ended.
        """
        async with self._lock:
            wanted = self._make(layout)
            if wanted == self._posted:
                return 0.0
            began = time.perf_counter()
            async with self._admin() as client:
                answer = await client.post("/load", json=wanted)
            if answer.status_code != 200:
                raise ChildFailed(f"{self._name} refused its configuration: {answer.text}", log=self.child.log)
            self._posted = json.loads(json.dumps(wanted))
            seconds = time.perf_counter() - began
            log.info("%s reloaded in %.0f ms", self._name, seconds * 1000)
            return seconds

    async def under_way(self) -> dict[str, int]:
        """How many requests each machine (`address:port`) is serving now. Raises httpx.HTTPError."""
        async with self._admin() as client:
            answer = await client.get("/reverse_proxy/upstreams")
            found = answer.raise_for_status().json()
        return {entry["address"]: entry["num_requests"] for entry in found}

    def _admin(self) -> httpx.AsyncClient:
        return plain_client(30, socket=self._socket, base_url="http://localhost")


def _connect(admin: str, ports: Sequence[int]) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(admin)
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
