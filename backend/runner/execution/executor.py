"""Compile, run, clean up: one request in one slot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.execution.outcome import INTERNAL_ERROR, Outcome, Status, describe
from backend.runner.execution.request import RunRequest
from backend.runner.languages import Language
from backend.runner.sandbox.command import Step
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.supervise import run_step
from backend.runner.sandbox.verdict import Ending, Verdict

_log = logging.getLogger("codecanvas.runner")

Observer = Callable[[str, str, float], None]
"""Told of each step: language, "compile" or "run", seconds."""


class Executor:
    """Runs requests on this host. Its methods block, and may be called from several threads at once."""

    def __init__(self, host: Host, caches: Mapping[str, Path], observe: Observer = lambda *_: None) -> None:
        self._host = host
        self._caches = caches
        self._observe = observe
        self._abort = threading.Event()

    def abort(self) -> None:
        """End the runs in hand, and all that follow, as internal errors: the service is about to end."""
        self._abort.set()

    def execute(self, slot: Slot, request: RunRequest) -> Outcome:
        """Run `request` in `slot` and leave the slot empty. Never raises for what a program does."""
        try:
            try:
                return self._compile_and_run(slot, request)
            finally:
                slot.empty()
        except (SandboxError, OSError):  # OSError: the host is out of descriptors, memory or processes
            _log.exception("a run of %s failed", request.language.name)
            return Outcome(status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR)

    def _compile_and_run(self, slot: Slot, request: RunRequest) -> Outcome:
        language = request.language
        files = {**request.files, language.source: request.source}
        compiled: Verdict | None = None
        if language.compile is not None:
            step = Step(command=language.compile, limits=language.compile_limits, files=files, compiles=True)
            compiled = self._step(slot, language, "compile", step)
            if compiled.ending is not Ending.EXITED or compiled.status != 0:
                return describe(compiled, language.compile_limits, compiling=True)
        command = (*language.run, *request.args)
        step = Step(command=command, limits=request.limits, files=files, stdin=request.stdin)
        return describe(self._step(slot, language, "run", step), request.limits, compiled=compiled)

    def _step(self, slot: Slot, language: Language, phase: str, step: Step) -> Verdict:
        verdict = run_step(self._host, slot, self._dressed(step, language), self._abort)
        self._observe(language.name, phase, verdict.seconds)
        if verdict.ending is Ending.FAILED:
            _log.error("the sandbox of a %s of %s failed: %s", phase, language.name, verdict.detail.strip())
        return verdict

    def _dressed(self, step: Step, language: Language) -> Step:
        """`step` with the language's variables, and its cache where it compiles and one is warm."""
        variables, cache = dict(language.variables), self._caches.get(language.name)
        if step.compiles and language.cache is not None and cache is not None:
            variables[language.cache.variable] = "/cache"
        else:
            cache = None
        return Step(
            command=step.command, limits=step.limits, files=step.files, stdin=step.stdin, compiles=step.compiles,
            variables=tuple(variables.items()), cache=cache,
        )  # fmt: skip

    def version(self, slot: Slot, language: Language) -> str | None:
        """First line of what the toolchain says of itself; None where it does not work on this host."""
        step = Step(command=language.version, limits=Limits(timeout=10, memory_kb=1024 * 1024))
        verdict = run_step(self._host, slot, self._dressed(step, language), self._abort)
        if verdict.ending is not Ending.EXITED or verdict.status != 0:
            return None
        lines = verdict.stdout.decode("utf-8", "replace").splitlines()
        return lines[0].strip() if lines else ""

    def warm(self, slot: Slot, language: Language, cache: Path) -> bool:
        """Fill the language's compile cache in `cache`, which the slot's uid can write; False where that failed."""
        if language.cache is None or language.compile is None:
            return False
        limits = Limits(timeout=300, memory_kb=2 * 1024 * 1024, processes=256)
        variables = {**dict(language.variables), language.cache.variable: "/cache"}
        step = Step(
            command=language.compile, limits=limits, files={language.source: language.cache.warm_up.encode()},
            compiles=True, variables=tuple(variables.items()), cache=cache, cache_writable=True,
        )  # fmt: skip
        verdict = run_step(self._host, slot, step, self._abort)
        slot.empty()
        return verdict.ending is Ending.EXITED and verdict.status == 0
