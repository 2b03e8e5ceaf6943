"""The host process: starts the parts, supervises them, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import uvicorn

from deploy.emulator.access import Keyring
from deploy.emulator.application import application, environment_of
from deploy.emulator.children import Child
from deploy.emulator.control import Running, Tenant, process_ticks
from deploy.emulator.docker_engine import Engine
from deploy.emulator.edge.config import AppRoute, Layout, SiteRoute, edge_config
from deploy.emulator.edge.names import NameServer
from deploy.emulator.edge.options import not_done, options_of
from deploy.emulator.edge.proxy import Edge
from deploy.emulator.edge.regions import chosen, wishes
from deploy.emulator.edge.view import View
from deploy.emulator.errors import EmulatorError
from deploy.emulator.faults.api import FaultsApi
from deploy.emulator.faults.connections import Connections
from deploy.emulator.faults.history import History
from deploy.emulator.faults.machines import FaultyMachines
from deploy.emulator.faults.requests import FaultyRequests
from deploy.emulator.faults.rules import SITE_KINDS, Facts, Rules
from deploy.emulator.files import write_json
from deploy.emulator.fly.addresses import reachable
from deploy.emulator.fly.api import FlyApi
from deploy.emulator.machines.fleet import Fleet
from deploy.emulator.machines.scaling import Idler
from deploy.emulator.machines.waking import Waker
from deploy.emulator.model import ENDED, PAID_FILES, App, Machine, Project
from deploy.emulator.pages.api import PagesApi
from deploy.emulator.pages.publisher import Publisher
from deploy.emulator.pages.serving import Sites
from deploy.emulator.ports import assign
from deploy.emulator.registry.server import Registry
from deploy.emulator.store import Store

log = logging.getLogger("emulator")

RESTORE_SECONDS = 30.0


class _Server(uvicorn.Server):
    """Signals are the host process's own business."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield


class Host:
    """All parts of one emulator. The working directory is its state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        settings = json.loads((directory / "settings.json").read_text())
        self._limited, self._lag = settings["rates"] == "documented", float(settings["lag"])
        self._paid = settings.get("plan") == "paid"
        self._region: str = settings["region"]
        self._tasks: set[asyncio.Task[None]] = set()
        self._tenants = [Tenant(**raw) for raw in settings["tenants"]]
        self._store = Store(directory)
        self._store.save_private()
        self._claim_ports()
        self._keyring = Keyring(self._store.tokens(self._tenants))
        world = self._store.world
        for tenant in self._tenants:
            if settings.get("projects", True) and tenant.project not in world.provided:
                world.projects.setdefault(tenant.project, Project(tenant.project, tenant.environment))
                world.provided.append(tenant.project)
        profile = Path(settings["seccomp"]).read_text() if settings["seccomp"] else None
        self._engine = Engine(settings["docker_host"], world.instance, profile)
        self._registry = Registry(Path(settings["registry"]), directory)
        self._edge = Edge("edge", Path(settings["caddy"]), directory, edge_config)
        self._fleet = Fleet(self._store, self._engine, self._registry, f"127.0.0.1:{world.ports['registry']}")
        self._fleet.routes_changed = self.routes_changed
        self._set_up_faults()
        self._waker = Waker(world, self._fleet, self._nearest)
        self._idler = Idler(
            world, self._fleet, lambda: self._idle_seconds(settings["idle_seconds"]), self._edge.under_way
        )
        self._idler.also_at = self._waker.known
        self._idler.stopped = self._view.catch_up
        self._names = NameServer(self._addresses)
        hosts = {tenant.project: tenant.project_host for tenant in self._tenants}
        edge_url = f"http://127.0.0.1:{world.ports['edge']}"
        self._publisher = Publisher(self._store, edge_url, hosts, self._most_files)
        ports = {world.ports[tenant.project_host]: tenant.project for tenant in self._tenants}
        self._sites = Sites(world.projects, self._publisher.assets, ports, self._cold)

    def _set_up_faults(self) -> None:
        self._rules = Rules()
        self._history = History(self._store.world, self._rules)
        self._view = View(self._store.world, self._fleet.place_of, lambda machine: self._faulty.lag(machine, self._lag))
        self._store.saved = self._saved
        self._faulty = FaultyMachines(self._store.world, self._rules, self._fleet.kill, self._fleet.migrate)
        self._keyring.state = self._token_state
        self._fleet.started, self._fleet.afflicted = self._started, self._faulty.afflicted
        self._fleet.watch.alter = self._faulty.finding
        self._fleet.admission.full = self._full

    def _started(self, machine: Machine) -> None:
        """A machine has started: the edge learns its options, what it cannot do is told, and faults strike."""
        for option in not_done(machine.config):
            log.warning("machine %s of %s: the emulator's edge does not do %s", machine.id, machine.app, option)
        self._reroute()
        self._faulty.started(machine)

    def _most_files(self, project: Project) -> int:
        """How many files a deployment may have."""
        return PAID_FILES if self._paid or self._rules.last("paid") else project.max_files

    def _saved(self) -> None:
        self._history.note()
        self._view.note()

    def _full(self, app: App, region: str) -> bool:
        return bool(self._rules.struck({"full"}, Facts(app.environment, region=region)))

    def _nearest(self) -> str:
        """The region in which the edge is."""
        rule = self._rules.last("nearest")
        return rule.code if rule else self._region

    def _idle_seconds(self, usual: float) -> float:
        rule = self._rules.last("autostop")
        return usual if rule is None or rule.seconds is None else rule.seconds

    def _token_state(self, environment: str, name: str) -> str:
        kind = "fly_token" if name == "FLY_API_TOKEN" else "cloudflare_token"
        rule = self._rules.lasting(kind, Facts(environment))
        return rule.code if rule else ""

    def _cold(self, environment: str, path: str) -> bool:
        return bool(self._rules.struck(SITE_KINDS, Facts(environment, "GET", path)))

    def _faults_changed(self, came: bool) -> None:
        self._history.note()
        if came:
            self._faulty.changed()
        self._reroute()  # the edge may be elsewhere now

    async def _prune(self, app: str) -> list[str]:
        machines = [each for each in self._store.world.machines_of(app) if each.state not in ENDED]
        return await self._registry.prune(app, frozenset(each.image["digest"] for each in machines))

    def _claim_ports(self) -> None:
        hosts = [host for tenant in self._tenants for host in (tenant.app_host, tenant.project_host)]
        ports = self._store.world.ports
        ports.update(assign(["api", "edge", "plain", "registry", *hosts], ports))
        self._store.save()

    def where(self) -> Running:
        """Where it answers."""
        ports = self._store.world.ports
        hosts = [host for tenant in self._tenants for host in (tenant.app_host, tenant.project_host)]
        return Running(
            pid=os.getpid(),
            fly_api=f"http://127.0.0.1:{ports['api']}",
            cloudflare_api=f"http://127.0.0.1:{ports['api']}/client/v4",
            registry=f"127.0.0.1:{ports['registry']}",
            edge=f"http://127.0.0.1:{ports['edge']}",
            plain=f"http://127.0.0.1:{ports['plain']}",
            urls={host: f"http://localhost:{ports[host]}" for host in hosts},
        )

    def _addresses(self, app: str, port: int, label: str) -> list[str]:
        """Where a request may go now; the name server asks this when there is one. `label`: a machine, or regions."""
        regions = wishes(label)
        near, instance = [*(regions or []), self._nearest()], label if regions is None else ""
        found = self._view.places(app, port, instance)
        used = chosen([(place.region, place) for place in found], near)
        self._idler.asked(app, used[0].region if used else "")
        return [place.address for place in used] if used or instance else self._waker.addresses(app, port)

    def _reroute(self) -> None:
        """Let the edge follow what has just changed."""
        task = asyncio.create_task(self.routes_changed())
        self._tasks.add(task)
        task.add_done_callback(self._rerouted)

    def _rerouted(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("the edge goes on with its routes of before: %s", error)

    async def routes_changed(self) -> None:
        """Tell the edge when its configuration is no longer what the world asks for."""
        await self._edge.apply(self._layout())

    def _layout(self) -> Layout:
        world, ports = self._store.world, self._store.world.ports
        # An app without a public address has no name that resolves: nothing listens for it.
        found = {app.name: app for app in world.apps.values() if reachable(app)}
        own = {tenant.app: (tenant.app_host, ports[tenant.app_host]) for tenant in self._tenants}
        apps = [
            AppRoute(host, name, tuple(app.ports), own_port, options_of(world.machines_of(name)))
            for name, app in found.items()
            for host, own_port in [own.get(name, (f"{name}.fly.dev", None))]
        ]
        sites = [SiteRoute(tenant.project_host, ports[tenant.project_host]) for tenant in self._tenants]
        where = (ports["edge"], ports["registry"], ports["api"], self._names.address)
        return Layout(*where, apps, sites, self._nearest(), ports["plain"])

    @contextlib.asynccontextmanager
    async def up(self) -> AsyncIterator[asyncio.Task[EmulatorError]]:
        """Everything running and restored; yields a task that ends when a child did. Leaving takes all down."""
        loop = asyncio.get_running_loop()
        async with contextlib.AsyncExitStack() as stack:
            await asyncio.to_thread(self._engine.sweep)  # what a killed predecessor left
            stack.push_async_callback(asyncio.to_thread, self._engine.sweep)
            await self._names.open()
            stack.callback(self._names.close)
            await stack.enter_async_context(self._serving())
            await stack.enter_async_context(self._sites.serving())
            children = (self._registry.child, self._edge.child)
            for child in children:
                stack.push_async_callback(child.stop)
            await self._registry.start()
            await self._edge.start(self._layout())

            def tell(name: str) -> None:  # called in the thread that follows the engine's events
                loop.call_soon_threadsafe(self._fleet.exited, name)

            stack.callback(self._engine.exits(tell))
            stack.push_async_callback(self._fleet.close)
            stack.callback(self._faulty.close)
            await self._fleet.restore(RESTORE_SECONDS)
            self._view.catch_up()
            stack.push_async_callback(self._waker.close)
            idler = asyncio.create_task(self._idler.run())
            stack.callback(idler.cancel)
            watch = asyncio.create_task(_first_end(children))
            stack.callback(watch.cancel)
            yield watch

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        fly = FlyApi(self._store, self._fleet, self._keyring, self._tenants, self._history)
        pages = PagesApi(self._store, self._publisher, self._keyring, self._tenants, self._rules, self._most_files)
        faults = FaultsApi(self._rules, self._store.private.admin_key, self._faults_changed, self._prune)
        app = application(
            self._store,
            self._keyring,
            fly,
            pages,
            faults,
            limited=lambda: self._limited or bool(self._rules.last("rates")),
        )
        connections = Connections()
        whose = environment_of(self._store, self._keyring)
        faulty = FaultyRequests(app, self._rules, connections, whose, self._store.world.age_of)
        config = uvicorn.Config(
            faulty,
            http=connections.protocol(),
            proxy_headers=False,  # the client is the connection's peer, whatever its headers say
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        # asyncio turns Nagle's delay off only for a socket that says it is TCP; 40 ms an answer otherwise.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._store.world.ports["api"]))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield
        finally:
            server.should_exit = True
            await task
            listener.close()


async def _first_end(children: tuple[Child, ...]) -> EmulatorError:
    ends = [asyncio.create_task(child.ended()) for child in children]
    done, rest = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    return done.pop().result()


async def serve(directory: Path, ready_fd: int | None) -> None:
    """Run until SIGTERM or SIGINT, or until a child ends (EmulatorError). Writes `ready` to `ready_fd` once up."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host = Host(directory)
    async with host.up() as ended:
        record = directory / "emulator.json"
        write_json(record, {**asdict(host.where()), "ticks": process_ticks(os.getpid())})
        log.info("ready: %s", host.where())
        if ready_fd is not None:
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)
        asked = asyncio.create_task(stop.wait())
        await asyncio.wait([asked, ended], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        problem = ended.result() if ended.done() else None
    if problem:
        raise problem
    record.unlink(missing_ok=True)
