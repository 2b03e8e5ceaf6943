"""Start-up: assembles the service, then prepares caches and waiting processes in the background while it serves."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.execution import toolchains
from backend.runner.execution.compiled import CompileCache
from backend.runner.execution.executor import Executor, Observer
from backend.runner.execution.offer import Offer
from backend.runner.execution.queue import SlotQueue
from backend.runner.execution.readiness import Tender
from backend.runner.execution.residents import ResidentCompiler
from backend.runner.execution.variables import Variables
from backend.runner.languages import Language, all_languages
from backend.runner.languages import __file__ as languages_file
from backend.runner.sandbox import layers
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.cgroup import find_cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import FIRST_UID, Plan, Slot, make_slots
from backend.runner.service import Service
from backend.runner.settings import Settings

_log = logging.getLogger("codecanvas.runner")


@contextlib.asynccontextmanager
async def make_service(settings: Settings, observe: Observer = lambda *_: None) -> AsyncIterator[Service]:
    """Assemble the service. On leaving, let current runs finish for SHUTDOWN_SECONDS.

    Raises SandboxError or LayersMissing if the host cannot isolate as the environment requires.
    """
    async with contextlib.AsyncExitStack() as stack:
        warm = settings.warm or _own_warm(stack)
        host = Host.find(find_launcher(settings.launcher), settings.toolchains, warm)
        offer = Offer(toolchains.offered(host, whole=settings.cache is not None))
        variables = Variables(host, offer)
        staying = _staying(offer, settings)
        # Beside the runners: a slot for trials and one for each resident compiler. After these `count`, make_slots adds
        # the one slot that may write the compile caches; caches that this service makes belong to that slot's uid.
        count = settings.num_runners + 1 + len(staying)
        caches = settings.cache or _own_caches(stack, FIRST_UID + count if host.choose_uid else None)
        plan = Plan(host=host, cgroups=find_cgroups() if settings.cgroups == "auto" else None, caches=caches)
        made = await stack.enter_async_context(make_slots(plan, count))
        slots, probe_slot, workshop = made[: settings.num_runners], made[settings.num_runners], made[-1]
        residents = _residents(staying, made[settings.num_runners + 1 : -1], variables)
        for resident in residents.values():
            stack.push_async_callback(resident.stop)  # on leaving, before the slots that they run in are closed
        # Before anything of a client can run: where a layer is missing, the service must not start.
        found = await layers.probe(probe_slot, plan.cgroups, tuple(variables.every_step().items()))
        layers.require(found, settings.environment, settings.role)
        service = _assemble(settings, host, offer, found, (slots, probe_slot), residents, observe)
        startup = _Startup(service)
        await startup.ask_needed()
        tasks = [
            asyncio.create_task(work)
            for work in (
                startup.ask_others(),
                startup.fill_caches(workshop, caches),
                startup.build_warm(warm),
                service.tender.tend(),
            )
        ]
        try:
            yield service
        finally:
            await service.stop()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            service.executor.close()


def _assemble(
    settings: Settings, host: Host, offer: Offer, found: tuple[layers.Layer, ...], places: tuple[Sequence[Slot], Slot],
    residents: Mapping[str, ResidentCompiler], observe: Observer,
) -> Service:  # fmt: skip
    slots, probe_slot = places
    compiled = CompileCache(settings.compile_cache_mb << 20) if "compile_cache" in settings.accelerations else None
    executor = Executor(
        host, offer, cache=compiled, accelerations=settings.accelerations, observe=observe, residents=residents
    )  # fmt: skip
    return Service(
        settings=settings,
        queue=SlotQueue(
            slots, settings.queue_limit, patience=settings.queue_seconds, most_wait=settings.queue_wait,
            share=settings.queue_share,
        ),
        offer=offer,
        layers=found,
        executor=executor,
        slots=slots,
        probe_slot=probe_slot,
        tender=Tender(offer, executor.variables, slots, settings, executor.libraries, residents),
    )  # fmt: skip


def _staying(offer: Offer, settings: Settings) -> list[Language]:
    """The offered languages with a resident compiler; none if RUNNER_ACCELERATIONS excludes `warm`."""
    if "warm" not in settings.accelerations:
        return []
    return [one for one in offer.languages.values() if one.resident is not None]


def _residents(
    languages: Sequence[Language], slots: Sequence[Slot], variables: Variables
) -> dict[str, ResidentCompiler]:
    """The resident compilers by language, each in a slot of its own."""
    return {
        language.name: ResidentCompiler(language.name, language.resident, slot, variables.of_waiting_run(language))
        for language, slot in zip(languages, slots, strict=True)
        if language.resident is not None
    }


def _own_caches(stack: contextlib.AsyncExitStack, writer: int | None) -> Path:
    """Make a directory for compile caches, readable by every slot and writable by the uid `writer`."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecanvas-cache-")))
    place.chmod(0o711)
    for language in all_languages().values():
        if language.cache is not None:
            (place / language.name).mkdir(mode=0o755)
            if writer is not None:
                os.chown(place / language.name, writer, writer)
    return place


def _own_warm(stack: contextlib.AsyncExitStack) -> Path:
    """Make the directory of files that warm processes read, for a service without an image."""
    place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecanvas-warm-")))
    place.chmod(0o755)
    for language in all_languages().values():
        for name, content in language.warm_files.items():
            (place / Path(name).name).write_text(content, encoding="utf-8")
    return place


@dataclasses.dataclass(frozen=True)
class _Startup:
    """The work of start-up that needs a running service."""

    service: Service

    async def ask_needed(self) -> None:
        """Ask the toolchains that must be known before the first run for their versions.

        Those are the core languages. In a local environment it is all: on a developer's machine some may not work.
        """
        await self._ask(core=True)
        if self.service.settings.role == "local":
            await self._ask(core=False)

    async def ask_others(self) -> None:
        """Ask the others while programs run already: some take a second to answer."""
        await self._ask(core=False)

    async def _ask(self, *, core: bool) -> None:
        """Ask each toolchain that was not asked yet; withdraw languages whose toolchain fails."""
        offer = self.service.offer
        for language in list(offer.languages.values()):
            if language.core is core and language.name not in offer.versions:
                async with self.service.probe_lock:
                    await self._ask_one(language)

    async def _ask_one(self, language: Language) -> None:
        try:
            answer = await toolchains.ask_version(self.service.probe_slot, language, self.service.executor.variables)
        except SandboxError:
            _log.exception("%s: its version could not be asked", language.name)
            answer = None
        if answer is None:
            _log.warning("%s is left out: its toolchain does not work on this host", language.name)
            self.service.offer.withdraw(language.name)
        else:
            self.service.offer.has_version(language.name, answer)

    async def build_warm(self, place: Path) -> None:
        """Build the files that waiting processes read, unless an image brought them. Until then nothing waits."""
        if "warm" not in self.service.settings.accelerations:
            return
        for language in list(self.service.offer.languages.values()):
            if not language.warm_build:
                continue
            if (place / language.warm_build).is_dir() or await _build(language, place):
                self.service.offer.warm_build_is_there(language.name)
            else:
                _log.warning(
                    "%s: what its waiting processes read could not be built; its programs start more slowly",
                    language.name,
                )

    async def fill_caches(self, workshop: Slot, caches: Path) -> None:
        """Fill the compile caches that no image brought, one after the other. Until then compiles do without."""
        offer = self.service.offer
        for language in list(offer.languages.values()):
            if language.cache is None:
                continue
            if self.service.settings.cache is not None:
                if (caches / language.name).is_dir():
                    offer.cache_is_filled(language.name)
                continue
            try:
                filled = await toolchains.fill_cache(workshop, language, self.service.executor.variables)
            except SandboxError:
                _log.exception("%s: its compile cache could not be filled", language.name)
                continue
            if filled:
                offer.cache_is_filled(language.name)
            else:
                _log.warning("%s: its compile cache could not be filled; compiles are slower", language.name)


async def _build(language: Language, place: Path) -> bool:
    """Build the files that the waiting processes of `language` read, beneath `place`. Returns whether it succeeded.

    The directory gets its name when it is complete, so nobody sees half of it.
    """
    building = place / f"{language.warm_build}.building"
    building.mkdir(exist_ok=True)
    script = Path(languages_file).parent / "warm" / language.warm_build / "build.sh"
    if not await _done("sh", str(script), str(building)):
        return False
    building.rename(place / language.warm_build)
    return True


async def _done(*command: str) -> bool:
    """Run a trusted command outside of the sandbox. Returns whether it succeeded; if cancelled, ends it."""
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
