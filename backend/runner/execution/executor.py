"""Compiles and runs one request in one slot, using caches and waiting processes where they fit."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from collections.abc import Callable, Mapping, Sequence

from backend.runner.errors import SandboxError
from backend.runner.execution.compiled import CompileCache, Program, key_of
from backend.runner.execution.libraries import Libraries
from backend.runner.execution.listener import Listener
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import (
    INTERNAL_ERROR,
    Outcome,
    Status,
    compile_report,
    describe,
    no_program,
    not_kept,
)
from backend.runner.execution.queue import Turns
from backend.runner.execution.reports import read_tests
from backend.runner.execution.request import COLLECT_BYTES, Case, RunRequest, collected
from backend.runner.execution.residents import ResidentCompiler
from backend.runner.execution.talk import Talk
from backend.runner.execution.variables import Variables
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.languages.sources import compile_command
from backend.runner.languages.testing import REPORT
from backend.runner.sandbox import frames
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import COMPILE
from backend.runner.sandbox.step import SPAWNER, Step
from backend.runner.sandbox.verdict import Ending, Verdict

_log = logging.getLogger("codecanvas.runner")

Observer = Callable[[str, str, float], None]
"""Called after each step with the language, "compile" or "run", and seconds."""

_TERM = ("TERM", "xterm-256color")
"""What the page's terminal understands. Programs in pipes get no TERM."""


class Executor:
    """Runs requests on this host. Belongs to one event loop."""

    def __init__(
        self, host: Host, offer: Offer, *, cache: CompileCache | None, accelerations: frozenset[str],
        observe: Observer = lambda *_: None, residents: Mapping[str, ResidentCompiler] | None = None,
    ) -> None:  # fmt: skip
        self.variables = Variables(host, offer)
        """Environment variables of steps, and of processes that wait."""
        self._offer = offer
        self._cache, self._observe = cache, observe
        self._accelerations = accelerations
        self._residents = residents or {}
        """Resident compilers, by language."""
        self.libraries = Libraries()
        """Templates that hold libraries."""
        self._ended = False

    def close(self) -> None:
        """Drop the compiled programs that are kept."""
        if self._cache is not None:
            self._cache.clear()

    def end(self) -> None:
        """From now on, report stopped programs as the service's fault: it is shutting down and stops them."""
        self._ended = True

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────

    async def execute(self, slot: Slot, request: RunRequest, listener: Listener | None = None) -> Outcome:
        """Run `request` in `slot`. Never raises for what a program does. If cancelled, it ends the program first."""
        try:
            program, failed = await self._compiled(slot, request, listener)
            if failed is not None:
                return failed
            try:
                if listener is not None:
                    listener.phase(
                        "run", None if program is None else compile_report(program.verdict, cached=program.cached)
                    )
                return await self._run(slot, request, program, listener)
            finally:
                if program is not None:
                    program.close()
        except (SandboxError, OSError):  # OSError: the host is out of descriptors, memory or processes
            _log.exception("a run of %s failed", request.language.name)
            return Outcome(status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR)

    async def batch(
        self, turns: Turns, request: RunRequest, cases: Sequence[Case], most: float,
        began: Callable[[], None] = lambda: None,
    ) -> tuple[Outcome | None, list[Outcome]]:  # fmt: skip
        """Compile once and run each case, one after the other.

        Returns the outcome of a failed compile and no outcomes, or None and an outcome for each case.

        Between cases, requests that wait for a slot go first. The batch takes at most `most` seconds: cases that are
        left then get the status TIMEOUT with a message. `began` is called as each case begins. Raises ShuttingDown.
        """
        until = asyncio.get_running_loop().time() + most
        try:
            program, failed = await self._compiled(turns.slot, request, None)
        except (SandboxError, OSError):
            _log.exception("a compile of %s failed", request.language.name)
            return Outcome(status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR), []
        if failed is not None:
            return failed, []
        try:
            outcomes: list[Outcome] = []
            for case in cases:
                if outcomes and not await self._paused(turns, until):
                    late = Outcome(status=Status.TIMEOUT, error=f"not run: the batch took longer than {most:g} s")
                    return None, outcomes + [late] * (len(cases) - len(outcomes))
                began()
                outcomes.append(await self._in_time(turns.slot, request, case, program, (until, most)))
            return None, outcomes
        finally:
            if program is not None:
                program.close()

    async def _paused(self, turns: Turns, until: float) -> bool:
        """Let waiting requests go first. Returns False if the loop's time reached `until` meanwhile."""
        try:
            async with asyncio.timeout_at(until):
                await asyncio.sleep(0)  # raises TimeoutError if `until` is past already
                await turns.pause()
        except TimeoutError:
            return False
        return True

    async def _in_time(
        self, slot: Slot, request: RunRequest, case: Case, program: Program | None, bound: tuple[float, float]
    ) -> Outcome:
        """Run a case, at most until the batch's end. `bound`: the loop's time of that end, and all of its seconds."""
        until, most = bound
        left = max(0.001, until - asyncio.get_running_loop().time())
        if left >= request.limits.timeout:
            return await self._case(slot, request, case, program)
        shorter = dataclasses.replace(request, limits=dataclasses.replace(request.limits, timeout=left))
        outcome = await self._case(slot, shorter, case, program)
        if outcome.status is Status.TIMEOUT:
            outcome = dataclasses.replace(outcome, error=f"the batch took longer than {most:g} s")
        return outcome

    async def _case(self, slot: Slot, request: RunRequest, case: Case, program: Program | None) -> Outcome:
        args = request.args if case.args is None else case.args
        files = request.files if case.files is None else case.files
        try:
            return await self._run(
                slot, dataclasses.replace(request, stdin=case.stdin, args=args, files=files), program, None
            )
        except (SandboxError, OSError):
            _log.exception("a case of %s failed", request.language.name)
            return Outcome(status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR)

    # ── compiling ───────────────────────────────────────────────────────────────────────────────────────────

    async def _compiled(
        self, slot: Slot, request: RunRequest, listener: Listener | None
    ) -> tuple[Program | None, Outcome | None]:
        """The compiled program (None for interpreted languages), or the outcome of a failed compile."""
        language = request.language
        if language.compile is None:
            return None, None
        files = {language.source: request.source, **request.files}
        key = self._key(request, files)
        if self._cache is not None and (kept := self._cache.take(key)) is not None:
            return kept, None
        if listener is not None:
            listener.phase("compile")
        # The quickest first: a resident compiler, a compiler that waits at its source, then a new one. A resident
        # compiler that is busy, or cannot decide, soon returns None: nobody waits long for a stranger's program.
        if language.resident is not None and (resident := self._residents.get(language.name)) is not None:
            made = await resident.compile(request.options, files, language.compile_limits)
            if isinstance(made, Verdict):
                return None, describe(made, language.compile_limits, compiling=True)
            if made is not None:
                self._observe(language.name, "compile", made.verdict.wall_seconds)
                if self._cache is not None:
                    self._cache.keep(key, made)
                return made, None
        command = compile_command(language, request.options, files)
        warm = ""
        if language.compile_hold is not None and "warm" in self._accelerations and not request.options:
            # What waits was started with the command for a single file and without options.
            warm = slot.spares.take_warm(f"{language.name}{COMPILE}") if len(files) == 1 else ""
        step = Step(
            command=command, limits=language.compile_limits, files=files,
            compiles=True, variables=self.variables.of_compile(language), calls=language.calls,
            warm=warm, go=b"\n" if warm else b"",
        )  # fmt: skip
        verdict = await self._step(slot, language, "compile", step)
        if verdict.ending is not Ending.EXITED or verdict.status != 0 or verdict.program is None:
            limits = language.compile_limits
            outcome = not_kept(verdict, limits) or describe(verdict, limits, compiling=True)
            return None, self._blamed(outcome, verdict)
        program = Program(verdict.program, verdict)
        if self._cache is not None:
            self._cache.keep(key, program)
        return program, None

    def _key(self, request: RunRequest, files: Mapping[str, bytes]) -> bytes:
        language = request.language
        named = sorted((name.encode(), content) for name, content in files.items())
        version = self._offer.versions.get(language.name, "")
        parts = (language.name, version, str(language.compile), str(request.options))
        return key_of([*(part.encode() for part in parts), *(part for pair in named for part in pair)])

    # ── running ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(
        self, slot: Slot, request: RunRequest, program: Program | None, listener: Listener | None
    ) -> Outcome:
        step = self._run_step(slot, request, program, streams=listener is not None)
        heard = bytearray()  # what is streamed is not in the verdict
        verdict = await self._step(slot, request.language, "run", step, listener, heard if request.report else None)
        compiled = None if program is None else program.verdict
        cached = program is not None and program.cached
        if verdict.ending is Ending.MISSING and program is not None:
            return no_program(program.verdict, cached=cached)
        outcome = self._blamed(describe(verdict, request.limits, compiled=compiled, cached=cached), verdict)
        if request.collect or request.report is not None:
            return _with_files(outcome, request, verdict, bytes(heard) or verdict.stdout)
        return outcome

    def _run_step(self, slot: Slot, request: RunRequest, program: Program | None, *, streams: bool) -> Step:
        language = request.language
        options = () if language.compile is not None else request.options
        command = (*arguments(language.run, options), *request.args)
        forker, warm = SPAWNER, ""
        plain = request.terminal is None and not options and not request.env and not request.executables
        if plain and language.fork_server and "fork_server" in self._accelerations and _is_text(request.source):
            forker = self.libraries.take(slot.spares, request)
        elif plain and language.warm is not None and not request.interactive and _usual(request):
            warm = slot.spares.take_warm(language.name)
        elif plain and language.hold is not None and "warm" in self._accelerations and _may_be_held(request):
            if language.hold.forks:
                forker = slot.spares.take_template(language.name)
            elif not request.interactive and _usual(request):
                warm = slot.spares.take_warm(language.name)
        variables = self.variables.of_run(language)
        if request.terminal is not None:
            variables += (_TERM,)
        variables = tuple({**dict(variables), **request.env}.items())
        go = {"argv": list(request.args), "env": dict(variables)} if warm else None
        if language.hold is not None or (forker == SPAWNER and not warm):
            variables += language.run_variables  # a held process had them, and may be lost: then one starts with them
        return Step(
            command=command, limits=request.limits, files={**request.files, language.source: request.source},
            stdin=request.stdin, variables=variables,
            program=None if program is None else program.descriptor,
            interactive=request.interactive, streams=streams, terminal=request.terminal, calls=language.calls,
            executables=request.executables, ordered=request.ordered,
            collect=collected(request), collect_bytes=COLLECT_BYTES,
            forker=forker, warm=warm, go=json.dumps(go).encode() + b"\n" if go else b"",
        )  # fmt: skip

    def _blamed(self, outcome: Outcome, verdict: Verdict) -> Outcome:
        """`outcome`, or INTERNAL_ERROR if the service itself ended the program."""
        if verdict.ending is Ending.STOPPED and self._ended:
            return dataclasses.replace(outcome, status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR)
        return outcome

    async def _step(
        self, slot: Slot, language: Language, phase: str, step: Step, listener: Listener | None = None,
        heard: bytearray | None = None,
    ) -> Verdict:  # fmt: skip
        talk = None if listener is None else Talk(await slot.open(), listener, heard)
        try:
            verdict = await slot.run(step, talk)
        finally:
            if talk is not None:
                talk.over()
        self._observe(language.name, phase, verdict.wall_seconds)
        if verdict.ending in {Ending.FAILED, Ending.MISSING} and not verdict.disk_full:
            _log.error("the sandbox of a %s of %s failed: %s", phase, language.name, verdict.detail.strip())
        return verdict


def _with_files(outcome: Outcome, request: RunRequest, verdict: Verdict, stdout: bytes) -> Outcome:
    """`outcome` with the files that the program wrote or changed, and with the results of tests."""
    files = [] if verdict.program is None else frames.collected(verdict.program)
    sent = {**request.files, request.language.source: request.source}
    news = [one for one in files if one.content is None or sent.get(one.name) != one.content]
    if request.report is not None:
        reports = [one.content for one in files if one.name.startswith(f"{REPORT}/") and one.content is not None]
        news = [one for one in news if not one.name.startswith(f"{REPORT}/")]
        outcome = dataclasses.replace(outcome, tests=read_tests(request.report, stdout, reports))
    return dataclasses.replace(outcome, files=tuple(news)) if request.collect else outcome


def _is_text(source: bytes) -> bool:
    """Whether `source` is plain UTF-8. Otherwise the interpreter itself must read it, to report what is wrong."""
    head = source.split(b"\n", 2)[:2]
    if any(b"coding" in line for line in head if line.lstrip().startswith((b"#", b"\xef\xbb\xbf#"))):
        return False
    try:
        return "\0" not in source.decode()
    except UnicodeDecodeError:
        return False


def _may_be_held(request: RunRequest) -> bool:
    """Whether an interpreter that started ahead of its program behaves like one that starts now.

    It does not if it would read the request's files at its start: those whose names begin with a dot, and, unless it is
    a template, any file. Nor does it with arguments, or if a `#!` line says how to start.
    """
    hold = request.language.hold
    if hold is None or request.args or not request.source or request.source.startswith(b"#!"):
        return False
    if any(word in request.source for word in hold.anew):
        return False
    return not request.files or (hold.forks and not any(name.startswith(".") for name in request.files))


def _usual(request: RunRequest) -> bool:
    """Whether the request has the limits and the filter that warm processes of the language started with."""
    if request.ordered:
        return False
    asked, usual = request.limits, request.language.limits
    fixed = ("processes", "open_files", "file_kb", "memory_kb")
    return all(getattr(asked, name) == getattr(usual, name) for name in fixed)
