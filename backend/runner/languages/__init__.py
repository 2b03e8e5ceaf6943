"""The languages of the service: every module here that defines `LANGUAGE`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from backend.runner.languages.language import Cache, Language

__all__ = ["Cache", "Language", "all_languages", "in_order"]

_FIRST = ("python3", "nodejs", "c++", "go", "bash", "rust")
"""Names at the start of every list: older clients select the first one."""


def in_order(names: Iterable[str]) -> list[str]:
    """`names` in the order of all lists for clients: first those of _FIRST, then the others by name."""
    places = {name: place for place, name in enumerate(_FIRST)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def all_languages() -> Mapping[str, Language]:
    """Every declared language by name, sorted. Raises ValueError when two modules declare the same name."""
    found: dict[str, Language] = {}
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        language = getattr(importlib.import_module(module.name), "LANGUAGE", None)
        if language is None:
            continue
        if language.name in found:
            raise ValueError(f"{module.name} declares {language.name!r}, which another module declares too")
        found[language.name] = language
    return MappingProxyType(dict(sorted(found.items())))
