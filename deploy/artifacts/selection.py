"""Selects an image's languages: resolves `--languages` to names, and drops the other languages from the Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from backend.runner.languages import Language, all_languages
from deploy.errors import UsageError

ALL, CORE = "all", "core"

_MARK = re.compile(r"^# language: (\S+)$", re.MULTILINE)
_LIBRARIES = re.compile(r"^# (more )?libraries: (\S+)$", re.MULTILINE)


def select_languages(wanted: str, known: Mapping[str, Language] | None = None) -> tuple[str, ...]:
    """Names for "all", "core" or "name,…" (a name or an alias), sorted; UsageError names the known ones otherwise."""
    known = all_languages() if known is None else known
    if wanted == ALL:
        return tuple(sorted(known))
    if wanted == CORE:
        return tuple(sorted(name for name, language in known.items() if language.core))
    names = {alias: name for name, language in known.items() for alias in (name, *language.aliases)}
    words = [word.strip().lower() for word in wanted.split(",") if word.strip()]
    unknown = [word for word in words if word not in names]
    if unknown or not words:
        raise UsageError(
            f"unknown language {', '.join(map(repr, unknown)) or repr(wanted)}; "
            f"use --languages {ALL}, {CORE}, or names of: {', '.join(sorted(known))}"
        )
    return tuple(sorted({names[word] for word in words}))


def blocks(dockerfile: str) -> dict[str, str]:
    """The lines of each language in the order of the file: from a mark of it to the next empty line."""
    found: dict[str, str] = {}
    for paragraph in dockerfile.split("\n\n"):
        if mark := _MARK.search(paragraph):
            found[mark[1]] = f"{found[mark[1]]}\n\n{paragraph}" if mark[1] in found else paragraph
    return found


def with_languages(dockerfile: str, languages: Collection[str]) -> str:
    """The Dockerfile without the blocks of languages that are not among `languages`, and those of their libraries.

    "more libraries" come only with more than the core languages.
    """
    more = any(not all_languages()[name].core for name in languages)

    def wanted(paragraph: str) -> bool:
        if mark := _MARK.search(paragraph):
            return mark[1] in languages
        libraries = _LIBRARIES.search(paragraph)
        return libraries is None or (libraries[2] in languages and (more or not libraries[1]))

    return "\n\n".join(filter(wanted, dockerfile.split("\n\n")))
