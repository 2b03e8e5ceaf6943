"""Templates that hold libraries: Pythons that have imported what a program imports first, made where it is asked for.

What a program that begins with `import numpy` waits for is mostly that import. A template that has done it is the same
interpreter at the same point, so a program that imports it first of all is forked from one; `languages/imports.py` says
which do. One is made once such a program has come, and kept as long as others come and memory is set aside for it:
a service that never sees one pays nothing. Where a program imports several, one that holds a part of them will do.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Sequence

from backend.runner.execution.request import RunRequest
from backend.runner.languages.imports import Held, held_modules
from backend.runner.languages.language import Language, arguments
from backend.runner.sandbox.keeper import Environment
from backend.runner.sandbox.spares import Recipe, Spares
from backend.runner.sandbox.step import SPAWNER

_OWN_MB = 8
"""MiB that a template takes which holds nothing."""
_USES_AT_REST = 16
"""Runs after which one is replaced when there is time: to start one takes as long as some of them would have."""


@dataclasses.dataclass
class Libraries:
    """What was asked for, and which template is taken for it."""

    asked: dict[str, float] = dataclasses.field(default_factory=dict)
    """When a program last came for a template, by the template's name: that of its language, and what it holds."""
    most_mb: float = math.inf
    """MiB that are set aside in a slot: where all that a program imports is more, a part of it is held."""
    _modules: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def take(self, spares: Spares, request: RunRequest) -> int:
        """A template that has imported what `request` imports first, or as much of it as one has; else a usual one."""
        held = held_of(request.language)
        modules = held_modules(held, request.source, request.files)
        if modules and _has_room(request):
            most = _closed(held, modules)
            if _megabytes(held, modules) > self.most_mb:
                modules = _largest(held, most, self.most_mb)
            name = template_name(request.language, modules)
            if modules:
                self.asked[name], self._modules[name] = time.monotonic(), modules
            fitting = {other: _closed(held, known) for other, known in self._modules.items()}
            for other in sorted(fitting, key=lambda one: (-len(fitting[one]), one)):
                if fitting[other] <= most and (number := spares.take_template(other)) != SPAWNER:
                    return number
        return spares.take_template(request.language.name)

    def recipes(self, language: Language, variables: Environment) -> dict[str, Recipe]:
        """How each template that was asked for is made; `variables` are those of the language's runs."""
        return {name: recipe(language, variables, self._modules[name]) for name in self.asked}


def _has_room(request: RunRequest) -> bool:
    """Whether an import may leave in the work directory what it would: matplotlib's makes directories."""
    asked, usual = request.limits, request.language.limits
    return asked.inodes >= usual.inodes and asked.disk_kb >= usual.disk_kb


def held_of(language: Language) -> Sequence[Held]:
    """What templates of `language` may hold: of the libraries that are there."""
    return [one for library in language.libraries for one in library.held]


def template_name(language: Language, modules: Sequence[str]) -> str:
    """The name under which slots keep a template that holds `modules`."""
    return "+".join((language.name, *modules))


def recipe(language: Language, variables: Environment, modules: Sequence[str] = ()) -> Recipe:
    """A template of `language` that has imported `modules`."""
    named = "".join(f":+{module}" for module in modules)
    return Recipe(
        language=template_name(language, modules), command=arguments(language.run),
        variables=(*variables, *((name, value + named) for name, value in language.template_variables)),
        limits=language.limits,
        megabytes=_megabytes(held_of(language), modules), forks=True, uses_at_rest=_USES_AT_REST,
    )  # fmt: skip


def _megabytes(held: Sequence[Held], modules: Sequence[str]) -> float:
    return _OWN_MB + sum(one.megabytes for one in held if one.module in modules)


def _largest(held: Sequence[Held], modules: Collection[str], most: float) -> tuple[str, ...]:
    """The one of `modules` that saves most, as far as `most` MiB go; none where no one does."""
    small = [one for one in held if one.module in modules and _OWN_MB + one.megabytes <= most]
    return (max(small, key=lambda one: one.megabytes).module,) if small else ()


def _closed(held: Sequence[Held], modules: Sequence[str]) -> frozenset[str]:
    """`modules`, and what they imply."""
    implied = {one.module: one.implies for one in held}
    return frozenset(name for module in modules for name in (module, *implied.get(module, ())))
