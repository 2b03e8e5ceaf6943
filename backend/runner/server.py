"""The server process: opens sockets, handles signals, and shuts down in order."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Any, cast

import uvicorn

from backend.runner.api.app import App, create_app
from backend.runner.api.body import MOST_BYTES
from backend.runner.api.metrics import Metrics
from backend.runner.errors import SettingsError
from backend.runner.service import Service
from backend.runner.settings import Settings
from backend.runner.startup import make_service

_log = logging.getLogger("codecanvas.runner")


ANSWERING_SECONDS = 2.0
"""How long answers to runs that have ended may take to be sent before connections are closed."""


class _Server(uvicorn.Server):
    """Keeps answering during shutdown: new runs get 503 with Retry-After, and health checks still work."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # `_signalled` handles them, from before the first socket was opened

    async def end_when(self, asked: asyncio.Event, service: Service) -> None:
        """Wait for the signal to end, let current runs finish, then close."""
        await asked.wait()
        _log.info("finishing the runs in hand")
        await service.stop()
        # The runs are over, their answers may not be: a session that is closed now would lose its last messages.
        if answering := set(self.server_state.tasks):
            await asyncio.wait(answering, timeout=ANSWERING_SECONDS)
        self.should_exit = True


@contextlib.contextmanager
def _signalled() -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set instead of ending the process."""
    loop, asked = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    try:
        yield asked
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _listen(settings: Settings) -> list[socket.socket]:
    """Open a socket for each address. Raises SettingsError if none can be opened."""
    sockets: list[socket.socket] = []
    failures: list[str] = []
    port = settings.port
    for host in settings.hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            failures.append(f"{host}: {error.strerror or error}")
            continue
        port = port or listener.getsockname()[1]  # the same port for all, also if the setting is 0
        sockets.append(listener)
    if not sockets:
        raise SettingsError(f"RUNNER_HOST, RUNNER_PORT={settings.port}: cannot listen ({'; '.join(failures)})")
    for failure in failures:
        _log.warning("not listening on %s", failure)
    return sockets


def configuration(app: App) -> uvicorn.Config:
    """The server's configuration."""
    return uvicorn.Config(
        cast("Any", app),  # its own types say the same as the server's, in other words
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(ANSWERING_SECONDS),
    )


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingsError, SandboxError or LayersMissing if it cannot start."""
    with _signalled() as asked:
        await _serve(settings, asked)


async def _serve(settings: Settings, asked: asyncio.Event) -> None:
    sockets = _listen(settings)
    metrics = Metrics()
    try:
        async with make_service(settings, metrics.observe) as service:
            _log.info("languages: %s", ", ".join(service.languages))
            for listener in sockets:
                _log.info("listening on %s port %d", *listener.getsockname()[:2])
            server = _Server(configuration(create_app(service, metrics)))
            ending = asyncio.create_task(server.end_when(asked, service))
            try:
                await server.serve(sockets)
            finally:
                ending.cancel()
    finally:
        for listener in sockets:
            listener.close()
