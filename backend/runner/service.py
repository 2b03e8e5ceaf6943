"""The service without its HTTP: host, slots, languages and queue, put together once."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from backend.runner.errors import SandboxError
from backend.runner.execution.executor import Executor, Observer
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.queue import SlotQueue
from backend.runner.execution.request import RunRequest
from backend.runner.languages import Language, all_languages
from backend.runner.sandbox import layers
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.layers import Layer
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot, make_slots
from backend.runner.settings import Settings

_log = logging.getLogger("codecanvas.runner")
_READY_SECONDS = 5.0
SHUTDOWN_SECONDS = 10.0

_Result = TypeVar("_Result")


@dataclasses.dataclass
class Service:
    """What the routes work with."""

    settings: Settings
    queue: SlotQueue
    languages: Mapping[str, Language]
    versions: Mapping[str, str]
    layers: tuple[Layer, ...]
    executor: Executor
    threads: ThreadPoolExecutor
    spare: Slot
    """A slot outside the queue, for readiness."""
    workshop: Slot
    """A slot outside the queue, for warming compile caches."""
    _ready: tuple[float, bool] = (float("-inf"), False)
    _lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    _refreshing: asyncio.Task[bool] | None = None

    async def in_thread(self, work: Callable[..., _Result], *arguments: object) -> _Result:
        """Run `work` to its end, even where the caller gives up: until then its slot is in use.

        Its thread lives as long as the service, because a sandbox dies with the thread that made it.
        """
        future = asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    async def run(self, request: RunRequest, slot: Slot) -> Outcome:
        """Run `request` in `slot`."""
        return await self.in_thread(self.executor.execute, slot, request)

    async def stop(self) -> None:
        """Take no new runs, finish those in hand within SHUTDOWN_SECONDS, and end the rest."""
        self.queue.close()
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])
        if not await self.queue.drain(SHUTDOWN_SECONDS):
            _log.error("runs were still going on after %g s; they are ended", SHUTDOWN_SECONDS)
        self.executor.abort()

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
        outcome = await self.run(request, self.spare)
        return outcome.status is Status.OK and outcome.stdout == language.hello_output.encode()


@contextlib.asynccontextmanager
async def make_service(settings: Settings, observe: Observer = lambda *_: None) -> AsyncIterator[Service]:
    """Put the service together; on leaving, finish the runs in hand within SHUTDOWN_SECONDS.

    Raises SandboxError or LayersMissing where the host cannot isolate as the environment requires.
    """
    host = Host.find(settings.toolchains)
    with contextlib.ExitStack() as stack:
        *slots, spare, workshop = stack.enter_context(make_slots(host, settings.num_runners + 2))
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="codecanvas-cache-")))
        threads = ThreadPoolExecutor(settings.num_runners + 2, thread_name_prefix="runner")
        stack.callback(threads.shutdown, wait=True, cancel_futures=True)
        found = await asyncio.get_running_loop().run_in_executor(threads, layers.probe, host, spare)
        layers.require(found, settings.environment)
        caches = _baked_caches(settings)
        executor = Executor(host, caches, observe)
        queue = SlotQueue(
            slots,
            settings.queue_limit,
            patience=settings.queue_seconds,
            most_wait=settings.queue_wait,
            share=settings.queue_share,
        )
        service = Service(settings, queue, {}, {}, found, executor, threads, spare, workshop)
        await _find_languages(service, [*slots, spare, workshop])
        warming = asyncio.create_task(_warm(service, caches, state))
        try:
            yield service
        finally:
            await service.stop()
            warming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await warming


def _baked_caches(settings: Settings) -> dict[str, Path]:
    if settings.cache is None:
        return {}
    return {path.name: path for path in settings.cache.iterdir() if path.is_dir()}


async def _find_languages(service: Service, slots: list[Slot]) -> None:
    """Keep the languages whose toolchain answers in a sandbox."""
    free: asyncio.Queue[Slot] = asyncio.Queue()
    for slot in slots:
        free.put_nowait(slot)

    async def version(language: Language) -> str | None:
        slot = await free.get()
        try:
            return await service.in_thread(service.executor.version, slot, language)
        except SandboxError:
            _log.exception("%s: its version could not be asked", language.name)
            return None
        finally:
            free.put_nowait(slot)

    languages = all_languages()
    answers = await asyncio.gather(*map(version, languages.values()))
    versions = {name: answer for name, answer in zip(languages, answers, strict=True) if answer is not None}
    for name in languages.keys() - versions.keys():
        _log.warning("%s is left out: its toolchain does not work on this host", name)
    service.languages = {name: languages[name] for name in versions}
    service.versions = versions


async def _warm(service: Service, caches: dict[str, Path], state: Path) -> None:
    """Fill the compile caches that were not baked, one after the other, while runs go on without them."""
    for language in service.languages.values():
        if language.cache is None or language.name in caches:
            continue
        path = state / language.name
        path.mkdir(mode=0o700)
        slot = service.workshop
        _give(path, slot)
        if await service.in_thread(service.executor.warm, slot, language, path):
            await service.in_thread(_share, path)
            caches[language.name] = path
        else:
            _log.warning("%s: its compile cache could not be warmed; compiles are slower", language.name)


def _give(directory: Path, slot: Slot) -> None:
    """Let the slot write `directory`, and every slot pass through what it lies in."""
    directory.parent.chmod(0o711)
    if slot.uid is not None:
        os.chown(directory, slot.uid, slot.uid)


def _share(directory: Path) -> None:
    """Let every slot read what the warm-up wrote. The service's own sources ran there, nobody else's."""
    for root, _, files in os.walk(directory):
        Path(root).chmod(0o755)
        for name in files:
            (Path(root) / name).chmod(0o644)
