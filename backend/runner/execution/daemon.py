"""javac as a daemon in a sandbox of its own: 4 ms for what takes a new process 300.

It runs nothing of a program: annotation processing is off. It is a program like any other to its slot, which nobody
else uses; a compile that takes too long, an answer that is malformed, or its end, and it is started anew. Nobody waits
for it long: while it compiles what takes its time, or has just started, compiles are made by a javac of their own. So
is whatever it cannot tell of, or has made so that it could not be laid out in a cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence

from backend.runner.errors import SandboxError
from backend.runner.execution.compiled import Program
from backend.runner.languages import javac
from backend.runner.languages.javac import Compiled, End
from backend.runner.sandbox import frames
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict

_log = logging.getLogger("codecanvas.runner")

_MOST_COMPILES = 1000
"""After these it is started anew, whatever it may have gathered."""
_PATIENCE = 0.25
"""Seconds that a compile waits for those before it."""
_LONGEST_PART, _LONGEST_PATH, _DEEPEST, _MOST_FILES = 255, 4000, 64, 20_000
"""Of what a cell takes for a program; the launcher's pack.c has the same of what a compile leaves in its cell."""
_LIFE = Limits(
    timeout=10**7, cpu_seconds=10**7, memory_kb=640 * 1024, output_bytes=1 << 40, processes=64, disk_kb=1024, inodes=64
)


class JavacDaemon:
    """Belongs to one event loop. Compiles one after the other."""

    def __init__(self, slot: Slot, variables: Sequence[tuple[str, str]]) -> None:
        self._slot, self._variables = slot, tuple(variables)
        self._life: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._said = bytearray()
        self._changed = asyncio.Event()
        self._compiles = 0
        self._ready = False

    # ── what the slot's keeper tells ────────────────────────────────────────────────────────────────────────

    def begun(self) -> None:
        """It runs."""

    def output(self, stream: str, data: bytes) -> None:
        """Part of an answer; what goes to stderr is nobody's."""
        if stream == "stdout" and len(self._said) <= javac.LONGEST_ANSWER:
            self._said += data
            if not self._ready:
                self._heed_start()
            self._changed.set()

    def _heed_start(self) -> None:
        """Its first answer comes unasked, once it is warm."""
        with contextlib.suppress(EOFError):  # what it says instead is found malformed when it is asked
            self._ready = javac.take_answer(self._said) is not None

    # ── its life ────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it, where it does not run."""
        if self._life is None or self._life.done():
            self._said.clear()
            self._compiles, self._ready = 0, False
            self._life = asyncio.create_task(self._live())
            self._life.add_done_callback(lambda _: self._changed.set())

    async def _live(self) -> None:
        step = Step(
            command=javac.COMMAND, limits=_LIFE, variables=self._variables, interactive=True, streams=True
        )  # fmt: skip
        try:
            verdict = await self._slot.run(step, self)
        except SandboxError:
            _log.exception("javac's sandbox was lost")
            return
        _log.warning("javac ended: %s %s", verdict.ending.name, verdict.detail)

    async def stop(self) -> None:
        """End it."""
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
            self._life = None

    @property
    def runs(self) -> bool:
        """Whether it is there."""
        return self._life is not None and not self._life.done()

    @property
    def ready(self) -> bool:
        """Whether it can be asked."""
        return self.runs and self._ready

    # ── compiling ───────────────────────────────────────────────────────────────────────────────────────────

    async def compile(
        self, options: Sequence[str], files: Mapping[str, bytes], limits: Limits
    ) -> Program | Verdict | None:
        """The program of the first of `files`, or the verdict of a compile that failed.

        None where it cannot be had from here: the daemon is busy, does not run, failed or gave up, or a file is no
        text, or compiled already.
        """
        try:
            sources = {name: content.decode() for name, content in files.items() if name.endswith(".java")}
        except UnicodeDecodeError:
            return None
        if not self.ready or any(name.endswith(".class") for name in files) or not await self._turn():
            return None
        try:
            if not self.runs:
                return None
            try:
                asked = javac.request(limits.output_bytes, options, sources)
                return await self._asked(asked, limits)
            except (EOFError, TimeoutError, SandboxError):
                _log.warning("javac did not answer and is started anew")
                await self.stop()
                return None
            except asyncio.CancelledError:
                await self.stop()  # its answer would be taken for the next one's
                raise
            finally:
                self._compiles += 1
                if self._compiles >= _MOST_COMPILES:
                    await self.stop()
        finally:
            self._lock.release()

    async def _turn(self) -> bool:
        """Have the lock, unless those before take their time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    async def _asked(self, request: bytes, limits: Limits) -> Program | Verdict | None:
        started = time.perf_counter()
        keeper = await self._slot.open()
        keeper.send_soon(b"I", frames.block(request))
        async with asyncio.timeout(limits.timeout):
            while (compiled := javac.take_answer(self._said)) is None:
                if not self.runs:
                    raise EOFError("javac ended")
                self._changed.clear()
                await self._changed.wait()
        if len(compiled.messages) > limits.output_bytes:
            raise EOFError("javac said more than it may")
        return _kept(compiled, time.perf_counter() - started)


def _kept(compiled: Compiled, seconds: float) -> Program | Verdict | None:
    made, cut = compiled.end is End.MADE, compiled.end is End.CUT
    if compiled.end is End.GAVE_UP or not all(map(_fits, compiled.files)) or len(compiled.files) > _MOST_FILES:
        return None
    verdict = Verdict(
        ending=Ending.OUTPUT if cut else Ending.EXITED, exit_code=None if cut else int(not made), truncated=cut,
        stderr=compiled.messages, wall_seconds=seconds, cpu_seconds=seconds,
    )  # fmt: skip
    if not made:
        return verdict
    return Program(frames.sealed(frames.pack(compiled.files)), verdict)


def _fits(name: str) -> bool:
    """Whether a cell can lay out a file of that name."""
    parts = name.encode().split(b"/")
    plain = all(0 < len(part) <= _LONGEST_PART and part not in {b".", b".."} for part in parts)
    return plain and b"\0" not in name.encode() and len(parts) <= _DEEPEST and len(name.encode()) < _LONGEST_PATH
