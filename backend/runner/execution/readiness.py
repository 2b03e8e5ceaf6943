"""Keeps what runs start from at hand: templates that are fresh, and processes that wait, as demand asks for them."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping, Sequence

from backend.runner.execution.executor import Executor
from backend.runner.languages import Language
from backend.runner.languages.language import arguments
from backend.runner.sandbox.host import TEMPLATE_PLACE
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.spares import Recipe
from backend.runner.settings import Settings

_EVERY = 0.1
_WANTED_SECONDS = 300.0
"""How long after its last use a language's processes are kept waiting."""
_PROCESS_MB = 64
"""What a process that waits is counted as."""


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
        while True:
            self._tend_templates()
            for slot in self.slots:
                self._tend_warm(slot)
            await self._tend_javac()
            await asyncio.sleep(_EVERY)

    def _tend_templates(self) -> None:
        """Have as many as there should be; replace one that is worn or, in an idle slot, one that was used."""
        language = next((one for one in self.languages.values() if one.fork_server), None)
        if language is None or "fork_server" not in self.settings.accelerations:
            return
        variables = (*self.executor.variables(language), ("PYTHONPATH", TEMPLATE_PLACE))
        recipe = Recipe(command=arguments(language.run), variables=variables, limits=language.limits)
        for slot in self.slots:
            slot.spares.add_templates(recipe, self.settings.templates)
            slot.spares.renew_template(recipe, idle=not slot.busy)

    async def _tend_javac(self) -> None:
        javac = self.executor.javac
        if javac is None:
            return
        wanted = time.monotonic() - self._used.get("java", float("-inf")) < _WANTED_SECONDS
        if wanted and not javac.runs:
            javac.start()
        elif not wanted and javac.runs:
            await javac.stop()

    def _tend_warm(self, slot: Slot) -> None:
        if "warm" not in self.settings.accelerations:
            return
        now = time.monotonic()
        room = self.settings.warm_mb // _PROCESS_MB // max(1, len(self.slots))
        wanted = [
            name for name, used in sorted(self._used.items(), key=lambda item: -item[1]) if now - used < _WANTED_SECONDS
        ]
        for name, language in self.languages.items():
            if language.warm is None or (name == "java" and not self.warm_java):
                continue
            if name not in wanted[:room]:
                slot.spares.drop_warm(name)
            elif slot.spares.warm(name) == 0 and not slot.busy:
                recipe = Recipe(
                    command=language.warm, variables=self.executor.variables(language), limits=language.limits,
                    calls=language.calls,
                )  # fmt: skip
                slot.spares.add_warm(name, recipe)
