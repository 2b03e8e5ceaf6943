"""How many tests a suite has: `expected.json`, held against a real collection by its unit test."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.runner.languages import all_languages
from deploy.errors import ConfigurationError

PLACE = Path(__file__).with_name("expected.json")


@dataclass(frozen=True)
class Expectation:
    """Tests of a suite: `base`, and so many more for each language offered, and for each of those that compiles."""

    base: int
    per_language: int
    per_compiled: int

    def total(self, languages: Collection[str]) -> int:
        """The number of tests where the service offers `languages`; one that is not declared here compiles nothing."""
        declared = all_languages()
        compiled = sum(1 for name in languages if name in declared and declared[name].compile)
        return self.base + self.per_language * len(languages) + self.per_compiled * compiled


def read_expectation(suite: str, place: Path = PLACE) -> Expectation:
    """What is expected of `suite`; raises ConfigurationError naming file and key when that is not said."""
    try:
        body: Any = json.loads(place.read_text(encoding="utf-8"))
    except ValueError as wrong:
        raise ConfigurationError(place, 0, "", f"is not JSON ({wrong}); restore it: git checkout {place}") from wrong
    numbers = body.get(suite) if isinstance(body, dict) else None
    keys = ("base", "per_language", "per_compiled")
    if not isinstance(numbers, dict) or sorted(numbers) != sorted(keys):
        raise ConfigurationError(place, 0, suite, f"must hold {', '.join(keys)}; restore it: git checkout {place}")
    if not all(isinstance(numbers[key], int) for key in keys):
        raise ConfigurationError(place, 0, suite, f"must hold whole numbers; restore it: git checkout {place}")
    return Expectation(*(numbers[key] for key in keys))
