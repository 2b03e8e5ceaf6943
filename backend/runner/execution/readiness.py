"""Keeps templates and waiting processes ready in every slot, for the languages in demand."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from backend.runner.execution.libraries import Libraries
from backend.runner.execution.libraries import recipe as library_recipe
from backend.runner.execution.offer import Offer
from backend.runner.execution.residents import ResidentCompiler
from backend.runner.execution.variables import Variables
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import COMPILE, MOST_USES, Recipe
from backend.runner.settings import Settings

_EVERY = 0.1
_EVERY_BEHIND = 0.02
"""Seconds between two looks while used templates wait to be replaced."""
_WANTED_SECONDS = 300.0
"""How long after its last use a language's processes are kept waiting."""
_ANSWER_SECONDS = 0.001
"""Seconds after a run before what it used is replaced: starting a process would delay the run's answer."""
_BETWEEN_SECONDS = 3.0
"""Seconds between the starts of templates that hold libraries: a client that asks for one set of them after the other
gets no more processor time for it than a third of what one takes."""
_SMALL_MB = 8
"""Processes up to this size wait twice in each slot."""
_PAUSE_SECONDS = 1.0
"""Seconds without a run (for a held language: without one of its runs) before a used template is replaced."""


@dataclasses.dataclass
class Tender:
    """Tends the spares of all slots. Starting processes slows runs, so it starts few at a time, and most when idle."""

    offer: Offer
    variables: Variables
    slots: Sequence[Slot]
    settings: Settings
    libraries: Libraries
    """Which templates that hold libraries were asked for."""
    residents: Mapping[str, ResidentCompiler] = dataclasses.field(default_factory=dict)
    """Resident compilers by language; they run while their languages are in demand."""
    _used: dict[str, float] = dataclasses.field(default_factory=dict)
    _last: float = float("-inf")
    _due: set[str] = dataclasses.field(default_factory=set)
    """Languages whose waiting processes may have been used."""
    _woken: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    _recipes: dict[str, Recipe] = dataclasses.field(default_factory=dict)
    _began: float = float("-inf")
    """When a template that holds libraries was last begun."""

    @contextlib.contextmanager
    def in_use(self, language: str) -> Iterator[Callable[[], None]]:
        """Enter around all that runs programs of `language`: it is in demand, and what it used is replaced at the end.

        Yields a function to call when a further program begins, so that a long batch stays in demand.
        """

        def again() -> None:
            self._used[language] = self._last = time.monotonic()

        again()
        try:
            yield again
        finally:
            self._replace_soon(language)

    def _replace_soon(self, language: str) -> None:
        """Replace the used processes of `language` once the answer is on its way."""
        if language in self._recipes or f"{language}{COMPILE}" in self._recipes:
            self._due.add(language)
            asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._woken.set)

    async def tend(self) -> None:
        """Tend the spares until cancelled."""
        begun = 0.0
        while True:
            behind = self._tend_templates()
            if time.monotonic() - begun >= _EVERY:
                begun = time.monotonic()
                self._tend_warm()
                await self._tend_residents()
            due = await self._pause(_EVERY_BEHIND if behind else _EVERY)
            for name in due:
                self._replace_warm(name)

    async def _pause(self, seconds: float) -> set[str]:
        """Wait so long, or until something must be replaced. Returns the languages to replace."""
        try:
            async with asyncio.timeout(seconds):  # wait_for may miss that it is cancelled
                await self._woken.wait()
        except TimeoutError:
            return set()
        self._woken.clear()
        due, self._due = self._due, set()
        return due

    def _tend_templates(self) -> bool:
        """Start missing templates, replace worn ones, and replace used ones one at a time while all slots are idle.

        Starting a template takes as much processor time as several runs. Returns whether more must be replaced.
        """
        language = next((one for one in self.offer.languages.values() if one.fork_server), None)
        if language is None or "fork_server" not in self.settings.accelerations:
            return False
        recipe = library_recipe(language, self.variables.of_waiting_run(language))
        for slot in self.slots:
            slot.spares.add_templates(recipe, self.settings.templates)
            slot.spares.renew_template(recipe)
        if any(slot.busy for slot in self.slots) or time.monotonic() - self._last < _PAUSE_SECONDS:
            return False
        used = [slot for slot in self.slots if slot.spares.used_templates]
        if any(slot.spares.starting for slot in self.slots):
            return bool(used)
        for slot in sorted(used, key=lambda slot: -slot.spares.used_templates):
            if not slot.busy:
                return slot.spares.renew_template(recipe, worn=1)
        return bool(used)

    async def _tend_residents(self) -> None:
        for name, resident in self.residents.items():
            language = self.offer.languages.get(name)
            wanted = time.monotonic() - self._used.get(name, float("-inf")) < _WANTED_SECONDS
            # `language` is None once it was withdrawn, because its toolchain does not work.
            if wanted and not resident.runs and language is not None and self.offer.can_wait(language):
                resident.start()
            elif not wanted and resident.runs:
                await resident.stop()

    def _tend_warm(self) -> None:
        """Have processes of the most recently used languages wait in each slot, within RUNNER_WARM_MB."""
        if "warm" not in self.settings.accelerations:
            return
        self._recipes = self._make_recipes()
        now, left = time.monotonic(), self.settings.warm_mb / max(1, len(self.slots))
        self.libraries.most_mb = left
        wanted: dict[str, float] = {}
        last = self._used | self.libraries.asked
        for used, name in sorted(((used, name) for name, used in last.items()), reverse=True):
            each = [one for one in (name, f"{name}{COMPILE}") if one in self._recipes]
            takes = sum(self._recipes[one].megabytes * _count(self._recipes[one]) for one in each)
            # A language that does not fit is skipped, not the end: a smaller one that was used earlier may still fit.
            if now - used < _WANTED_SECONDS and takes <= left:
                left -= takes
                wanted |= dict.fromkeys(each, now - used)
        latest = sorted(self._recipes.items(), key=lambda each: wanted.get(each[0], _WANTED_SECONDS))
        for slot in self.slots:
            for name, recipe in latest:
                if recipe.forks:
                    self._tend_held(slot, recipe, wanted.get(name))
                elif name not in wanted:
                    slot.spares.drop_warm(name)
                elif slot.spares.warm(name) < _count(recipe) and not slot.busy:
                    slot.spares.add_warm(name, recipe)

    def _make_recipes(self) -> dict[str, Recipe]:
        """Recipes of all processes that may wait, by language, or language and COMPILE."""
        recipes = {}
        for name, language in self.offer.languages.items():
            hold, compiles = language.hold, language.compile_hold
            if (command := _waiting(language)) and self.offer.can_wait(language):
                recipes[name] = Recipe(
                    language=name, command=command, variables=self.variables.of_waiting_run(language),
                    limits=language.limits, calls=language.calls, megabytes=language.waiting_mb,
                    forks=hold is not None and hold.forks,
                )  # fmt: skip
            if compiles is not None:
                recipes[f"{name}{COMPILE}"] = Recipe(
                    language=f"{name}{COMPILE}", command=(*language.through, *arguments(language.compile or ())),
                    variables=self.variables.of_waiting_compile(language), limits=language.compile_limits,
                    calls=language.calls, megabytes=language.compile_waiting_mb,
                )  # fmt: skip
            if language.fork_server:
                recipes |= self.libraries.recipes(language, self.variables.of_waiting_run(language))
        return recipes

    def _replace_warm(self, language: str) -> None:
        for name in (language, f"{language}{COMPILE}"):
            recipe = self._recipes.get(name)
            if recipe is None or recipe.forks:
                continue
            for slot in self.slots:  # a slot that never had one may lack memory
                if not slot.busy and slot.spares.had_warm(name) and slot.spares.warm(name) < _count(recipe):
                    slot.spares.add_warm(name, recipe)

    def _tend_held(self, slot: Slot, recipe: Recipe, unused: float | None) -> None:
        """Keep a template of a language that was last used `unused` seconds ago; end it if that is None.

        Those that hold libraries take long to start, and there are many sets of them: one after the other.
        """
        asked = recipe.language in self.libraries.asked
        if unused is None:
            slot.spares.drop_templates(recipe.language)
        elif asked and not slot.spares.templates_of(recipe.language):
            if time.monotonic() - self._began >= _BETWEEN_SECONDS:
                self._began = time.monotonic()
                slot.spares.tend_template(recipe)
        else:  # else only worn ones: a busy slot needs its template
            rests = unused >= _PAUSE_SECONDS and not slot.busy
            slot.spares.tend_template(recipe, worn=recipe.uses_at_rest if rests else MOST_USES)


def _count(recipe: Recipe) -> int:
    """How many wait in a slot: two small processes, which are used up quickly; else one."""
    return 2 if recipe.megabytes <= _SMALL_MB and not recipe.forks else 1


def _waiting(language: Language) -> tuple[str, ...]:
    """Command of the process that waits for a run of `language`; empty if none does."""
    return language.warm or (arguments(language.run) if language.hold is not None else ())
