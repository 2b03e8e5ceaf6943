"""The Machines API's routes for volumes: directories of the state directory, mounted into machines."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.fly.api import Endpoint, FlyApi, answering
from deploy.emulator.fly.wire import read_object
from deploy.emulator.model import Json, Volume

_NAME = re.compile(r"[a-z0-9_]{1,30}")
DEFAULT_GB, MOST_GB = 3, 500
BLOCK = 4096


class Volumes:
    """The routes, over the API that knows who may speak."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """All routes of this file, to be mounted at /v1."""
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/apps/{app}/volumes", self.list),
            ("POST", "/apps/{app}/volumes", self.create),
            ("GET", "/apps/{app}/volumes/{volume}", self.get),
            ("DELETE", "/apps/{app}/volumes/{volume}", self.delete),
        ]
        return [Route(path, answering(endpoint), methods=[method]) for method, path, endpoint in table]

    async def create(self, request: Request) -> Response:
        """A new, empty volume."""
        app, body = self._api.app(request), await read_object(request)
        name, size = body.get("name"), body.get("size_gb", DEFAULT_GB)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise FlyRefusal(400, f"name {name!r} is not a volume's name: up to 30 small letters, digits and _")
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MOST_GB:
            raise FlyRefusal(400, f"size_gb {size!r} is not between 1 and {MOST_GB}")
        identifier = f"vol_{secrets.token_hex(8)}"
        region, sealed = str(body.get("region") or "iad"), body.get("encrypted", True) is True
        volume = Volume(identifier, app.name, name, region, size, sealed)
        self._place(volume).mkdir(parents=True)
        self._place(volume).chmod(0o755)
        self._api.store.world.volumes[volume.id] = volume
        self._api.fleet.save()
        return JSONResponse(_shown(volume))

    async def list(self, request: Request) -> Response:
        """The app's volumes."""
        app = self._api.app(request)
        return JSONResponse([_shown(v) for v in self._api.store.world.volumes.values() if v.app == app.name])

    async def get(self, request: Request) -> Response:
        """One volume."""
        return JSONResponse(_shown(self._volume(request)))

    async def delete(self, request: Request) -> Response:
        """Remove a volume and what is in it."""
        volume = self._volume(request)
        if volume.attached_machine_id:
            raise FlyRefusal(
                412, f"volume {volume.id} is attached to machine {volume.attached_machine_id}; destroy that first"
            )
        del self._api.store.world.volumes[volume.id]
        self._api.fleet.save()
        await asyncio.to_thread(shutil.rmtree, self._place(volume), ignore_errors=True)
        return JSONResponse(_shown(volume) | {"state": "destroyed"})

    def _volume(self, request: Request) -> Volume:
        app = self._api.app(request)
        found = self._api.store.world.volumes.get(request.path_params["volume"])
        if found is None or found.app != app.name:
            raise FlyRefusal(404, f"volume {request.path_params['volume']} not found in app {app.name}")
        return found

    def _place(self, volume: Volume) -> Path:
        return self._api.store.volume(volume.id)


def _shown(volume: Volume) -> Json:
    blocks = volume.size_gb * (1 << 30) // BLOCK
    return {
        "id": volume.id,
        "name": volume.name,
        "state": "created",
        "region": volume.region,
        "zone": "",
        "size_gb": volume.size_gb,
        "encrypted": volume.encrypted,
        "fstype": "ext4",
        "block_size": BLOCK,
        "blocks": blocks,
        "attached_machine_id": volume.attached_machine_id,
        "created_at": volume.created_at,
        "host_status": "ok",
    }
