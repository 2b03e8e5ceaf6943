"""Compile and run one request in one slot, with whatever makes it quicker."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.execution.compiled import CompileCache, Program, key_of
from backend.runner.execution.daemon import JavacDaemon
from backend.runner.execution.libraries import Libraries
from backend.runner.execution.listener import Listener
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
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.languages.sources import compile_command
from backend.runner.languages.testing import REPORT
from backend.runner.sandbox import frames
from backend.runner.sandbox.host import CACHE_PLACE, Host
from backend.runner.sandbox.keeper import Keeper
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import COMPILE
from backend.runner.sandbox.step import SPAWNER, Step
from backend.runner.sandbox.verdict import Ending, Verdict

_log = logging.getLogger("codecanvas.runner")

Observer = Callable[[str, str, float], None]
"""Told of each step: language, "compile" or "run", seconds."""

_OWNERS = {"sh": "", "bash": "bash", "java": "java", "node": "nodejs"}

_PACKAGES = Path("/var/lib/dpkg/info")
"""Where Debian's package manager has a list of files for each package that is installed."""

_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGTSTP", "SIGCONT")

_TERM = ("TERM", "xterm-256color")
"""What the page's terminal, and nearly every other, understands; in pipes there is none."""


class _Talk:
    """Between a slot's keeper and a listener: tells what comes, and does what is asked."""

    def __init__(self, keeper: Keeper, listener: Listener, heard: bytearray | None) -> None:
        self._keeper, self._listener, self._running = keeper, listener, False
        self._heard = heard

    def begun(self) -> None:
        self._running = True
        self._listener.started(self)

    def output(self, stream: str, data: bytes) -> None:
        if self._heard is not None and stream == "stdout":
            self._heard += data
        self._listener.output(stream, data)

    def over(self) -> None:
        """The program has ended: what is asked from now on would reach the slot's next one."""
        self._running = False

    def _tell(self, kind: bytes, *fields: bytes) -> None:
        if self._running:
            self._keeper.send_soon(kind, *fields)

    def stdin(self, data: bytes) -> None:
        self._tell(b"I", frames.block(data))

    def end_stdin(self) -> None:
        self._tell(b"E")

    def signal(self, name: str) -> None:
        if name in _SIGNALS:
            self._tell(b"G", frames.whole(signal.Signals[name]))

    def resize(self, rows: int, columns: int) -> None:
        self._tell(b"Z", frames.whole(rows), frames.whole(columns))

    def stop(self) -> None:
        self._tell(b"X")


class Executor:
    """Runs requests on this host. Belongs to one event loop."""

    def __init__(
        self, host: Host, versions: Mapping[str, str], *, cache: CompileCache | None, accelerations: frozenset[str],
        observe: Observer = lambda *_: None,
    ) -> None:  # fmt: skip
        self._host, self._versions, self._cache, self._observe = host, versions, cache, observe
        self._accelerations = accelerations
        self.libraries = Libraries()
        """Templates that hold libraries."""
        self.warmed: set[str] = set()
        """Languages whose compile cache is filled."""
        self.javac: JavacDaemon | None = None
        """The compiler that stays, where there is one."""
        self._ended = False

    async def stop_javac(self) -> None:
        """End the compiler that stays."""
        if self.javac is not None:
            await self.javac.stop()

    def end(self) -> None:
        """Take runs that are ended from now on for the service's own doing: it is about to end."""
        self._ended = True

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────

    async def execute(self, slot: Slot, request: RunRequest, listener: Listener | None = None) -> Outcome:
        """Run `request` in `slot`. Never raises for what a program does; cancelled, the program is ended first."""
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
        self, turns: Turns, request: RunRequest, cases: Sequence[Case], most: float
    ) -> tuple[Outcome | None, list[Outcome]]:
        """Compile once and run each case, one after the other: the failed compile, or None and an outcome each.

        Between cases, those who wait for a slot go first. All of it takes `most` seconds at most: cases that are
        left then have the status TIMEOUT, and say so. Raises ShuttingDown.
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
                outcomes.append(await self._in_time(turns.slot, request, case, program, (until, most)))
            return None, outcomes
        finally:
            if program is not None:
                program.close()

    async def _paused(self, turns: Turns, until: float) -> bool:
        """Let others go first; whether that was over before the loop's time `until`."""
        try:
            async with asyncio.timeout_at(until):
                await asyncio.sleep(0)  # raises where that is past
                await turns.pause()
        except TimeoutError:
            return False
        return True

    async def _in_time(
        self, slot: Slot, request: RunRequest, case: Case, program: Program | None, bound: tuple[float, float]
    ) -> Outcome:
        """A case, up to the batch's end (`bound`: when that is, and seconds from its start)."""
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
        """The program where there is something to compile, or the outcome of a compile that failed."""
        language = request.language
        if language.compile is None:
            return None, None
        files = {language.source: request.source, **request.files}
        key = self._key(request, files)
        if self._cache is not None and (kept := self._cache.take(key)) is not None:
            return kept, None
        if listener is not None:
            listener.phase("compile")
        if language.name == "java" and self.javac is not None and request.report is None:
            made = await self.javac.compile(request.options, files, language.compile_limits)
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
            plain = len(files) == 1 and request.report is None  # the command is that of what waits
            warm = slot.spares.take_warm(f"{language.name}{COMPILE}") if plain else ""
        step = Step(
            command=command, limits=language.compile_limits, files=files,
            compiles=True, variables=self._variables(language, compiles=True), calls=language.calls,
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
        version = self._versions.get(language.name, "")
        parts = (language.name, version, str(language.compile), str(request.options))
        return key_of([*(part.encode() for part in parts), *(part for pair in named for part in pair)])

    # ── running ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _run(
        self, slot: Slot, request: RunRequest, program: Program | None, listener: Listener | None
    ) -> Outcome:
        step = self._run_step(slot, request, program, streams=listener is not None)
        told = bytearray()  # of what is streamed the verdict has nothing
        verdict = await self._step(slot, request.language, "run", step, listener, told if request.report else None)
        compiled = None if program is None else program.verdict
        cached = program is not None and program.cached
        if verdict.ending is Ending.MISSING and program is not None:
            return no_program(program.verdict, cached=cached)
        outcome = self._blamed(describe(verdict, request.limits, compiled=compiled, cached=cached), verdict)
        if request.collect or request.report is not None:
            return _with_files(outcome, request, verdict, bytes(told) or verdict.stdout)
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
        variables = self._variables(language)
        if request.terminal is not None:
            variables += (_TERM,)
        variables = tuple({**dict(variables), **request.env}.items())
        go = {"argv": list(request.args), "env": dict(variables)} if warm else None
        if language.hold is not None or (forker == SPAWNER and not warm):
            variables += language.run_variables  # what is held was started with them, and is lost now and then
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
        """`outcome`, unless the service itself ended the program."""
        if verdict.ending is Ending.STOPPED and self._ended:
            return dataclasses.replace(outcome, status=Status.INTERNAL_ERROR, error=INTERNAL_ERROR)
        return outcome

    async def _step(
        self, slot: Slot, language: Language, phase: str, step: Step, listener: Listener | None = None,
        heard: bytearray | None = None,
    ) -> Verdict:  # fmt: skip
        talk = None if listener is None else _Talk(await slot.open(), listener, heard)
        try:
            verdict = await slot.run(step, talk)
        finally:
            if talk is not None:
                talk.over()
        self._observe(language.name, phase, verdict.wall_seconds)
        if verdict.ending in {Ending.FAILED, Ending.MISSING} and not verdict.disk_full:
            _log.error("the sandbox of a %s of %s failed: %s", phase, language.name, verdict.detail.strip())
        return verdict

    def variables(self, language: Language) -> tuple[tuple[str, str], ...]:
        """Environment of what waits for a run of `language`."""
        known, hold = self._variables(language), language.hold
        return known if hold is None else (*known, *hold.variables(language.source, language.run_variables))

    def compile_variables(self, language: Language) -> tuple[tuple[str, str], ...]:
        """Environment of what waits for a compile of `language`."""
        known, hold = self._variables(language, compiles=True), language.compile_hold
        return known if hold is None else (*known, *hold.variables(language.source, ()))

    def _variables(self, language: Language, *, compiles: bool = False) -> tuple[tuple[str, str], ...]:
        known = {"PATH": self._host.search_path, "HOME": "/work", "LANG": "C.UTF-8", "USER": "runner"}
        known |= dict(language.variables)
        if compiles and language.cache is not None and language.name in self.warmed:
            known[language.cache.variable] = f"{CACHE_PLACE}/{language.name}"
        return tuple(known.items())

    # ── toolchains ──────────────────────────────────────────────────────────────────────────────────────────

    def has(self, language: Language, *, whole: bool = False) -> bool:
        """Whether the toolchain seems to be there: its packages, or else the program that tells its version.

        `whole`: its packages and nothing else, as in an image: what another package brings of it is not all of it.
        """
        installed = bool(language.packages) and all(map(_installed, language.packages))
        if installed or (whole and language.packages):
            return installed
        command = language.version[0]
        if command in _OWNERS and _OWNERS[command] != language.name:
            return False  # that it is there tells of another language
        return self.finds(command)

    def finds(self, command: str) -> bool:
        """Whether a program of that name is there for runs."""
        return any((Path(place) / command).exists() for place in self._host.outer_search_path)

    def has_file(self, path: str) -> bool:
        """Whether there is a file or directory of that absolute path; an empty one is always there."""
        return not path or Path(path).exists()

    def with_libraries(self, language: Language) -> Language:
        """`language` with those of its libraries that are there, and with their variables."""
        there = tuple(one for one in language.libraries if _installed(one.package))
        more = (pair for one in there if self.has_file(one.needs) for pair in one.variables)
        return dataclasses.replace(language, libraries=there, variables=(*language.variables, *more))

    async def version(self, slot: Slot, language: Language) -> str | None:
        """First line of what the toolchain says of itself; None where it does not work on this host."""
        limits = Limits(timeout=20, memory_kb=1024 * 1024, processes=256)
        step = Step(command=language.version, limits=limits, variables=self._variables(language), calls=language.calls)
        verdict = await slot.run(step)
        if verdict.ending is not Ending.EXITED or verdict.status != 0:
            return None
        lines = (verdict.stdout or verdict.stderr).decode("utf-8", "replace").splitlines()
        return lines[0].strip() if lines else ""

    async def fill_cache(self, slot: Slot, language: Language) -> bool:
        """Fill the language's compile cache from `slot`, which can write it; False where that failed."""
        if language.cache is None or language.compile is None:
            return False
        limits = Limits(
            timeout=300,
            cpu_seconds=600,
            memory_kb=2 * 1024 * 1024,
            processes=256,
            disk_kb=256 * 1024,
            file_kb=256 * 1024,
        )
        variables = dict(self._variables(language)) | {language.cache.variable: f"{CACHE_PLACE}/{language.name}"}
        fill = language.cache.fill or arguments(language.compile)
        step = Step(
            command=fill, limits=limits, compiles=True,
            files={language.source: language.cache.warm_up.encode()}, variables=tuple(variables.items()),
        )  # fmt: skip
        verdict = await slot.run(step)
        if verdict.program is not None:
            Program(verdict.program, verdict).close()
        if verdict.status != 0:
            _log.warning("%s: %s %s", language.name, verdict.ending, verdict.stderr.decode("utf-8", "replace")[-500:])
        return verdict.ending is Ending.EXITED and verdict.status == 0


def _with_files(outcome: Outcome, request: RunRequest, verdict: Verdict, stdout: bytes) -> Outcome:
    """`outcome` with the files that came back and are not as they were sent, and with what tests' reports tell."""
    files = [] if verdict.program is None else frames.collected(verdict.program)
    sent = {**request.files, request.language.source: request.source}
    news = [one for one in files if one.content is None or sent.get(one.name) != one.content]
    if request.report is not None:
        reports = [one.content for one in files if one.name.startswith(f"{REPORT}/") and one.content is not None]
        news = [one for one in news if not one.name.startswith(f"{REPORT}/")]
        outcome = dataclasses.replace(outcome, tests=read_tests(request.report, stdout, reports))
    return dataclasses.replace(outcome, files=tuple(news)) if request.collect else outcome


def _installed(package: str) -> bool:
    """Whether Debian's package manager has it."""
    return any((_PACKAGES / f"{package}{architecture}.list").exists() for architecture in ("", ":amd64", ":arm64"))


def _is_text(source: bytes) -> bool:
    """Whether every interpreter reads `source` the same; what is odd about it is the interpreter's own to say."""
    head = source.split(b"\n", 2)[:2]
    if any(b"coding" in line for line in head if line.lstrip().startswith((b"#", b"\xef\xbb\xbf#"))):
        return False
    try:
        return "\0" not in source.decode()
    except UnicodeDecodeError:
        return False


def _may_be_held(request: RunRequest) -> bool:
    """Whether an interpreter that started before there were files and arguments does what one does that starts now.

    Files whose names begin with a dot are read at the start; so are others, by those that are no templates. Where a
    first line says how the interpreter is to start, it is one that starts.
    """
    hold = request.language.hold
    if hold is None or request.args or not request.source or request.source.startswith(b"#!"):
        return False
    if any(word in request.source for word in hold.anew):
        return False
    return not request.files or (hold.forks and not any(name.startswith(".") for name in request.files))


def _usual(request: RunRequest) -> bool:
    """Whether what a process takes at its start, limits and filter, is what a warm one of the language was given."""
    if request.ordered:
        return False
    asked, usual = request.limits, request.language.limits
    fixed = ("processes", "open_files", "file_kb", "memory_kb")
    return all(getattr(asked, name) == getattr(usual, name) for name in fixed)
