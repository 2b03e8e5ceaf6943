"""The languages that the service offers, and what start-up has made ready for each so far."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.runner.languages import Language


class Offer:
    """Grows while the service runs already: runs do without what is not ready yet. Belongs to one event loop."""

    def __init__(self, languages: Mapping[str, Language] | None = None) -> None:
        self._languages = dict(languages or {})
        self._versions: dict[str, str] = {}
        self._cached: set[str] = set()
        self._built: set[str] = set()

    @property
    def languages(self) -> Mapping[str, Language]:
        """Languages by name: a view, which loses a language that is withdrawn."""
        return MappingProxyType(self._languages)

    @property
    def versions(self) -> Mapping[str, str]:
        """What each toolchain that was asked says of itself, by language: a view."""
        return MappingProxyType(self._versions)

    def withdraw(self, name: str) -> None:
        """Offer the language `name` no longer."""
        self._languages.pop(name, None)

    def has_version(self, name: str, version: str) -> None:
        """The toolchain of `name` works, and says that it is `version`."""
        self._versions[name] = version

    def cache_is_filled(self, name: str) -> None:
        """Compiles of `name` can use its compile cache from now on."""
        self._cached.add(name)

    def has_cache(self, name: str) -> bool:
        """Whether compiles of `name` can use its compile cache."""
        return name in self._cached

    def warm_build_is_there(self, name: str) -> None:
        """What waiting processes of `name` are made from can be used from now on."""
        self._built.add(name)

    def can_wait(self, language: Language) -> bool:
        """Whether what waiting processes and the resident compiler of `language` are made from is there."""
        return not language.warm_build or language.name in self._built
