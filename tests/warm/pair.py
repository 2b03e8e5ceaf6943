"""One program twice: from what waits to be used, and from an interpreter or machine that is started anew.

A compiler that stays counts as what waits. What it made is run both ways; what it refuses is compiled both ways.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from backend.runner.execution.compiled import CompileCache
from backend.runner.execution.executor import Executor
from backend.runner.execution.libraries import held_of
from backend.runner.execution.libraries import recipe as library_recipe
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest
from backend.runner.execution.residents import ResidentCompiler
from backend.runner.execution.toolchains import with_libraries
from backend.runner.execution.variables import Variables
from backend.runner.languages import __file__ as languages_file
from backend.runner.languages import all_languages
from backend.runner.languages.imports import held_modules
from backend.runner.languages.language import Language, arguments
from backend.runner.sandbox.build import find_launcher
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.slots import Plan, Slot
from backend.runner.sandbox.spares import Recipe

Result = TypeVar("Result")

_READY_SECONDS = 30.0
_MOST_KEPT = 4
"""Kinds of templates that are kept for the programs to come."""


@dataclass(frozen=True)
class Program:
    """What is run; text stands for its UTF-8."""

    source: str | bytes
    files: Mapping[str, str] = field(default_factory=dict)
    args: tuple[str, ...] = ("one", "--two")
    stdin: bytes = b"a\nb\n"


Told = tuple[str, int | None, str | None, str, str]
"""Status, exit code, signal, and both streams, as a client sees them."""


def make_warm_place(place: Path) -> Path:
    """Write into `place` what processes that wait read, and compile Java's part. Raises CalledProcessError."""
    place.chmod(0o755)
    for language in all_languages().values():
        for name, content in language.warm_files.items():
            (place / Path(name).name).write_text(content, encoding="utf-8")
    (place / "java").mkdir()
    build = Path(languages_file).parent / "warm" / "java" / "build.sh"
    subprocess.run(["sh", str(build), str(place / "java")], check=True)
    return place


class Pair:
    """A slot with one language's processes that wait, and an executor that uses them and one that does not."""

    def __init__(self, name: str, warm: Path) -> None:
        self._runner = asyncio.Runner()
        self._kept: list[str] = []
        self.holding = 0
        """Programs for which a template waited that holds libraries."""
        installed = os.environ.get("RUNNER_LAUNCHER")  # as an image says
        host = Host.find(find_launcher(Path(installed) if installed else None), warm=warm)
        plan = Plan(host=host, cgroups=None, caches=None)
        self._slot, self._other = Slot(0, plan), Slot(1, plan)
        self.language: Language = with_libraries(all_languages()[name])
        self._residents: dict[str, ResidentCompiler] = {}
        if self.language.resident is not None:
            variables = Variables(host, Offer()).of_waiting_run(self.language)
            self._residents[name] = ResidentCompiler(name, self.language.resident, self._other, variables)
        cache = CompileCache(256 << 20)
        quick = frozenset({"fork_server", "warm"})
        self._warm = Executor(host, Offer(), cache=cache, accelerations=quick, residents=self._residents)
        self._cold = Executor(host, Offer(), cache=cache, accelerations=frozenset())
        self._do(self._open())

    async def _open(self) -> None:
        """Have the slot, and the compiler that stays where the language has one: it waits too, in a slot of its own."""
        await self._slot.open()
        for resident in self._residents.values():
            resident.start()
            async with asyncio.timeout(_READY_SECONDS):
                while not resident.ready:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(0.01)

    @property
    def compiled(self) -> int:
        """Programs that the compiler that stays has compiled."""
        return sum(resident._compiles for resident in self._residents.values())

    async def _close(self) -> None:
        for resident in self._residents.values():
            await resident.stop()
        await self._other.close()
        await self._slot.close()

    def close(self) -> None:
        """End everything."""
        self._do(self._close())
        self._runner.close()

    def told(self, program: Program, *, waited: float = 0.0) -> tuple[Told, Told]:
        """What comes of `program`, warm, from what had waited for some seconds, and cold."""
        self._do(self._wait(program))
        time.sleep(waited)
        return self._run(self._warm, program), self._run(self._cold, program)

    def _run(self, executor: Executor, program: Program) -> Told:
        request = RunRequest(
            language=self.language, source=_bytes(program.source), args=program.args, stdin=program.stdin,
            files={name: text.encode() for name, text in program.files.items()},
            limits=self.language.limits,
        )  # fmt: skip
        return _plain(self._do(executor.execute(self._slot, request)))

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._runner.run(work)

    def held(self, program: Program) -> tuple[str, ...]:
        """Libraries that a template holds from which `program` is forked."""
        files = {name: text.encode() for name, text in program.files.items()}
        return held_modules(held_of(self.language), _bytes(program.source), files)

    async def _wait(self, program: Program) -> None:
        """Have a process wait; it is used by the next run, which is that of `program`."""
        language, spares = self.language, self._slot.spares
        variables = self._warm.variables.of_waiting_run(language)
        if language.fork_server:
            await self._wait_for_template(library_recipe(language, variables, self.held(program)))
            return
        assert language.warm or language.hold, f"{language.name} has no warm way"
        recipe = Recipe(
            language=language.name, command=language.warm or arguments(language.run), variables=variables,
            limits=language.limits, calls=language.calls,
        )  # fmt: skip
        if language.hold is not None and language.hold.forks:
            await self._wait_for_template(recipe)
            return
        if spares.warm(language.name) == 0:
            spares.add_warm(language.name, recipe)
        assert spares.warm(language.name), "a process that waited has ended by itself"

    async def _wait_for_template(self, recipe: Recipe) -> None:
        spares = self._slot.spares
        if recipe.language not in self._kept and len(self._kept) == _MOST_KEPT:
            spares.drop_templates(self._kept.pop(0))
        self._kept += [recipe.language] if recipe.language not in self._kept else []
        spares.add_templates(recipe, 1)
        for _ in range(int(_READY_SECONDS / 0.01)):
            templates = spares.templates_of(recipe.language)
            if any(templates.values()):
                self.holding += "+" in recipe.language
                return
            if not templates and "+" in recipe.language:
                return  # what these libraries leave behind is not for others to begin with: a usual one is used
            await asyncio.sleep(0.01)
        raise AssertionError(f"no template was ready within {_READY_SECONDS:g} s")


def _bytes(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.encode()


def _plain(outcome: Outcome) -> Told:
    """Without what differs from run to run: addresses and identities."""
    streams = (
        re.sub(
            r"0x[0-9a-f]+|(?<=started )\d+|@[0-9a-f]{6,8}\b|(?<=Rtmp)\w{6}|(?<=clojure-)\d{9,}",
            "0x",
            stream.decode("utf-8", "backslashreplace"),
        )
        for stream in (outcome.stdout, outcome.stderr)
    )
    stdout, stderr = streams
    return outcome.status.value, outcome.exit_code, outcome.signal, stdout, stderr
