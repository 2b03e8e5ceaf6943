"""Decides whether a machine may be created or updated as asked: checks image, secrets, name and volumes."""

from __future__ import annotations

import re
from collections.abc import Callable

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.machines import container
from deploy.emulator.model import ENDED, App, Json, Machine
from deploy.emulator.registry.server import Registry
from deploy.emulator.store import Store

NEAREST = "iad"


class Admission:
    """Refuses (FlyRefusal) what cannot be done, before anything is. `full` tells whether a region has no room."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store, self._registry = store, registry
        self.full: Callable[[App, str], bool] = lambda app, region: False

    async def image(self, app: App, body: Json) -> Json:
        """The image as machines show it; the app's own, and pushed."""
        image = container.validate(body.get("config"))
        if image.repository != app.name:
            raise FlyRefusal(
                403, f"app {app.name} may not run the image of {image.repository}; push it to its own repository"
            )
        if await self._registry.resolve(image) is None:
            raise FlyRefusal(
                400, f"failed to get manifest {body['config']['image']}: MANIFEST_UNKNOWN; push the image first"
            )
        return {
            "registry": "registry.fly.io",
            "repository": app.name,
            "tag": image.tag,
            "digest": image.digest,
            "labels": {},
        }

    def region(self, app: App, body: Json) -> str:
        """The region of a new machine, where there is room for it; without a word on it the nearest to the client."""
        region = str(body.get("region") or NEAREST)
        if not re.fullmatch(r"[a-z]{3}", region):
            raise FlyRefusal(400, f"region {region!r} is none; regions have codes of three letters")
        if self.full(app, region):
            raise FlyRefusal(
                412, f"insufficient resources available to fulfill request: could not reserve resource in {region}"
            )
        return region

    def secrets(self, app: App, body: Json) -> None:
        """The app's secrets are as new as the machine needs them."""
        if (body.get("min_secrets_version") or 0) > app.secrets_version:
            raise FlyRefusal(400, f"min_secrets_version is beyond the app's secrets version {app.secrets_version}")

    def name(self, app: App, name: str) -> None:
        """No living machine of the app is called so."""
        if any(m.name == name and m.state not in ENDED for m in self._store.world.machines_of(app.name)):
            raise FlyRefusal(409, f"a machine named {name} exists already; choose another name", "unknown")

    def volumes(self, app: App, machine: Machine, config: Json) -> None:
        """The volumes that it mounts are the app's, in its region, and nobody else's; they are its own from now on."""
        wanted = [mount["volume"] for mount in config.get("mounts") or []]
        for name in wanted:
            volume = self._store.world.volumes.get(name)
            if volume is None or volume.app != app.name:
                raise FlyRefusal(400, f"volume {name} is not there in app {app.name}; create it first")
            if volume.region != machine.region:
                raise FlyRefusal(400, f"volume {name} is in {volume.region}, the machine in {machine.region}")
            if volume.attached_machine_id not in (None, machine.id):
                raise FlyRefusal(
                    412, f"volume {name} is attached to machine {volume.attached_machine_id}; destroy that first"
                )
        for volume in self._store.world.volumes.values():
            if volume.id in wanted:
                volume.attached_machine_id = machine.id
            elif volume.attached_machine_id == machine.id:
                volume.attached_machine_id = None
