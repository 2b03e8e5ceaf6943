"""The languages that the service offers, and what start-up has made ready for each so far."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from backend.runner.languages import Language


class Offer:
    """Start-up adds to it while the service runs; runs do without what is not ready yet. Belongs to one event loop."""

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
        """The versions of toolchains that have answered, by language: a view."""
        return MappingProxyType(self._versions)

    def withdraw(self, name: str) -> None:
        """Stop offering the language `name`."""
        self._languages.pop(name, None)

    def has_version(self, name: str, version: str) -> None:
        """Record that the toolchain of `name` works and reports `version`."""
        self._versions[name] = version

    def cache_is_filled(self, name: str) -> None:
        """Record that the compile cache of `name` is filled."""
        self._cached.add(name)

    def has_cache(self, name: str) -> bool:
        """Whether the compile cache of `name` is filled."""
        return name in self._cached

    def warm_build_is_there(self, name: str) -> None:
        """Record that the files which waiting processes of `name` read are there."""
        self._built.add(name)

    def can_wait(self, language: Language) -> bool:
        """Whether the files which waiting processes and the resident compiler of `language` read are there."""
        return not language.warm_build or language.name in self._built
