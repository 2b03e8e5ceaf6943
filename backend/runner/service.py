"""The service without its HTTP: host, slots, languages and queue, put together once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.execution.compiled import CompileCache
from backend.runner.execution.daemon import JavacDaemon
from backend.runner.execution.executor import Executor, Observer
from backend.runner.execution.listener import Listener
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.queue import SlotQueue, Turns
from backend.runner.execution.readiness import Tender
from backend.runner.execution.request import Case, RunRequest
from backend.runner.languages import Language, all_languages
from backend.runner.languages import __file__ as languages_file
from backend.runner.sandbox import layers
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.cgroup import find_cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.layers import Layer
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import FIRST_UID, Plan, Slot, make_slots
from backend.runner.settings import Settings

_log = logging.getLogger("codecanvas.runner")
_READY_SECONDS = 5.0
SHUTDOWN_SECONDS = 10.0


@dataclasses.dataclass
class Service:
    """What the routes work with."""

    settings: Settings
    queue: SlotQueue
    languages: Mapping[str, Language]
    versions: Mapping[str, str]
    layers: tuple[Layer, ...]
    executor: Executor
    slots: Sequence[Slot]
    spare: Slot
    """A slot outside the queue, for readiness."""
    tender: Tender
    spare_lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    """Held by whoever uses the spare slot."""
    _ready: tuple[float, bool] = (float("-inf"), False)
    _lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    _refreshing: asyncio.Task[bool] | None = None

    async def run(self, request: RunRequest, slot: Slot, listener: Listener | None = None) -> Outcome:
        """Run `request` in `slot`; cancelled, its program is ended first."""
        self.tender.note(request.language.name)
        try:
            return await self.executor.execute(slot, request, listener)
        finally:
            self.tender.replace(request.language.name)

    async def run_batch(
        self, request: RunRequest, cases: Sequence[Case], turns: Turns
    ) -> tuple[Outcome | None, list[Outcome]]:
        """Compile once and run each case, others between: the failed compile, or None and an outcome for each case."""
        self.tender.note(request.language.name)
        return await self.executor.batch(turns, request, cases, self.settings.batch_seconds)

    async def stop(self) -> None:
        """Take no new runs, finish those in hand within SHUTDOWN_SECONDS, and end the rest."""
        self.queue.close()
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])
        if not await self.queue.drain(SHUTDOWN_SECONDS):
            _log.error("runs were still going on after %g s; they are ended", SHUTDOWN_SECONDS)
            self.executor.end()
            for slot in self.slots:
                slot.stop()

    async def ready(self) -> bool:
        """Whether a program runs, tried every few seconds; False while shutting down.

        The first time it is tried at once; later the last answer is given while it is tried again behind it: a busy
        machine is slow to run a program, and must not be taken for one that cannot.
        """
        if self.queue.closed or not self.languages:
            return False
        checked, answer = self._ready
        if checked == float("-inf"):
            return await self._refresh()
        if time.monotonic() - checked > _READY_SECONDS and not self._lock.locked():
            self._refreshing = asyncio.create_task(self._refresh())
        return answer

    async def _refresh(self) -> bool:
        async with self._lock:
            checked, answer = self._ready
            if time.monotonic() - checked > _READY_SECONDS:
                answer = await self._try_hello()
                self._ready = time.monotonic(), answer
            return answer

    async def _try_hello(self) -> bool:
        language = self.languages.get("bash") or next(iter(self.languages.values()))
        request = RunRequest(language=language, source=language.hello.encode(), limits=Limits(timeout=5))
        async with self.spare_lock:
            outcome = await self.executor.execute(self.spare, request)
        return outcome.status is Status.OK and outcome.stdout == language.hello_output.encode()


@contextlib.asynccontextmanager
async def make_service(settings: Settings, observe: Observer = lambda *_: None) -> AsyncIterator[Service]:
    """Put the service together; on leaving, finish the runs in hand within SHUTDOWN_SECONDS.

    Raises SandboxError or LayersMissing where the host cannot isolate as the environment requires.
    """
    async with contextlib.AsyncExitStack() as stack:
        warm = settings.warm or _own_warm(stack)
        host = Host.find(find_launcher(settings.launcher), settings.toolchains, warm)
        caches = settings.cache or _own_caches(stack, FIRST_UID + settings.num_runners + 2 if host.choose_uid else None)
        plan = Plan(host=host, cgroups=find_cgroups() if settings.cgroups == "auto" else None, caches=caches)
        *slots, spare, bench, workshop = await stack.enter_async_context(make_slots(plan, settings.num_runners + 2))
        versions: dict[str, str] = {}
        compiled = CompileCache(settings.compile_cache_mb << 20) if "compile_cache" in settings.accelerations else None
        executor = Executor(host, versions, cache=compiled, accelerations=settings.accelerations, observe=observe)
        found = await layers.probe(spare, plan.cgroups, executor.variables(all_languages()["bash"]))
        layers.require(found, settings.environment)
        queue = SlotQueue(
            slots, settings.queue_limit, patience=settings.queue_seconds, most_wait=settings.queue_wait,
            share=settings.queue_share,
        )  # fmt: skip
        tender = Tender(executor, slots, settings)
        service = Service(settings, queue, {}, versions, found, executor, slots, spare, tender)
        asking = await _find_languages(service, versions, spare)
        tender.languages = service.languages
        stack.push_async_callback(executor.stop_javac)
        warming = asyncio.create_task(_warm_java(service, bench, warm))
        filling = asyncio.create_task(_fill_caches(service, workshop, caches))
        tending = [asking, filling, warming, asyncio.create_task(tender.tend())]
        try:
            yield service
        finally:
            await service.stop()
            for task in tending:
                task.cancel()
            await asyncio.wait(tending)
            if compiled is not None:
                compiled.clear()


def _own_caches(stack: contextlib.AsyncExitStack, writer: int | None) -> Path:
    """A directory for this service's own caches, which every slot can read and the uid `writer` can write."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecanvas-cache-")))
    place.chmod(0o711)
    for language in all_languages().values():
        if language.cache is not None:
            (place / language.name).mkdir(mode=0o755)
            if writer is not None:
                os.chown(place / language.name, writer, writer)
    return place


def _own_warm(stack: contextlib.AsyncExitStack) -> Path:
    """A directory of what warm processes read, where no image brings one."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecanvas-warm-")))
    place.chmod(0o755)
    for language in all_languages().values():
        for name, content in language.warm_files.items():
            (place / Path(name).name).write_text(content, encoding="utf-8")
    return place


async def _done(*command: str) -> bool:
    """Run a command of our own; whether it went well. Cancelled, it is ended."""
    nothing = asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError:
        return False
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _warm_java(service: Service, slot: Slot, warm: Path) -> None:
    """Let Java use processes that wait and a compiler that stays, once their classes are there; built where need be."""
    if "warm" not in service.settings.accelerations or "java" not in service.languages:
        return
    if not (warm / "java").is_dir():
        (warm / "building").mkdir(exist_ok=True)
        build = Path(languages_file).parent / "warm" / "java" / "build.sh"
        if not await _done("sh", str(build), str(warm / "building")):
            _log.info("java: its processes are not kept warm; no javac here compiles what does that")
            return
        (warm / "building").rename(warm / "java")
    service.executor.javac = JavacDaemon(slot, service.executor.variables(service.languages["java"]))
    service.tender.warm_java = True


async def _find_languages(service: Service, versions: dict[str, str], slot: Slot) -> asyncio.Task[None]:
    """Offer the languages whose toolchain is there, and ask each for its version; one that does not answer is dropped.

    The core ones are asked now, the others by the task that is returned: some take a second.
    """
    languages = all_languages()
    image = service.settings.cache is not None
    offered = {name: one for name, one in languages.items() if service.executor.has(one, whole=image)}
    for name, language in offered.items():
        if language.formatter is not None and not (
            service.executor.finds(language.formatter[0]) and service.executor.has_file(language.formatter_needs)
        ):
            language = offered[name] = dataclasses.replace(language, formatter=None)
        if language.testing is not None and not service.executor.has_file(language.testing.needs):
            language = offered[name] = dataclasses.replace(language, testing=None)
        if language.libraries:
            offered[name] = service.executor.with_libraries(language)
    if left_out := sorted(languages.keys() - offered.keys()):
        _log.info("left out, since their toolchains are not on this host: %s", ", ".join(left_out))

    async def ask(language: Language) -> None:
        try:
            answer = await service.executor.version(slot, language)
        except SandboxError:
            _log.exception("%s: its version could not be asked", language.name)
            answer = None
        if answer is None:
            _log.warning("%s is left out: its toolchain does not work on this host", language.name)
            del offered[language.name]
        else:
            versions[language.name] = answer

    async def ask_all(core: bool) -> None:
        for language in [one for one in offered.values() if one.core is core]:
            async with service.spare_lock:
                await ask(language)

    service.languages = offered
    await ask_all(core=True)
    if service.settings.environment == "local":
        await ask_all(core=False)  # somebody's own machine: there some may not work, and must not be offered
    return asyncio.create_task(ask_all(core=False))


async def _fill_caches(service: Service, workshop: Slot, caches: Path) -> None:
    """Fill the compile caches that were not baked, one after the other, while runs go on without them."""
    for language in service.languages.values():
        if language.cache is None:
            continue
        place = caches / language.name
        if service.settings.cache is not None:
            if place.is_dir():
                service.executor.warmed.add(language.name)
            continue
        try:
            filled = await service.executor.fill_cache(workshop, language)
        except SandboxError:
            _log.exception("%s: its compile cache could not be filled", language.name)
            continue
        if filled:
            service.executor.warmed.add(language.name)
        else:
            _log.warning("%s: its compile cache could not be filled; compiles are slower", language.name)
