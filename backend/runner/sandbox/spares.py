"""What waits in a slot so that a run starts sooner: templates to fork, and processes that have done their start-up."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Sequence

from backend.runner.sandbox.keeper import Environment, Keeper
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.step import SPAWNER

MOST_USES = 256
"""Runs that one template serves: they share its hash seed and its address layout."""

_REST_SECONDS = 30.0
"""After a waiting process has ended by itself, before another of its language is started."""

_START_SECONDS = 20.0
"""How long a template may take to be ready; one that takes longer never will be."""

PYTHON = "python3"

COMPILE = "/compile"
"""Follows the name of a language whose compiler waits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a template or a warm process is started."""

    language: str = PYTHON
    command: tuple[str, ...]
    variables: Environment
    limits: Limits
    calls: tuple[str, ...] = ()
    megabytes: float = 64
    """MiB that it takes while it waits."""
    forks: bool = False
    """Whether it is a template."""
    uses_at_rest: int = 1
    """Runs after which a template is replaced while nothing is run."""


@dataclasses.dataclass
class _Template:
    language: str
    begun: float
    ready: bool = False
    uses: int = 0


class Spares:
    """Of one slot. Lost with its keeper, and made again by whoever tends it."""

    def __init__(self) -> None:
        self._keeper: Keeper | None = None
        self._numbers = itertools.count(SPAWNER + 1)
        self._templates: dict[int, _Template] = {}
        self._next: dict[str, int] = {}  # the template that is taken next, by language
        self._warm: dict[str, list[str]] = {}  # keys by language, the oldest first
        self._keys = itertools.count()
        self._rests: dict[str, float] = {}

    def attach(self, keeper: Keeper) -> None:
        """Begin with a new keeper."""
        self.detach()
        self._keeper = keeper
        keeper.on_template, keeper.on_warm = self._template_changed, self._warm_changed

    def detach(self) -> None:
        """The keeper is gone, and all that waited with it."""
        self._keeper = None
        self._templates.clear()
        self._next.clear()
        self._warm.clear()

    # ── templates ───────────────────────────────────────────────────────────────────────────────────────────

    @property
    def templates(self) -> Sequence[int]:
        """Numbers of the templates that are ready."""
        return [number for number, template in self._templates.items() if template.ready]

    def add_templates(self, recipe: Recipe, count: int) -> None:
        """Have `count` templates of the recipe's language, starting what lacks."""
        for _ in range(count - len(self._of(recipe.language))):
            self._start_template(recipe)

    def _of(self, language: str) -> dict[int, _Template]:
        return {number: template for number, template in self._templates.items() if template.language == language}

    def _ready(self, language: str) -> list[tuple[int, int]]:
        """Uses and number of each that is ready."""
        return [(template.uses, number) for number, template in self._of(language).items() if template.ready]

    def _start_template(self, recipe: Recipe) -> None:
        if self._keeper is not None:
            number = next(self._numbers)
            self._templates[number] = _Template(recipe.language, time.monotonic())
            self._keeper.template(number, recipe.command, recipe.variables)

    def _end_template(self, number: int) -> None:
        del self._templates[number]
        if self._keeper is not None:
            self._keeper.retire(number)

    def templates_of(self, language: str) -> dict[int, bool]:
        """Numbers of the templates of `language`, and whether each is ready."""
        return {number: template.ready for number, template in self._of(language).items()}

    def take_template(self, language: str = PYTHON) -> int:
        """The ready template with the fewest uses, counted as used once more; SPAWNER where there is none."""
        ready = self._ready(language)
        if not ready:
            return SPAWNER
        _, number = min(ready)
        self._templates[number].uses += 1
        self._prefer(language)
        return number

    def _prefer(self, language: str) -> None:
        """Have a child wait at the template that is taken next."""
        _, number = min(self._ready(language))
        before = self._next.get(language, number)
        if self._keeper is not None and (language not in self._next or before != number):
            self._keeper.prefer(number, before)
        self._next[language] = number

    @property
    def starting(self) -> bool:
        """Whether a template of Python is on its way."""
        return not all(template.ready for template in self._of(PYTHON).values())

    @property
    def used_templates(self) -> int:
        """Templates of Python that are ready and have served a run."""
        return sum(uses > 0 for uses, _ in self._ready(PYTHON))

    def renew_template(self, recipe: Recipe, *, worn: int = MOST_USES) -> bool:
        """Replace the template with the most uses, if it has at least `worn`. True if it was."""
        ready = self._ready(recipe.language)
        if self._keeper is None or not ready:
            return False
        uses, number = max(ready)
        if uses < worn:
            return False
        self._end_template(number)
        self._start_template(recipe)
        return True

    def tend_template(self, recipe: Recipe, *, worn: int = MOST_USES) -> None:
        """Have one template of the recipe's language. One with `worn` uses is replaced once another is ready."""
        ready, own = self._ready(recipe.language), self._of(recipe.language)
        late = [n for n, one in own.items() if not one.ready and time.monotonic() - one.begun > _START_SECONDS]
        for number in late:
            self._end_template(number)
            self._rests[recipe.language] = time.monotonic() + _REST_SECONDS
        if len(ready) > 1:
            self._end_template(max(ready)[1])
        elif (not own or (len(own) == 1 and ready and ready[0][0] >= worn)) and self._rested(recipe.language):
            self._start_template(recipe)

    def drop_templates(self, language: str) -> None:
        """End the templates of `language`."""
        for number in self._of(language):
            self._end_template(number)

    def _rested(self, language: str) -> bool:
        return time.monotonic() >= self._rests.get(language, 0)

    def _template_changed(self, number: int, ready: bool) -> None:
        template = self._templates.get(number)
        if template is None:
            return
        template.ready = ready
        if ready:
            self._prefer(template.language)
        else:  # it was not ended by us
            del self._templates[number]
            self._rests[template.language] = time.monotonic() + _REST_SECONDS

    # ── warm processes ──────────────────────────────────────────────────────────────────────────────────────

    def warm(self, language: str) -> int:
        """Processes of `language` that wait."""
        return len(self._warm.get(language, ()))

    def add_warm(self, language: str, recipe: Recipe) -> None:
        """Start one more process of `language`."""
        if self._keeper is not None and self._rested(language):
            key = f"{language}#{next(self._keys)}"
            self._warm.setdefault(language, []).append(key)
            self._keeper.warm(key, recipe.command, recipe.variables, recipe.limits, recipe.calls)

    def take_warm(self, language: str) -> str:
        """Key of the oldest waiting process of `language`, which the next step must use; empty where there is none."""
        keys = self._warm.get(language)
        return keys.pop(0) if keys else ""

    def had_warm(self, language: str) -> bool:
        """Whether one of `language` ever waited here."""
        return language in self._warm

    def drop_warm(self, language: str) -> None:
        """End one waiting process of `language`."""
        key = self.take_warm(language)
        if key and self._keeper is not None:
            self._keeper.cool(key)

    def _warm_changed(self, key: str, ready: bool) -> None:
        language = key.rpartition("#")[0]
        keys = self._warm.get(language, [])
        if not ready and key in keys:  # it was not ended by us: what is wrong may be wrong the next time too
            keys.remove(key)
            self._rests[language] = time.monotonic() + _REST_SECONDS
