"""Serves the projects' hosts, each on a port of its own, from what their deployments are made of.

It is a part of the host process: a new deployment is another value, so its files and its rules change at once, and no
request is lost by it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.emulator.model import Deployment, Project
from deploy.emulator.pages.assets import Assets
from deploy.emulator.pages.rules import pathname, read_rules
from deploy.emulator.pages.site import Answer, Asked, Preserved, Site

IDLE_SECONDS = 75
"""How long a connection without requests is kept."""


class _Server(uvicorn.Server):
    """Signals are the host process's own business."""

    @contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


class Sites:
    """The ASGI application of all projects. `ports` names the project of each port on loopback.

    `cold` tells of an environment's path whether what was served there lately is forgotten.
    """

    def __init__(
        self,
        projects: Mapping[str, Project],
        assets: Callable[[str], Assets],
        ports: Mapping[int, str],
        cold: Callable[[str, str], bool] = lambda *_: False,
    ) -> None:
        self._projects, self._assets, self._ports, self._cold = projects, assets, ports, cold
        self._preserved: dict[str, Preserved] = {}
        self._made: dict[str, tuple[str, Site]] = {}

    def site(self, name: str) -> Site | None:
        """What the project's host serves; None before its first deployment."""
        project = self._projects.get(name)
        if project is None or project.host:  # never made, deleted, or served at another address
            return None
        served = project.deployments.get(project.canonical or "")
        if served is None:
            return None
        made, site = self._made.get(name, ("", None))
        if site is None or made != served.id:
            site = self._site(name, served)
            self._made[name] = served.id, site
        return site

    def _site(self, name: str, served: Deployment) -> Site:
        preserved = self._preserved.setdefault(name, Preserved())
        rules = read_rules(served.headers, served.redirects)
        environment = self._projects[name].environment
        return Site(
            served.files,
            self._assets(name).type_of,
            rules,
            preserved,
            time.monotonic,
            lambda path: self._cold(environment, path),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        name = self._ports[scope["server"][1]]
        site, asked = self.site(name), _asked(scope)
        answer = site.answer(asked) if site else Answer(404)
        body = b""
        if answer.asset:
            try:
                body = await asyncio.to_thread(self._assets(name).read, answer.asset)
            except FileNotFoundError:  # preserved, and its asset went with its deployment
                answer = Answer(404)
        headers = answer.headers if answer.status == 304 else {**answer.headers, "content-length": str(len(body))}
        encoded = [(key.encode(), value.encode("utf-8")) for key, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
        await send({"type": "http.response.body", "body": b"" if asked.method == "HEAD" else body})

    @asynccontextmanager
    async def serving(self, app: ASGIApp | None = None) -> AsyncIterator[None]:
        """Listening on every port until the block is left; `app`, if given, stands before this one."""
        config = uvicorn.Config(
            app or self,
            proxy_headers=False,
            server_header=False,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        listeners = [_listener(port) for port in self._ports]
        task = asyncio.create_task(server.serve(sockets=listeners))
        try:
            yield
        finally:
            server.should_exit = True
            await task
            for listener in listeners:
                listener.close()


def _listener(port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only for a socket that says it is TCP; 40 ms an answer otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(512)
    return listener


def _asked(scope: Scope) -> Asked:
    headers = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    raw = scope["raw_path"].partition(b"?")[0].decode("utf-8", errors="replace")
    return Asked(scope["method"], headers.get("host", ""), pathname(raw), query, headers)
