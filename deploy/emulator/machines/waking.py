"""A request for an app with no running machine starts one, and is then served.

The name server sends such a request here instead: to a loopback address of the host process's own, on the machines' own
port. The connection is held until a machine is healthy, and then joined to it byte for byte, so that bodies, streams
and WebSockets pass as they are. The edge's configuration knows nothing of it, and what runs is routed as ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.machines.fleet import Fleet
from deploy.emulator.machines.scaling import autostart, started_at
from deploy.emulator.model import Machine, World

log = logging.getLogger("emulator.scaling")

WAKE_SECONDS = 60.0
FRESH_SECONDS = 15.0  # for so long a machine that has started may still become healthy
ATTEMPTS = 8
COMING = frozenset({"starting", "restarting"})
RESTING = frozenset({"stopped", "suspended"})
CHUNK = 64 << 10
NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Waker:
    """Holds requests and starts machines, in the `nearest` region first. Listens only for apps that asked for it."""

    def __init__(self, world: World, fleet: Fleet, nearest: Callable[[], str]) -> None:
        self._world, self._fleet, self._nearest = world, fleet, nearest
        self._addresses: dict[tuple[str, int], str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def addresses(self, app: str, port: int) -> list[str]:
        """Where to send a request for `app`, none of whose machines takes it now: here, or nowhere."""
        if not any(self._may_start(machine, port) or self._comes(machine, port) for machine in self._machines(app)):
            return []
        if (app, port) not in self._addresses and not self._listen(app, port):
            return []
        return [self._addresses[app, port]]

    def known(self, app: str) -> list[str]:
        """The addresses at which requests for the app are held."""
        return [address for (name, _), address in self._addresses.items() if name == app]

    async def close(self) -> None:
        """Hold no request any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # who could serve

    def _machines(self, app: str) -> list[Machine]:
        known = self._world.machines_of(app)
        return [machine for machine in known if autostart(machine) and machine.registered and not machine.cordoned]

    def _may_start(self, machine: Machine, port: int) -> bool:
        return machine.state in RESTING and machine.internal_port == port

    def _comes(self, machine: Machine, port: int) -> bool:
        fresh = machine.state == "started" and time.time() - started_at(machine) < FRESH_SECONDS
        return machine.internal_port == port and (machine.state in COMING or fresh)

    # holding and joining

    def _listen(self, app: str, port: int) -> bool:
        for _ in range(ATTEMPTS):
            address = f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((address, port))
            except OSError as error:
                listener.close()
                log.warning("requests for %s cannot be held at %s:%d: %s", app, address, port, error)
                continue
            listener.listen(128)
            listener.setblocking(False)
            self._addresses[app, port] = address
            self._task(self._accept(app, port, listener))
            return True
        return False

    async def _accept(self, app: str, port: int, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                connection, _ = await loop.sock_accept(listener)
                self._task(self._hold(app, port, connection))

    async def _hold(self, app: str, port: int, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            address = await self._awake(app, port)
            if address is None:
                writer.write(NOBODY)
                await writer.drain()
                return
            there, back = await asyncio.open_connection(address, port)
            try:
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
            finally:
                back.close()
        except OSError as error:
            log.info("a held request for %s was lost: %s", app, error)
        finally:
            writer.close()

    async def _awake(self, app: str, port: int) -> str | None:
        """The address of a machine that serves, one started for it when none is coming."""

        def serving() -> list[str]:
            return self._fleet.addresses(app, port)

        def hopeless() -> bool:
            return not any(self._comes(machine, port) for machine in self._machines(app))

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WAKE_SECONDS):
                while not serving():
                    if hopeless() and not self._start_one(app, port):
                        return None
                    await self._fleet.until(lambda: bool(serving()) or hopeless(), 1.0)
        return next(iter(serving()), None)

    def _start_one(self, app: str, port: int) -> bool:
        for machine in sorted(self._machines(app), key=lambda machine: machine.region != self._nearest()):
            if self._may_start(machine, port):
                log.info("a request for %s starts machine %s", app, machine.id)
                with contextlib.suppress(FlyRefusal):
                    self._fleet.start(machine)
                    return True
        return False

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass bytes on until the source ends, and the end as well."""
    while chunk := await source.read(CHUNK):
        sink.write(chunk)
        await sink.drain()
    with contextlib.suppress(OSError):
        sink.write_eof()
