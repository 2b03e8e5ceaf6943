"""The lifecycle of machines: every state transition, in one place.

An operation sets the passing state (`starting`, `stopping`, …) at once, so that the caller's answer and the edge see
it, and does its work in a task that holds the machine's lock. Whoever waits for a state is woken at every change.
A machine leaves the edge before it is told to stop: `DRAIN_SECONDS` cover the time for which Caddy may still
believe an older list of machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from docker.errors import NotFound

from deploy.emulator.docker_engine import Engine, Exit
from deploy.emulator.edge.config import REFRESH_SECONDS
from deploy.emulator.edge.view import Place
from deploy.emulator.errors import EngineFailed, FlyRefusal
from deploy.emulator.machines import checks, container, restarts
from deploy.emulator.machines.admission import Admission
from deploy.emulator.machines.watch import Watch
from deploy.emulator.model import ENDED, SETTLED, App, Json, Machine, now_text, ulid
from deploy.emulator.registry.server import Registry, parse_image
from deploy.emulator.store import Store

log = logging.getLogger("emulator.machines")

DRAIN_SECONDS = 4 * REFRESH_SECONDS
EVENTS_KEPT = 50
DESTROYED_KEPT = 20
VERSIONS_KEPT = 50
RESTORED = frozenset({"started", "starting", "restarting", "replacing"})

T = TypeVar("T")
Changed = Callable[[], Awaitable[None]]


class Fleet:
    """All machines. `registry_address` is where the engine pulls from.

    `routes_changed` is awaited for new ports, `started` called for each machine that has started; `afflicted` tells
    whether a machine has a fault of a kind that lasts: the `code` of its rule, or None.
    """

    def __init__(self, store: Store, engine: Engine, registry: Registry, registry_address: str) -> None:
        self._store, self._engine, self._registry = store, engine, registry
        self._registry_address = registry_address
        self.admission = Admission(store, registry)
        self._machine_logs: Path = store.directory / "logs" / "machines"
        self._machine_logs.mkdir(parents=True, exist_ok=True)
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulse = asyncio.Event()
        self.routes_changed: Changed = _nothing
        self.started: Callable[[Machine], None] = lambda machine: None
        self.afflicted: Callable[[str, Machine], str | None] = lambda kind, machine: None
        self.watch = Watch(self.save)

    # what is known

    def place_of(self, machine: Machine) -> Place | None:
        """Where requests for a machine may go now in truth, None for nowhere; the edge learns it late."""
        port = machine.internal_port
        if not port or not (routable(machine) and self.reachable(machine)):
            return None
        return Place(machine.app, machine.private_ip, port, machine.region)

    def addresses(self, app: str, port: int) -> list[str]:
        """Where requests for `app` on `port` may go now in truth."""
        places = map(self.place_of, self._store.world.machines_of(app))
        return [place.address for place in places if place and place.port == port]

    def reachable(self, machine: Machine) -> bool:
        """Whether its host can be reached."""
        return self.afflicted("lose_host", machine) is None

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for `condition`, looked at after every change of any machine. False when time ran out."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    await self._pulse.wait()
                return True
        return condition()

    # what clients ask for

    async def create(self, app: App, body: Json) -> Machine:
        """A new machine from a request's body, launched unless `skip_launch`. Raises FlyRefusal."""
        image = await self.admission.image(app, body)
        self.admission.secrets(app, body)
        machine = Machine(
            id=secrets.token_hex(7),
            app=app.name,
            name=str(body.get("name") or f"machine-{secrets.token_hex(3)}"),
            region=self.admission.region(app, body),
            instance_id=ulid(),
            config=body["config"],
            image=image,
            registered=not body.get("skip_service_registration"),
            skip_secrets=bool(body.get("skip_secrets")),
        )
        self.admission.name(app, machine.name)
        self.admission.volumes(app, machine, machine.config)
        machine.versions.append({"version": machine.instance_id, "user_config": copy.deepcopy(machine.config)})
        self._store.world.machines[machine.id] = machine
        self._event(machine, "launch", "created", "user")
        await self._know_port(app, machine)
        if not body.get("skip_launch"):
            self._begin(machine, None, self._launch(machine))
        return machine

    async def update(self, machine: Machine, app: App, body: Json) -> None:
        """A new version of the machine: its container is replaced. Raises FlyRefusal."""
        if (wanted := body.get("current_version")) and wanted != machine.instance_id:
            raise FlyRefusal(
                409, f"current_version {wanted} is not the machine's version {machine.instance_id}; get it again"
            )
        image = await self.admission.image(app, body)
        self.admission.secrets(app, body)
        self._settled(machine)
        self.admission.volumes(app, machine, body["config"])
        machine.crashes = 0
        machine.config, machine.image, machine.instance_id = body["config"], image, ulid()
        machine.skip_secrets = bool(body.get("skip_secrets"))
        if body.get("skip_service_registration"):
            machine.registered = False
        machine.versions.append({"version": machine.instance_id, "user_config": copy.deepcopy(machine.config)})
        del machine.versions[:-VERSIONS_KEPT]
        await self._know_port(app, machine)
        launch = not body.get("skip_launch")
        self._begin(machine, "replacing", self._replace(machine, launch))

    def start(self, machine: Machine) -> str:
        """Start a machine that is not running; the state it was in."""
        previous = machine.state
        if previous == "started":
            return previous
        self._settled(machine)
        machine.crashes = 0
        self._event(machine, "start", "starting", "user")
        self._begin(machine, "starting", self._resume(machine) if previous == "suspended" else self._launch(machine))
        return previous

    def stop(self, machine: Machine, signal: str | None, seconds: float | None) -> None:
        """Stop a running machine: out of the edge first, then the signal, then its time to end."""
        if machine.state in ("stopped", "created", "failed"):
            return
        if machine.state != "restarting":  # one that crashes again and again can be stopped between two lives
            self._settled(machine)
        usual, patience = container.stop_config(machine.config)
        chosen = signal or usual
        if chosen not in container.STOP_SIGNALS:
            raise FlyRefusal(400, f"signal {chosen!r} is none of {', '.join(sorted(container.STOP_SIGNALS))}")
        self._begin(machine, "stopping", self._halt(machine, chosen, patience if seconds is None else seconds))

    def restart(self, machine: Machine) -> None:
        """Stop and start a running machine."""
        if machine.state != "started":
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}, not started; start it instead")
        self._begin(machine, "restarting", self._again(machine))

    def suspend(self, machine: Machine) -> None:
        """Freeze a running machine."""
        if machine.state == "suspended":
            return
        if machine.state != "started":
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}, not started")
        self._begin(machine, "suspending", self._freeze(machine))

    def cordon(self, machine: Machine, cordoned: bool) -> None:
        """Take the machine out of the edge, or put it in: uncordoning also registers one made without."""
        machine.cordoned = cordoned
        machine.registered = machine.registered or not cordoned
        self._event(machine, "cordon" if cordoned else "uncordon", machine.state, "user")

    def destroy(self, machine: Machine, force: bool) -> None:
        """Remove the machine for good; a running one only with `force`."""
        if machine.state == "destroying" or machine.state in ENDED:
            return
        if not force and machine.state not in ("stopped", "suspended", "failed", "created"):
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}, not stopped; stop it, or add ?force=true")
        self._begin(machine, "destroying", self._remove(machine))

    async def run(self, machine: Machine, command: list[str], given: bytes, seconds: float) -> tuple[int, bytes, bytes]:
        """Run a command, `given` its input, in a started machine. Raises FlyRefusal 408 when it takes longer."""
        if machine.state != "started":
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}, not started")
        try:
            work = asyncio.to_thread(self._engine.run, machine.container, command, given)
            return await asyncio.wait_for(work, seconds)
        except TimeoutError as error:
            raise FlyRefusal(408, f"the command took longer than {seconds:g} s") from error

    async def send(self, machine: Machine, signal: str) -> None:
        """Send a signal to a started machine."""
        if machine.state != "started":
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}, not started")
        await asyncio.to_thread(self._engine.signal, machine.container, signal)

    async def output(self, machine: Machine) -> list[tuple[str, str]]:
        """What its program wrote last, oldest first, as (time, line); kept when the machine is gone."""
        if machine.container:
            await self._keep_output(machine)
        path = self._machine_logs / f"{machine.id}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return [(stamp, line) for stamp, _, line in (each.partition(" ") for each in text.splitlines())]

    async def kill(self, machine: Machine) -> None:
        """End its container as a crash would."""
        await _threaded(self._engine.signal, machine.container, "SIGKILL")

    def migrate(self, machine: Machine) -> None:
        """Move a machine to another host: it ends as `migrated`, and a successor of its name has what it had."""
        kept = ("app", "name", "region", "registered", "cordoned", "skip_secrets")
        parts = {key: getattr(machine, key) for key in kept}
        config, image = copy.deepcopy(machine.config), dict(machine.image)
        successor = Machine(secrets.token_hex(7), instance_id=ulid(), config=config, image=image, **parts)
        successor.versions.append({"version": successor.instance_id, "user_config": copy.deepcopy(config)})
        runs = machine.state in RESTORED
        successor.state = "created" if runs else "stopped"
        self._store.world.machines[successor.id] = successor
        self._begin(machine, "migrated", self._move(machine, successor if runs else None))

    # the emulator's own life

    async def restore(self, seconds: float) -> None:
        """Bring back what ran when the emulator was stopped, and wait until it serves again or has failed."""
        ended = {"stopping": "stopped", "suspending": "stopped", "suspended": "stopped", "destroying": "destroyed"}
        back = []
        for machine in self._store.world.machines.values():
            machine.checks, machine.private_ip = {}, ""
            if machine.state in RESTORED:
                machine.state = "starting"
                back.append(machine)
                self._begin(machine, None, self._launch(machine))
            else:
                machine.state = ended.get(machine.state, machine.state)
        self.save()
        await self.until(
            lambda: all(m.state == "failed" or (m.state == "started" and healthy(m)) for m in back), seconds
        )

    async def close(self) -> None:
        """Stop working on machines; what runs is left to the caller to sweep."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.watch.close()
        for machine in self._store.world.machines.values():
            if machine.state == "started":
                await self._keep_output(machine)

    def exited(self, name: str) -> None:
        """A container ended: called for every one, asked for or not."""
        for machine in self._store.world.machines.values():
            if machine.container == name:
                self._task(self._note_exit(machine, name))

    def save(self) -> None:
        """Write the state and wake whoever waits."""
        self._store.save()
        self._pulse.set()
        self._pulse = asyncio.Event()

    # the work, one task each, under the machine's lock

    async def _launch(self, machine: Machine) -> None:
        """→ starting → started, or failed."""
        if machine.state in ("destroying", "destroyed"):
            return
        self._set(machine, "starting", "launch")
        image = parse_image(machine.config["image"])
        digest = await self._registry.resolve(image) if image else None
        if digest is None:
            raise EngineFailed(f"image {machine.config['image']} is not in the registry; push it first")
        machine.image["digest"] = digest
        repository = f"{self._registry_address}/{machine.image['repository']}"
        password = self._store.private.engine_password
        machine.image["labels"] = await _threaded(self._engine.pull, repository, digest, password)
        machine.container = f"cc-{self._store.world.instance}-{machine.id}-{machine.instance_id[-6:].lower()}"
        app = self._store.world.apps[machine.app]
        values = self._store.private.values.get(app.name, {})
        describe = functools.partial(container.describe, place=self._store.volume)
        wanted = await _threaded(describe, machine, app, values, self._engine, self._registry_address)
        await _threaded(self._engine.create, wanted)
        await self._boot(machine)

    async def _boot(self, machine: Machine) -> None:
        machine.private_ip = await _threaded(self._engine.start, machine.container)
        if machine.state in ("starting", "restarting"):  # not when it is being destroyed meanwhile
            self._run(machine)

    async def _resume(self, machine: Machine) -> None:
        if self.afflicted("forget_snapshot", machine) is not None:  # what it had in memory is gone: a cold start
            await _threaded(self._engine.unpause, machine.container)
            await _threaded(self._engine.stop, machine.container, "SIGKILL", 0.0)
            await self._boot(machine)
            return
        machine.private_ip = await _threaded(self._engine.unpause, machine.container)
        self._run(machine)

    def _run(self, machine: Machine) -> None:
        machine.boots += 1
        self._set(machine, "started", "start")
        self.watch.begin(machine)
        self.started(machine)

    async def _halt(self, machine: Machine, signal: str, seconds: float) -> None:
        await self._leave(machine)
        await _threaded(self._engine.stop, machine.container, signal, seconds)
        await self._keep_output(machine)
        if machine.state == "stopping":
            ended = await _threaded(self._engine.exit_of, machine.container)
            self._set(machine, "stopped", "exit", _exit_event(ended, asked=True))

    async def _again(self, machine: Machine) -> None:
        await self._leave(machine)
        signal, patience = container.stop_config(machine.config)
        await _threaded(self._engine.stop, machine.container, signal, patience)
        await self._boot(machine)

    async def _freeze(self, machine: Machine) -> None:
        await self._leave(machine)
        await _threaded(self._engine.pause, machine.container)
        self._set(machine, "suspended", "suspend")

    async def _replace(self, machine: Machine, launch: bool) -> None:
        await self._leave(machine)
        if machine.container:
            signal, patience = container.stop_config(machine.config)
            with contextlib.suppress(NotFound):
                await _threaded(self._engine.stop, machine.container, signal, patience)
            await self._keep_output(machine)
            await _threaded(self._engine.remove, machine.container)
            machine.container = ""
        if machine.state != "replacing":
            return
        if launch:
            await self._launch(machine)
        else:
            self._set(machine, "stopped", "update")

    async def _remove(self, machine: Machine) -> None:
        await self._leave(machine)
        if machine.container:
            await self._keep_output(machine)
            await _threaded(self._engine.remove, machine.container)
        machine.lease = None
        for volume in self._store.world.volumes.values():
            if volume.attached_machine_id == machine.id:
                volume.attached_machine_id = None
        self._set(machine, "destroyed", "destroy")
        gone = [m.id for m in self._store.world.machines_of(machine.app) if m.state == "destroyed"]
        for old in gone[:-DESTROYED_KEPT]:
            del self._store.world.machines[old]
            self._locks.pop(old, None)
            (self._machine_logs / f"{old}.log").unlink(missing_ok=True)

    async def _move(self, machine: Machine, successor: Machine | None) -> None:
        await self._leave(machine)
        await _threaded(self._engine.remove, machine.container)
        if successor:
            self._begin(successor, None, self._launch(successor))

    async def _note_exit(self, machine: Machine, name: str) -> None:
        """The container ended: by itself, if the machine was meant to run."""
        async with self._lock(machine):
            if machine.state != "started" or machine.container != name:
                return
            ended = await _threaded(self._engine.exit_of, name)
            if ended.code is None:
                return
            self.watch.end(machine)
            await self._keep_output(machine)
            machine.private_ip = ""
            if restarts.again(machine.config, ended.code, machine.crashes):
                await self._revive(machine, ended)
                return
            self._set(machine, "stopped", "exit", _exit_event(ended, asked=False))
            if machine.config.get("auto_destroy"):
                self._begin(machine, "destroying", self._remove(machine))

    async def _revive(self, machine: Machine, ended: Exit) -> None:
        """Start it again as its restart policy says, after a pause that grows."""
        told = {**_exit_event(ended, asked=False, restarting=True), "restart_count": machine.crashes}
        self._set(machine, "restarting", "exit", told)
        await self.until(lambda: machine.state != "restarting", restarts.pause(machine.crashes))
        if machine.state == "restarting":
            machine.crashes += 1
            await self._boot(machine)

    async def _leave(self, machine: Machine) -> None:
        """Out of the edge: the state has changed already; what Caddy has cached must age."""
        self.watch.end(machine)
        if machine.private_ip:
            await asyncio.sleep(DRAIN_SECONDS)
        machine.private_ip = ""

    async def _keep_output(self, machine: Machine) -> None:
        """Keep a container's last lines in logs/machines/ID.log: they tell why it ended."""
        await _threaded(self._engine.keep_output, machine.container, self._machine_logs / f"{machine.id}.log")

    # small things

    def _begin(self, machine: Machine, state: str | None, work: Coroutine[Any, Any, None]) -> None:
        if state:
            self._set(machine, state, state)
        self._task(self._locked(machine, work))

    async def _locked(self, machine: Machine, work: Coroutine[Any, Any, None]) -> None:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(work.close)  # when cancelled before it began
            await stack.enter_async_context(self._lock(machine))
            try:
                await work
            except (EngineFailed, FlyRefusal, NotFound) as error:
                log.warning("machine %s failed: %s", machine.id, error)
                if machine.state != "destroying" and machine.state not in ENDED:
                    self._set(machine, "failed", "launch_failed", {"error": str(error)})

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an operation failed unexpectedly", exc_info=error)

    def _lock(self, machine: Machine) -> asyncio.Lock:
        return self._locks.setdefault(machine.id, asyncio.Lock())

    def _set(self, machine: Machine, state: str, event: str, request: Json | None = None) -> None:
        machine.state = state
        self._event(machine, event, state, "flyd", request)
        log.info("machine %s of %s is %s", machine.id, machine.app, state)

    def _event(self, machine: Machine, kind: str, status: str, source: str, request: Json | None = None) -> None:
        stamp = time.time_ns() // 1_000_000
        event = {"id": ulid(), "type": kind, "status": status, "source": source, "timestamp": stamp}
        machine.events.insert(0, event | ({"request": request} if request else {}))
        del machine.events[EVENTS_KEPT:]
        machine.updated_at = now_text()
        self.save()

    def _settled(self, machine: Machine) -> None:
        if machine.state not in SETTLED - {"destroyed"}:
            raise FlyRefusal(412, f"machine {machine.id} is {machine.state}; wait until that is over")

    async def _know_port(self, app: App, machine: Machine) -> None:
        port = machine.internal_port
        if port and port not in app.ports:
            app.ports.append(port)
            self.save()
            await self.routes_changed()


def healthy(machine: Machine) -> bool:
    """Started, and all configured checks passing."""
    return machine.state == "started" and checks.healthy(checks.configured(machine.config), machine.checks)


def routable(machine: Machine) -> bool:
    """May the edge send it requests?"""
    return machine.registered and not machine.cordoned and bool(machine.private_ip) and healthy(machine)


def _exit_event(ended: Exit, asked: bool, restarting: bool = False) -> Json:
    words = {"exit_code": ended.code, "oom_killed": ended.oom_killed, "requested_stop": asked}
    return {"exit_event": words | {"restarting": restarting, "exited_at": now_text()}}


async def _threaded(work: Callable[..., T], *arguments: object) -> T:
    return await asyncio.to_thread(work, *arguments)


async def _nothing() -> None:
    return None
