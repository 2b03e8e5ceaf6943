"""Keeps what runs start from at hand: templates that are fresh, and processes that wait, as demand asks for them."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence

from backend.runner.execution.executor import Executor
from backend.runner.execution.libraries import recipe as library_recipe
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import COMPILE, MOST_USES, Recipe
from backend.runner.settings import Settings

_EVERY = 0.1
_EVERY_BEHIND = 0.02
"""The same while templates that were used wait to be replaced."""
_WANTED_SECONDS = 300.0
"""How long after its last use a language's processes are kept waiting."""
_ANSWER_SECONDS = 0.001
"""After a run, until what it used is replaced: what is started takes a processor from its answer."""
_BETWEEN_SECONDS = 3.0
"""Between the starts of templates that hold libraries: whoever asks for one set of them after the other has no more
processor time of it than a third of what one takes."""
_SMALL_MB = 8
"""What takes no more is kept waiting twice in each slot."""
_PAUSE_SECONDS = 1.0
"""How long nothing is run, or for a held language nothing of it, before a template that was used is replaced."""


@dataclasses.dataclass
class Tender:
    """Tends the spares of all slots. What it starts takes time from runs: little at a time, and most when idle."""

    executor: Executor
    slots: Sequence[Slot]
    settings: Settings
    languages: Mapping[str, Language] = dataclasses.field(default_factory=dict)
    warm_java: bool = False
    """Whether what waiting Java processes need is there."""
    _used: dict[str, float] = dataclasses.field(default_factory=dict)
    _last: float = float("-inf")
    _due: set[str] = dataclasses.field(default_factory=set)
    """Languages of which a process that waited was used."""
    _woken: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    _recipes: dict[str, Recipe] = dataclasses.field(default_factory=dict)
    _began: float = float("-inf")
    """When a template that holds libraries was last begun."""

    def note(self, language: str) -> None:
        """A program of `language` is run: the next may come soon."""
        self._used[language] = self._last = time.monotonic()

    def replace(self, language: str) -> None:
        """A run of `language` is over: replace what waited and was used, once its answer is on its way."""
        if language in self._recipes or f"{language}{COMPILE}" in self._recipes:
            self._due.add(language)
            asyncio.get_running_loop().call_later(_ANSWER_SECONDS, self._woken.set)

    async def tend(self) -> None:
        """Go on until cancelled."""
        begun = 0.0
        while True:
            behind = self._tend_templates()
            if time.monotonic() - begun >= _EVERY:
                begun = time.monotonic()
                self._tend_warm()
                await self._tend_javac()
            due = await self._pause(_EVERY_BEHIND if behind else _EVERY)
            for name in due:
                self._replace_warm(name)

    async def _pause(self, seconds: float) -> set[str]:
        """Wait so long, or until something is to be replaced: the languages of that."""
        try:
            async with asyncio.timeout(seconds):  # wait_for may miss that it is cancelled
                await self._woken.wait()
        except TimeoutError:
            return set()
        self._woken.clear()
        due, self._due = self._due, set()
        return due

    def _tend_templates(self) -> bool:
        """Have as many as there should be; replace what is worn and, one after the other, what was used while slots
        are idle: each start takes a processor for as long as several runs do. True where more is left to replace."""
        language = next((one for one in self.languages.values() if one.fork_server), None)
        if language is None or "fork_server" not in self.settings.accelerations:
            return False
        recipe = library_recipe(language, self.executor.variables(language))
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

    async def _tend_javac(self) -> None:
        javac = self.executor.javac
        if javac is None:
            return
        wanted = time.monotonic() - self._used.get("java", float("-inf")) < _WANTED_SECONDS
        if wanted and not javac.runs:
            javac.start()
        elif not wanted and javac.runs:
            await javac.stop()

    def _tend_warm(self) -> None:
        """Have a process of each language that was used last wait in each slot, as far as memory is set aside."""
        if "warm" not in self.settings.accelerations:
            return
        self._recipes = self._make_recipes()
        now, left = time.monotonic(), self.settings.warm_mb / max(1, len(self.slots))
        self.executor.libraries.most_mb = left
        wanted: dict[str, float] = {}
        last = self._used | self.executor.libraries.asked
        for used, name in sorted(((used, name) for name, used in last.items()), reverse=True):
            each = [one for one in (name, f"{name}{COMPILE}") if one in self._recipes]
            takes = sum(self._recipes[one].megabytes * _count(self._recipes[one]) for one in each)
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
        """Of all that may wait, by its language, or that with COMPILE."""
        recipes = {}
        for name, language in self.languages.items():
            hold, compiles = language.hold, language.compile_hold
            if (command := _waiting(language)) and (name != "java" or self.warm_java):
                recipes[name] = Recipe(
                    language=name, command=command, variables=self.executor.variables(language), limits=language.limits,
                    calls=language.calls, megabytes=language.waiting_mb,
                    forks=hold is not None and hold.forks,
                )  # fmt: skip
            if compiles is not None:
                recipes[f"{name}{COMPILE}"] = Recipe(
                    language=f"{name}{COMPILE}", command=(*language.through, *arguments(language.compile or ())),
                    variables=self.executor.compile_variables(language), limits=language.compile_limits,
                    calls=language.calls, megabytes=language.compile_waiting_mb,
                )  # fmt: skip
            if language.fork_server:
                recipes |= self.executor.libraries.recipes(language, self.executor.variables(language))
        return recipes

    def _replace_warm(self, language: str) -> None:
        for name in (language, f"{language}{COMPILE}"):
            recipe = self._recipes.get(name)
            if recipe is None or recipe.forks:
                continue
            for slot in self.slots:  # where there never was one, memory may be short
                if not slot.busy and slot.spares.had_warm(name) and slot.spares.warm(name) < _count(recipe):
                    slot.spares.add_warm(name, recipe)

    def _tend_held(self, slot: Slot, recipe: Recipe, unused: float | None) -> None:
        """Have a template of a language that was used `unused` seconds ago; None where it is not wanted.

        Those that hold libraries take long to start, and there are many sets of them: one after the other.
        """
        asked = recipe.language in self.executor.libraries.asked
        if unused is None:
            slot.spares.drop_templates(recipe.language)
        elif asked and not slot.spares.templates_of(recipe.language):
            if time.monotonic() - self._began >= _BETWEEN_SECONDS:
                self._began = time.monotonic()
                slot.spares.tend_template(recipe)
        else:  # a slot that is never idle needs one most
            rests = unused >= _PAUSE_SECONDS and not slot.busy
            slot.spares.tend_template(recipe, worn=recipe.uses_at_rest if rests else MOST_USES)


def _count(recipe: Recipe) -> int:
    """How many wait in a slot: of what is started and used quickly, and takes little, one more."""
    return 2 if recipe.megabytes <= _SMALL_MB and not recipe.forks else 1


def _waiting(language: Language) -> tuple[str, ...]:
    """Command of what waits for a run of `language`; empty where nothing does."""
    return language.warm or (arguments(language.run) if language.hold is not None else ())
