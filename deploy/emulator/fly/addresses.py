"""The Machines API's routes for an app's addresses. An app made through the API has none: its name leads nowhere."""

from __future__ import annotations

import hashlib
import ipaddress

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.fly.api import Endpoint, FlyApi, answering
from deploy.emulator.fly.wire import read_object
from deploy.emulator.model import App, Json, now_text

KINDS = frozenset({"v4", "shared_v4", "v6", "private_v6"})


class Addresses:
    """The routes, over the API that knows who may speak."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """All routes of this file, to be mounted at /v1."""
        path = "/apps/{app}/ip_assignments"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", path, self.list_all),
            ("POST", path, self.assign),
            ("DELETE", path + "/{ip}", self.remove),
        ]
        return [Route(path, answering(endpoint), methods=[method]) for method, path, endpoint in table]

    async def list_all(self, request: Request) -> Response:
        return JSONResponse({"ips": self._api.app(request).addresses})

    async def assign(self, request: Request) -> Response:
        """One more each time; a shared one is the app's only one, and asked for again it is the same."""
        body, app = await read_object(request), self._api.app(request)
        kind = body.get("type")
        if kind not in KINDS:
            raise FlyRefusal(400, f"type {kind!r} is none of {', '.join(sorted(KINDS))}")
        ip = _ip(app, str(kind))
        made: Json = {"ip": ip, "region": str(body.get("region") or "global"), "shared": kind == "shared_v4"}
        known = next((each for each in app.addresses if each["ip"] == ip), None)
        if known is None:
            app.addresses.append(known := {**made, "created_at": now_text()})
            app.allocated += 1
            await self._changed()
        return JSONResponse(known)

    async def remove(self, request: Request) -> Response:
        app, ip = self._api.app(request), request.path_params["ip"]
        left = [each for each in app.addresses if each["ip"] != ip]
        if len(left) == len(app.addresses):
            raise FlyRefusal(404, f"app {app.name} has no address {ip}")
        app.addresses = left
        await self._changed()
        return Response(status_code=204)

    async def _changed(self) -> None:
        self._api.fleet.save()
        await self._api.fleet.routes_changed()


def reachable(app: App | None) -> bool:
    """Whether the app's name leads to the edge: it has a public address."""
    return app is not None and any(not ipaddress.ip_address(each["ip"]).is_private for each in app.addresses)


def _ip(app: App, kind: str) -> str:
    """An address of the kind that the provider gives, another one each time; a shared one is always the same."""
    number = 0 if kind == "shared_v4" else app.allocated
    digest = hashlib.sha256(f"{app.id} {kind} {number}".encode()).digest()
    if kind == "shared_v4":
        return f"66.241.{124 + digest[0] % 2}.{digest[1]}"
    if kind == "v4":
        return f"37.16.{digest[0] % 32}.{digest[1]}"
    prefix = "2a09:8280:1:" if kind == "v6" else "fdaa:0:1:"
    return str(ipaddress.ip_address(f"{prefix}{digest[:2].hex()}:{digest[2:4].hex()}:{digest[4:6].hex()}:0:1"))
