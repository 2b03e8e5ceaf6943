"""The Machines API's routes for apps and machines: each a few lines from request to fleet and back."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.access import Keyring
from deploy.emulator.control import Tenant
from deploy.emulator.errors import CheckWrong, FlyRefusal
from deploy.emulator.faults.history import History
from deploy.emulator.faults.requests import AS_OF
from deploy.emulator.fly.wire import (
    NONCE_HEADER,
    app_json,
    lost_json,
    machine_json,
    ok,
    paged,
    read_object,
    refused,
)
from deploy.emulator.machines import leases
from deploy.emulator.machines.checks import compatible, seconds
from deploy.emulator.machines.fleet import Fleet
from deploy.emulator.model import ENDED, SETTLED, App, Json, Machine
from deploy.emulator.store import Store

MAX_WAIT_SECONDS = 60.0
_APP_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

Endpoint = Callable[[Request], Awaitable[Response]]


class FlyApi:
    """The API over one fleet. Every route first asks who speaks and whose app it is."""

    def __init__(self, store: Store, fleet: Fleet, keyring: Keyring, tenants: list[Tenant], history: History) -> None:
        self.store, self.fleet, self._keyring, self._history = store, fleet, keyring, history
        self._owners = {tenant.app: tenant.environment for tenant in tenants}
        self._organizations = {tenant.environment: tenant.organization for tenant in tenants}
        self._leaving: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """All routes of this file, to be mounted at /v1."""
        machine = "/apps/{app}/machines/{machine}"
        table: list[tuple[str, str, Endpoint]] = [
            ("GET", "/apps", self.list_apps),
            ("POST", "/apps", self.create_app),
            ("GET", "/apps/{app}", self.get_app),
            ("DELETE", "/apps/{app}", self.delete_app),
            ("GET", "/apps/{app}/machines", self.list_machines),
            ("POST", "/apps/{app}/machines", self.create_machine),
            ("GET", machine, self.get_machine),
            ("POST", machine, self.update_machine),
            ("DELETE", machine, self.delete_machine),
            ("POST", machine + "/start", self.start),
            ("POST", machine + "/stop", self.stop),
            ("POST", machine + "/suspend", self.suspend),
            ("POST", machine + "/restart", self.restart),
            ("POST", machine + "/signal", self.signal),
            ("POST", machine + "/cordon", self.cordon),
            ("POST", machine + "/uncordon", self.uncordon),
            ("GET", machine + "/wait", self.wait),
            ("POST", machine + "/exec", self.execute),
            ("GET", machine + "/events", self.events),
            ("GET", machine + "/versions", self.versions),
        ]
        return [Route(path, answering(endpoint), methods=[method]) for method, path, endpoint in table]

    # who speaks, about what

    def speaker(self, request: Request) -> str:
        """The environment whose token this is. Raises FlyRefusal 401."""
        environment = self._keyring.fly(request.headers.get("authorization", ""))
        if environment is None:
            raise FlyRefusal(401, "unauthorized: the token is missing or unknown")
        if self.state_of(environment) == "reader" and request.method not in ("GET", "HEAD"):
            raise FlyRefusal(403, "this token is read-only")
        return environment

    def state_of(self, environment: str) -> str:
        """What has become of the environment's token, "" for nothing: see FLY_TOKENS."""
        return self._keyring.state(environment, "FLY_API_TOKEN")

    def organization_of(self, environment: str) -> str:
        """The slug of the organisation that the environment's token is of, "" for any."""
        return "elsewhere" if self.state_of(environment) == "elsewhere" else self._organizations.get(environment, "")

    def app_of(self, environment: str) -> str:
        """The name of the environment's app."""
        return next(name for name, owner in self._owners.items() if owner == environment)

    def organizer(self, request: Request) -> str:
        """The speaker, whose token must be one for more than an app. Raises FlyRefusal 401, 403."""
        speaker = self.speaker(request)
        if self.state_of(speaker) == "app":
            raise FlyRefusal(403, f"this token acts on app {self.app_of(speaker)} alone")
        return speaker

    def app(self, request: Request) -> App:
        """The app of the path. Raises FlyRefusal 401, 403 for another tenant's, 404."""
        speaker, name = self.speaker(request), request.path_params["app"]
        if self._owners.get(name, speaker) != speaker:
            raise FlyRefusal(403, f"this token may not act on app {name}")
        if found := self.store.world.apps.get(name):
            self._same_organization(speaker, found.org_slug)
            return found
        raise FlyRefusal(404, f"app {name} not found; create it first")

    def _same_organization(self, speaker: str, slug: str) -> None:
        """Refuse (403) a token of another organisation."""
        if (own := self.organization_of(speaker)) and own != slug:
            raise FlyRefusal(403, f"this token is of organization {own} and may not act in organization {slug}")

    def machine(self, request: Request) -> Machine:
        """The machine of the path. Raises FlyRefusal as `app` does."""
        app = self.app(request)
        found = self.store.world.machines.get(request.path_params["machine"])
        if found is None or found.app != app.name:
            raise FlyRefusal(404, f"machine {request.path_params['machine']} not found in app {app.name}")
        return found

    def reachable(self, request: Request) -> Machine:
        """The machine of the path, whose host must answer (FlyRefusal 503)."""
        machine = self.machine(request)
        if machine.state not in ENDED and not self.fleet.reachable(machine):
            raise FlyRefusal(503, f"the host of machine {machine.id} is unreachable; try again later")
        return machine

    def mutable(self, request: Request) -> Machine:
        """The machine of the path, for a change: not while another holds its lease (FlyRefusal 409)."""
        machine = self.reachable(request)
        leases.permit(machine, request.headers.get(NONCE_HEADER, ""), time.time())
        if machine.state in ENDED:
            raise FlyRefusal(404, f"machine {machine.id} is {machine.state}")
        return machine

    # apps

    async def list_apps(self, request: Request) -> Response:
        speaker, slug = self.organizer(request), request.query_params.get("org_slug")
        if not slug:
            raise FlyRefusal(400, "org_slug is required")
        self._same_organization(speaker, slug)
        apps = [a for a in self.store.world.apps.values() if a.environment == speaker and a.org_slug == slug]
        return JSONResponse({"total_apps": len(apps), "apps": [self._app_json(app) for app in apps]})

    async def create_app(self, request: Request) -> Response:
        speaker, body = self.organizer(request), await read_object(request)
        name = body.get("name") or body.get("app_name")
        if not isinstance(name, str) or not _APP_NAME.fullmatch(name):
            raise FlyRefusal(400, f"name {name!r} is not a name for an app")
        if not isinstance(body.get("org_slug"), str):
            raise FlyRefusal(400, "org_slug is required")
        self._same_organization(speaker, body["org_slug"])
        if name in self.store.world.apps:
            raise FlyRefusal(422, f"app name {name} is taken", "name_taken")
        if self._owners.get(name) != speaker:
            raise FlyRefusal(403, f"this token may not create app {name}")
        app = App(name, speaker, body["org_slug"], body.get("network") or "default")
        self.store.world.apps[name] = app
        self.fleet.save()
        return JSONResponse({"id": app.id, "created_at": app.created_at}, status_code=201)

    async def get_app(self, request: Request) -> Response:
        return JSONResponse(self._app_json(self.app(request)))

    async def delete_app(self, request: Request) -> Response:
        """Accepted, and done soon: until then the app is there, and its name taken."""
        task = asyncio.create_task(self._remove(self.app(request)))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
        return Response(status_code=202)

    async def _remove(self, app: App) -> None:
        machines = self.store.world.machines_of(app.name)
        for machine in machines:
            self.fleet.destroy(machine, force=True)
        await self.fleet.until(lambda: all(m.state in ENDED for m in machines), MAX_WAIT_SECONDS)
        for machine in machines:
            self.store.world.machines.pop(machine.id, None)
        for volume in [v for v in self.store.world.volumes.values() if v.app == app.name]:
            del self.store.world.volumes[volume.id]
            await asyncio.to_thread(shutil.rmtree, self.store.volume(volume.id), ignore_errors=True)
        self.store.world.apps.pop(app.name, None)
        if self.store.private.values.pop(app.name, None) is not None:
            self.store.save_private()
        self.fleet.save()

    def _app_json(self, app: App) -> Json:
        machines = [m for m in self.store.world.machines_of(app.name) if m.state not in ENDED]
        volumes = [v for v in self.store.world.volumes.values() if v.app == app.name]
        return app_json(app, len(machines), len(volumes))

    # machines

    async def list_machines(self, request: Request) -> Response:
        app, query = self.app(request), request.query_params
        if AS_OF in request.scope:
            machines = self._history.machines_of(app.name, request.scope[AS_OF])
        else:
            machines = self.store.world.machines_of(app.name)
            self._history.asked(app.name)
        if query.get("include_deleted") not in ("true", "1"):
            machines = [m for m in machines if m.state not in ("destroyed", "destroying")]
        if states := query.get("state"):
            machines = [m for m in machines if m.state in states.split(",")]
        if region := query.get("region"):
            machines = [m for m in machines if m.region == region]
        for key, value in query.multi_items():
            if key.startswith("metadata."):
                machines = [m for m in machines if m.metadata.get(key.removeprefix("metadata.")) == value]
        page, headers = paged(machines, query.get("cursor"), query.get("limit"))
        summary = query.get("summary") in ("true", "1")
        return JSONResponse([self._shown(machine, summary=summary) for machine in page], headers=headers)

    async def create_machine(self, request: Request) -> Response:
        app, body = self.app(request), await read_object(request)
        ttl = _whole(body, "lease_ttl")
        machine = await self.fleet.create(app, body)
        return self._with_lease(machine, app, ttl)

    async def get_machine(self, request: Request) -> Response:
        return JSONResponse(self._shown(self.machine(request)))

    async def update_machine(self, request: Request) -> Response:
        app, body = self.app(request), await read_object(request)
        machine = self.mutable(request)
        ttl = _whole(body, "lease_ttl")
        await self.fleet.update(machine, app, body)
        return self._with_lease(machine, app, ttl)

    def _with_lease(self, machine: Machine, app: App, ttl: int) -> Response:
        if ttl:
            held = leases.current(machine, time.time())
            leases.acquire(machine, held.nonce if held else "", ttl, app.environment, "lease_ttl", time.time())
            self.fleet.save()
        return JSONResponse(self._shown(machine, nonce=bool(ttl)))

    def _shown(self, machine: Machine, *, nonce: bool = False, summary: bool = False) -> Json:
        """A machine as JSON, as its faults have it."""
        shown = machine_json(machine, nonce=nonce, summary=summary)
        if self.fleet.afflicted("hide_cordoned", machine) is not None:
            del shown["cordoned"]
        if self.fleet.afflicted("shadow_checks", machine) is not None:
            shown["checks"] = compatible(machine.checks)
        lost = self.fleet.afflicted("lose_host", machine)
        return shown if lost is None or summary else lost_json(shown, lost.split())

    async def delete_machine(self, request: Request) -> Response:
        force = any(request.query_params.get(word) in ("true", "1") for word in ("force", "kill"))
        machine = self.machine(request)
        lost = self.fleet.afflicted("lose_host", machine)
        if lost is None:
            machine = self.mutable(request)
        elif not force or "stuck" in lost.split():
            self.reachable(request)  # refused
        else:
            leases.permit(machine, request.headers.get(NONCE_HEADER, ""), time.time())
        self.fleet.destroy(machine, force)
        return ok()

    async def start(self, request: Request) -> Response:
        return JSONResponse({"previous_state": self.fleet.start(self.mutable(request))})

    async def stop(self, request: Request) -> Response:
        body = await read_object(request)
        try:
            patience = seconds(body.get("timeout"), -1.0)
        except CheckWrong as error:
            raise FlyRefusal(400, f"timeout: {error}") from error
        self.fleet.stop(self.mutable(request), body.get("signal"), None if patience < 0 else patience)
        return ok()

    async def suspend(self, request: Request) -> Response:
        self.fleet.suspend(self.mutable(request))
        return ok()

    async def restart(self, request: Request) -> Response:
        self.fleet.restart(self.mutable(request))
        return ok()

    async def signal(self, request: Request) -> Response:
        body = await read_object(request)
        await self.fleet.send(self.mutable(request), str(body.get("signal") or "SIGTERM"))
        return ok()

    async def cordon(self, request: Request) -> Response:
        self.fleet.cordon(self.mutable(request), True)
        return ok()

    async def uncordon(self, request: Request) -> Response:
        self.fleet.cordon(self.mutable(request), False)
        return ok()

    async def wait(self, request: Request) -> Response:
        machine, query = self.reachable(request), request.query_params
        if machine.state == "migrated":  # no state of it will ever come
            raise FlyRefusal(404, f"machine {machine.id} is migrated")
        wanted = {word for text in query.getlist("state") for word in text.split(",")} or {"started"}
        version = query.get("version") or query.get("instance_id")  # the latter is deprecated
        if not wanted <= {"started", "stopped", "suspended", "destroyed", "failed", "settled"}:
            raise FlyRefusal(400, f"state {','.join(sorted(wanted))} cannot be waited for")
        if "stopped" in wanted and not version:
            raise FlyRefusal(400, "waiting for stopped needs version: of which?")
        if version and version not in (known["version"] for known in machine.versions):
            raise FlyRefusal(404, f"machine {machine.id} never had version {version}")
        try:
            limit = int(query.get("timeout") or MAX_WAIT_SECONDS)
        except ValueError as error:
            raise FlyRefusal(400, "timeout is not a whole number of seconds") from error
        if not 1 <= limit <= MAX_WAIT_SECONDS:
            raise FlyRefusal(400, f"timeout {limit} is not between 1 and {MAX_WAIT_SECONDS:.0f} seconds")
        if not await self.fleet.until(lambda: _reached(machine, wanted, version), limit):
            words = ",".join(sorted(wanted))
            raise FlyRefusal(408, f"deadline exceeded: machine {machine.id} is {machine.state}, not {words}")
        reached = {"state": machine.state, "version": machine.instance_id, "event_id": machine.events[0]["id"]}
        return JSONResponse({"ok": True, **reached})

    async def execute(self, request: Request) -> Response:
        machine, body = self.mutable(request), await read_object(request)
        command = body.get("command") or (["/bin/sh", "-c", body["cmd"]] if isinstance(body.get("cmd"), str) else None)
        if not isinstance(command, list) or not command or not all(isinstance(word, str) for word in command):
            raise FlyRefusal(400, "command is required: a list of words")
        given = body.get("stdin") or ""
        if not isinstance(given, str):
            raise FlyRefusal(400, "stdin is not a string")
        patience = float(_whole(body, "timeout") or MAX_WAIT_SECONDS)
        code, out, err = await self.fleet.run(machine, command, given.encode(), patience)
        text = {"stdout": out.decode(errors="replace"), "stderr": err.decode(errors="replace")}
        return JSONResponse({"exit_code": code, "exit_signal": 0, **text})

    async def events(self, request: Request) -> Response:
        machine, limit = self.machine(request), request.query_params.get("limit", "20")
        if not limit.isdecimal():
            raise FlyRefusal(400, f"limit {limit!r} is not a number")
        return JSONResponse(machine.events[: int(limit)])

    async def versions(self, request: Request) -> Response:
        return JSONResponse(self.machine(request).versions)


def _reached(machine: Machine, wanted: set[str], version: str | None) -> bool:
    if version and version != machine.instance_id:  # an older version runs no more, whatever the machine does now
        return bool(wanted & {"stopped", "destroyed", "settled"})
    return machine.state in wanted or ("settled" in wanted and machine.state in SETTLED)


def _whole(body: Json, key: str) -> int:
    value = body.get(key) or 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FlyRefusal(400, f"{key} {value!r} is not a number of seconds")
    return value


def answering(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with refusals as the API's errors."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except FlyRefusal as refusal:
            return refused(refusal)

    return answer
