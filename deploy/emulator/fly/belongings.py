"""The Machines API's routes for what belongs to a machine or app: leases, metadata, secrets."""

from __future__ import annotations

import hashlib
import re
import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.fly.api import Endpoint, FlyApi, answering
from deploy.emulator.fly.wire import NONCE_HEADER, lease_json, ok, read_object
from deploy.emulator.machines import leases
from deploy.emulator.model import App, Json, Machine, now_text

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Belongings:
    """The routes, over the API that knows who may speak."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """All routes of this file, to be mounted at /v1."""
        machine = "/apps/{app}/machines/{machine}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", machine + "/lease", self.get_lease),
            ("POST", machine + "/lease", self.take_lease),
            ("DELETE", machine + "/lease", self.release_lease),
            ("GET", machine + "/metadata", self.get_metadata),
            ("PATCH", machine + "/metadata", self.patch_metadata),
            ("PUT", machine + "/metadata", self.put_metadata),
            ("GET", machine + "/metadata/{key}", self.get_key),
            ("POST", machine + "/metadata/{key}", self.set_key),
            ("DELETE", machine + "/metadata/{key}", self.delete_key),
            ("GET", "/apps/{app}/secrets", self.list_secrets),
            ("POST", "/apps/{app}/secrets", self.set_secrets),
            ("GET", "/apps/{app}/secrets/{name}", self.get_secret),
            ("POST", "/apps/{app}/secrets/{name}", self.set_secret),
            ("DELETE", "/apps/{app}/secrets/{name}", self.delete_secret),
        ]
        return [Route(path, answering(endpoint), methods=[method]) for method, path, endpoint in table]

    # leases

    async def get_lease(self, request: Request) -> Response:
        machine = self._api.machine(request)
        lease = leases.current(machine, time.time())
        if lease is None:
            raise FlyRefusal(404, f"machine {machine.id} has no lease")
        shown = lease_json(lease, machine)
        shown["data"]["nonce"] = ""  # only its holder knows it
        return JSONResponse(shown)

    async def take_lease(self, request: Request) -> Response:
        body, machine = await read_object(request), self._api.reachable(request)
        ttl = body.get("ttl") or leases.DEFAULT_TTL
        if not isinstance(ttl, int):
            raise FlyRefusal(400, f"ttl {ttl!r} is not a number of seconds")
        nonce, owner = request.headers.get(NONCE_HEADER, ""), self._api.speaker(request)
        lease = leases.acquire(machine, nonce, ttl, owner, str(body.get("description") or ""), time.time())
        self._api.fleet.save()
        return JSONResponse(lease_json(lease, machine), status_code=201)

    async def release_lease(self, request: Request) -> Response:
        leases.release(self._api.machine(request), request.headers.get(NONCE_HEADER, ""), time.time())
        self._api.fleet.save()
        return ok()

    # metadata

    async def get_metadata(self, request: Request) -> Response:
        return JSONResponse(self._api.machine(request).metadata)

    async def patch_metadata(self, request: Request) -> Response:
        return await self._write_metadata(request, keep=True)

    async def put_metadata(self, request: Request) -> Response:
        return await self._write_metadata(request, keep=False)

    async def _write_metadata(self, request: Request, keep: bool) -> Response:
        body, machine = await read_object(request), self._api.mutable(request)
        given = body.get("metadata")
        if not isinstance(given, dict) or not all(isinstance(v, str) or v is None for v in given.values()):
            raise FlyRefusal(400, "metadata is not an object of strings")
        version = body.get("machine_version")
        if version and version != machine.instance_id:
            raise FlyRefusal(412, f"machine_version {version} is not the machine's version {machine.instance_id}")
        merged = (machine.metadata if keep else {}) | given
        machine.config["metadata"] = {key: value for key, value in merged.items() if value}
        return self._changed(machine)

    async def get_key(self, request: Request) -> Response:
        key, metadata = request.path_params["key"], self._api.machine(request).metadata
        if key not in metadata:
            raise FlyRefusal(404, f"no metadata {key}")
        return JSONResponse({"value": metadata[key]})

    async def set_key(self, request: Request) -> Response:
        body, machine = await read_object(request), self._api.mutable(request)
        if not isinstance(body.get("value"), str):
            raise FlyRefusal(400, "value is not a string")
        machine.metadata[request.path_params["key"]] = body["value"]
        return self._changed(machine)

    async def delete_key(self, request: Request) -> Response:
        machine = self._api.mutable(request)
        machine.metadata.pop(request.path_params["key"], None)
        return self._changed(machine)

    def _changed(self, machine: Machine) -> Response:
        machine.updated_at = now_text()
        self._api.fleet.save()
        return Response(status_code=204)

    # secrets

    async def list_secrets(self, request: Request) -> Response:
        return JSONResponse({"secrets": _shown(self._api.app(request))})

    async def set_secrets(self, request: Request) -> Response:
        app, body = self._api.app(request), await read_object(request)
        values = body.get("values")
        if not isinstance(values, dict):
            raise FlyRefusal(400, "values is not an object of names and values")
        return JSONResponse(self._write(app, values))

    async def get_secret(self, request: Request) -> Response:
        app, name = self._api.app(request), request.path_params["name"]
        if name not in app.secrets:
            raise FlyRefusal(404, f"no secret {name}")
        return JSONResponse({"name": name, **app.secrets[name]})

    async def set_secret(self, request: Request) -> Response:
        app, body = self._api.app(request), await read_object(request)
        name = request.path_params["name"]
        written = self._write(app, {name: body.get("value") or ""})
        entry = {"name": name, **app.secrets[name]}
        return JSONResponse({**entry, "version": written["version"], "Version": written["version"]}, status_code=201)

    async def delete_secret(self, request: Request) -> Response:
        app, name = self._api.app(request), request.path_params["name"]
        if name not in app.secrets:
            raise FlyRefusal(404, f"no secret {name}")
        version = self._write(app, {name: None})["version"]
        return JSONResponse({"version": version, "Version": version})

    def _write(self, app: App, values: Json) -> Json:
        """Set what has a value, remove what is null; one new version for all. No error shows a value."""
        for name, value in values.items():
            if not _SECRET_NAME.fullmatch(name) or not (value is None or isinstance(value, str)):
                raise FlyRefusal(400, f"secret {name!r}: needs a name of letters, digits and _, and a string or null")
        private = self._api.store.private.values.setdefault(app.name, {})
        for name, value in values.items():
            if value is None:
                private.pop(name, None)
                app.secrets.pop(name, None)
                continue
            private[name] = value
            made = app.secrets.get(name, {}).get("created_at") or now_text()
            digest = hashlib.sha256(f"{app.id}:{value}".encode()).hexdigest()[:16]
            app.secrets[name] = {"digest": digest, "created_at": made, "updated_at": now_text()}
        app.secrets_version += 1
        self._api.store.save_private()
        self._api.fleet.save()
        return {"secrets": _shown(app), "version": app.secrets_version, "Version": app.secrets_version}


def _shown(app: App) -> list[Json]:
    return [{"name": name, **entry} for name, entry in sorted(app.secrets.items())]
