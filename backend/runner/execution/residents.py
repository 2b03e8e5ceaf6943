"""Resident compilers: a process that stays compiles in a few milliseconds what takes a new one hundreds.

A resident compiler runs in a slot that nobody else uses, sandboxed like any program. It never runs code of the source:
a language may declare one only if its compiles execute none. It is started again when a compile takes too long, an
answer is malformed, or it ends. Requests do not wait long for it: while it is busy or starting, and when it cannot
decide or its files do not fit into a cell, the request starts a compiler of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence

from backend.runner.errors import SandboxError
from backend.runner.execution.compiled import Program
from backend.runner.languages.resident import Compiled, End, Resident
from backend.runner.sandbox import frames
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending, Verdict

_log = logging.getLogger("codecanvas.runner")

_MOST_COMPILES = 1000
"""Compiles after which it is started again, so that nothing accumulates in it."""
_PATIENCE = 0.25
"""Seconds that a compile waits for earlier ones."""
_LONGEST_PART, _LONGEST_PATH, _DEEPEST, _MOST_FILES = 255, 4000, 64, 20_000
"""Limits of a program's files; the launcher's pack.c applies the same to the files of other compiles."""


class ResidentCompiler:
    """The resident compiler of the language `name`. Belongs to one event loop; compiles one request at a time."""

    def __init__(self, name: str, resident: Resident, slot: Slot, variables: Sequence[tuple[str, str]]) -> None:
        self._name, self._resident = name, resident
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
        """Part of an answer; nobody reads what goes to stderr."""
        if stream == "stdout" and len(self._said) <= self._resident.longest_answer:
            self._said += data
            if not self._ready:
                self._heed_start()
            self._changed.set()

    def _heed_start(self) -> None:
        """Take its first answer, which it gives unasked once it is warm."""
        with contextlib.suppress(EOFError):  # a malformed one is found when it is asked
            self._ready = self._resident.take(self._said) is not None

    # ── its life ────────────────────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._life is None or self._life.done():
            self._said.clear()
            self._compiles, self._ready = 0, False
            self._life = asyncio.create_task(self._live())
            self._life.add_done_callback(lambda _: self._changed.set())

    async def _live(self) -> None:
        step = Step(
            command=self._resident.command, limits=self._resident.limits, variables=self._variables,
            interactive=True, streams=True,
        )  # fmt: skip
        try:
            verdict = await self._slot.run(step, self)
        except SandboxError:
            _log.exception("the sandbox of the resident compiler of %s was lost", self._name)
            return
        _log.warning("the resident compiler of %s ended: %s %s", self._name, verdict.ending.name, verdict.detail)

    async def stop(self) -> None:
        """End it."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])  # awaited itself, it would hide that whoever waits is cancelled too
            self._life = None

    @property
    def runs(self) -> bool:
        """Whether its process runs."""
        return self._life is not None and not self._life.done()

    @property
    def ready(self) -> bool:
        """Whether it is warm and can compile."""
        return self.runs and self._ready

    # ── compiling ───────────────────────────────────────────────────────────────────────────────────────────

    async def compile(
        self, options: Sequence[str], files: Mapping[str, bytes], limits: Limits
    ) -> Program | Verdict | None:
        """Compile `files`, the program's own first. Returns the program, or the verdict of a failed compile.

        Returns None if this compiler cannot do it: it is busy, does not run, failed or gave up, or does not take such
        files.
        """
        if not self.ready:
            return None
        asked = self._resident.ask(limits.output_bytes, options, files)
        if asked is None or not await self._turn():
            return None
        try:
            if not self.runs:  # it may have ended while this compile waited for its turn
                return None
            try:
                return await self._asked(asked, limits)
            except (EOFError, TimeoutError, SandboxError):
                _log.warning("the resident compiler of %s did not answer and is started again", self._name)
                await self.stop()
                return None
            except asyncio.CancelledError:
                await self.stop()  # else its answer would be taken for the next compile's
                raise
            finally:
                self._compiles += 1
                if self._compiles >= _MOST_COMPILES:
                    await self.stop()
        finally:
            self._lock.release()

    async def _turn(self) -> bool:
        """Acquire the lock; False if that takes longer than _PATIENCE."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._lock.acquire()
        except TimeoutError:
            return False

    async def _asked(self, request: bytes, limits: Limits) -> Program | Verdict | None:
        started = time.perf_counter()
        keeper = await self._slot.open()
        keeper.stdin(request)
        async with asyncio.timeout(limits.timeout):
            while (compiled := self._resident.take(self._said)) is None:
                if not self.runs:
                    raise EOFError("the compiler ended")
                self._changed.clear()
                await self._changed.wait()
        if len(compiled.messages) > limits.output_bytes:
            raise EOFError("the compiler said more than it may")
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
