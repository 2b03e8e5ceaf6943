"""The ASGI application: both APIs and the registry's access check, with a request id on every answer."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.emulator.access import Keyring, basic_password, logged
from deploy.emulator.faults.api import FaultsApi
from deploy.emulator.fly.addresses import Addresses
from deploy.emulator.fly.api import FlyApi
from deploy.emulator.fly.belongings import Belongings
from deploy.emulator.fly.logs import Logs
from deploy.emulator.fly.rates import Limited
from deploy.emulator.fly.tokens import CurrentToken
from deploy.emulator.fly.volumes import Volumes
from deploy.emulator.model import ulid
from deploy.emulator.pages.api import PagesApi
from deploy.emulator.pages.ticket import project_of
from deploy.emulator.registry.access import ENGINE, decide
from deploy.emulator.store import Store

log = logging.getLogger("emulator.api")


def application(
    store: Store,
    keyring: Keyring,
    fly: FlyApi,
    pages: PagesApi,
    faults: FaultsApi,
    *,
    limited: Callable[[], bool],
) -> ASGIApp:
    """Everything that the API port answers; `limited` tells whether the provider's rates apply now."""
    door = RegistryDoor(store, keyring)
    routes = [
        Mount("/v1", routes=machines_api(fly)),
        Mount("/api/v1", routes=Logs(fly).routes()),
        Mount("/client/v4", routes=pages.routes()),
        Mount("/emulator", routes=faults.routes()),
        Route("/registry-access", door.ask),
    ]
    app: ASGIApp = Starlette(routes=routes, exception_handlers={HTTPException: _not_found, Exception: _broken})
    return Identified(Limited(app, lambda authorization: keyring.fly(authorization) is not None, limited))


def machines_api(fly: FlyApi) -> list[Route]:
    """All routes of the Machines API."""
    parts = (fly, Addresses(fly), Belongings(fly), Volumes(fly), CurrentToken(fly))
    return [route for part in parts for route in part.routes()]


def environment_of(store: Store, keyring: Keyring) -> Callable[[Mapping[bytes, bytes]], str | None]:
    """Tells from a request's headers whose it is, whichever API it is for."""

    def find(headers: Mapping[bytes, bytes]) -> str | None:
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        for ask in (keyring.fly, keyring.pages, keyring.registry):
            if environment := ask(authorization):
                return environment
        jwt = authorization.partition(" ")[2].strip()
        project = store.world.projects.get(project_of(store.private.jwt_key, jwt, time.time()) or "")
        return project.environment if project else None

    return find


class RegistryDoor:
    """Answers the edge: may this request go on to the registry?"""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store, self._keyring = store, keyring

    async def ask(self, request: Request) -> Response:
        """200, or the refusal that the edge hands to the client."""
        authorization = request.headers.get("authorization", "")
        method = request.headers.get("x-forwarded-method", "")
        uri = request.headers.get("x-forwarded-uri", "")
        owners = {app.name: app.environment for app in self._store.world.apps.values()}
        decision = decide(method, uri, self._speaker(authorization), owners)
        headers = {"Docker-Distribution-Api-Version": "registry/2.0"}
        if decision.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="registry.fly.io"'
        if decision.status == 200:
            return Response(headers=headers)
        log.info("registry: %s %s refused: %s", method, uri.partition("?")[0], decision.message)
        errors = [{"code": decision.code, "message": decision.message, "detail": None}]
        return JSONResponse({"errors": errors}, status_code=decision.status, headers=headers)

    def _speaker(self, authorization: str) -> str | None:
        password = basic_password(authorization) or ""
        if hmac.compare_digest(password.encode(), self._store.private.engine_password.encode()):
            return ENGINE
        return self._keyring.registry(authorization)


class Identified:
    """Gives every answer a `fly-request-id` and notes every change that was asked for: no headers, no bodies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier, began = ulid(), time.perf_counter()

        async def identified(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"fly-request-id", identifier.encode())]
                if scope["method"] not in ("GET", "HEAD"):
                    spent = (time.perf_counter() - began) * 1000
                    log.info(
                        "%s %s %s %.0f ms %s",
                        scope["method"],
                        logged(scope["path"]),
                        message["status"],
                        spent,
                        identifier,
                    )
            await send(message)

        await self._app(scope, receive, identified)


async def _not_found(request: Request, error: Exception) -> Response:
    """No such route, or not with that method."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _shaped(request, status, f"{request.method} {request.url.path}: no such endpoint in the emulator", 7003)


async def _broken(request: Request, error: Exception) -> Response:
    """The emulator's own fault: the log says more."""
    log.error("%s %s broke", request.method, logged(request.url.path), exc_info=error)
    return _shaped(request, 500, "the emulator broke on this request; see its log", 10001)


def _shaped(request: Request, status: int, message: str, code: int) -> Response:
    if request.url.path.startswith("/client/"):
        errors = [{"code": code, "message": message}]
        return JSONResponse({"success": False, "errors": errors, "messages": [], "result": None}, status)
    return JSONResponse({"error": message, "status": "unknown"}, status)
