"""Keeps what runs start from at hand: templates that are fresh, and processes that wait, as demand asks for them."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Container, Mapping, Sequence

from backend.runner.execution.executor import Executor
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.sandbox.host import TEMPLATE_PLACE
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import MOST_USES, Recipe
from backend.runner.settings import Settings

_EVERY = 0.1
_EVERY_BEHIND = 0.02
"""The same while templates that were used wait to be replaced."""
_WANTED_SECONDS = 300.0
"""How long after its last use a language's processes are kept waiting."""
_PAUSE_SECONDS = 1.0
"""How long nobody runs a language before a template of it that was used is replaced."""


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

    def note(self, language: str) -> None:
        """A program of `language` is run: the next may come soon."""
        self._used[language] = time.monotonic()

    async def tend(self) -> None:
        """Go on until cancelled."""
        begun = 0.0
        while True:
            behind = self._tend_templates()
            if time.monotonic() - begun >= _EVERY:
                begun = time.monotonic()
                self._tend_warm()
                await self._tend_javac()
            await asyncio.sleep(_EVERY_BEHIND if behind else _EVERY)

    def _tend_templates(self) -> bool:
        """Have as many as there should be; replace what is worn and, one after the other, what was used while slots
        are idle: each start takes a processor for as long as several runs do. True where more is left to replace."""
        language = next((one for one in self.languages.values() if one.fork_server), None)
        if language is None or "fork_server" not in self.settings.accelerations:
            return False
        variables = (*self.executor.variables(language), ("PYTHONPATH", TEMPLATE_PLACE))
        recipe = Recipe(command=arguments(language.run), variables=variables, limits=language.limits)
        for slot in self.slots:
            slot.spares.add_templates(recipe, self.settings.templates)
            slot.spares.renew_template(recipe)
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
        recipes = {
            name: Recipe(
                language=name, command=command, variables=self.executor.variables(language), limits=language.limits,
                calls=language.calls,
            )
            for name, language in self.languages.items()
            if (command := _waiting(language)) and (name != "java" or self.warm_java)
        }  # fmt: skip
        wanted = self._wanted(recipes)
        for slot in self.slots:
            for name, recipe in recipes.items():
                if (hold := self.languages[name].hold) is not None and hold.forks:
                    self._tend_held(slot, recipe, wanted.get(name))
                elif name not in wanted:
                    slot.spares.drop_warm(name)
                elif slot.spares.warm(name) == 0 and not slot.busy:
                    slot.spares.add_warm(name, recipe)

    def _wanted(self, names: Container[str]) -> dict[str, float]:
        """Those of `names` that were used last and fit into what is set aside, with the seconds since then."""
        now, wanted = time.monotonic(), {}
        room = self.settings.warm_mb / max(1, len(self.slots))
        for used, name in sorted(((used, name) for name, used in self._used.items() if name in names), reverse=True):
            size = self.languages[name].waiting_mb
            if size <= room and now - used < _WANTED_SECONDS:
                wanted[name] = now - used
                room -= size
        return wanted

    def _tend_held(self, slot: Slot, recipe: Recipe, unused: float | None) -> None:
        """Have a template of a language that was used `unused` seconds ago; None where it is not wanted."""
        if unused is None:
            slot.spares.drop_templates(recipe.language)
        else:  # a slot that is never idle needs one most
            rests = unused >= _PAUSE_SECONDS and not slot.busy
            slot.spares.tend_template(recipe, worn=1 if rests else MOST_USES)


def _waiting(language: Language) -> tuple[str, ...]:
    """Command of what waits for a run of `language`; empty where nothing does."""
    return language.warm or (arguments(language.run) if language.hold is not None else ())
