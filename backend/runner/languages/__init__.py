"""The languages of the service: every module here that defines `LANGUAGE`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from backend.runner.languages.language import Cache, Language

__all__ = ["Cache", "Language", "all_languages"]


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
