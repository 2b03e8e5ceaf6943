"""Caddy as a child: started on a first configuration, given the next one whenever it differs."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from deploy.emulator.children import Child
from deploy.emulator.edge.config import ADMIN_SOCKET, Layout, edge_config
from deploy.emulator.errors import ChildFailed
from deploy.emulator.files import write_json

log = logging.getLogger("emulator.edge")


class Edge:
    """The edge. The process's working directory is the state directory: socket paths stay short that way."""

    def __init__(self, caddy: Path, directory: Path) -> None:
        first = directory / "edge.json"
        self.child = Child("edge", [str(caddy), "run", "--config", str(first)], directory)
        self._first = first
        self._socket = directory / ADMIN_SOCKET
        self._posted: dict[str, object] = {}
        self._lock = asyncio.Lock()

    async def start(self, layout: Layout) -> None:
        """Start Caddy and wait until each of its listeners takes connections."""
        self._socket.unlink(missing_ok=True)
        self._posted = edge_config(layout)
        write_json(self._first, self._posted)
        await self.child.start()
        ports = [layout.edge_port, layout.registry_port]
        own = [*(app.own_port for app in layout.apps), *(site.own_port for site in layout.sites)]
        ports += [port for port in own if port]
        await self.child.answers(lambda: _connect(ports))

    async def apply(self, layout: Layout) -> float:
        """Give Caddy this layout unless it has it already; the seconds that took. Raises ChildFailed when refused.

        Caddy answers once the new configuration serves; requests under way end on the old one.
        """
        async with self._lock:
            wanted = edge_config(layout)
            if wanted == self._posted:
                return 0.0
            began = time.perf_counter()
            async with _admin() as client:
                answer = await client.post("/load", json=wanted)
            if answer.status_code != 200:
                raise ChildFailed(f"the edge refused its configuration: {answer.text}", log=self.child.log)
            self._posted = json.loads(json.dumps(wanted))
            seconds = time.perf_counter() - began
            log.info("edge reloaded in %.0f ms", seconds * 1000)
            return seconds

    async def under_way(self) -> dict[str, int]:
        """How many requests each machine (`address:port`) is serving now. Raises httpx.HTTPError."""
        async with _admin() as client:
            answer = await client.get("/reverse_proxy/upstreams")
            found = answer.raise_for_status().json()
        return {entry["address"]: entry["num_requests"] for entry in found}


def _admin() -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(uds=ADMIN_SOCKET)
    return httpx.AsyncClient(base_url="http://localhost", transport=transport, trust_env=False, timeout=30)


def _connect(ports: Sequence[int]) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(ADMIN_SOCKET)
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
