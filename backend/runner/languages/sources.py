"""Chooses and orders the files that are compiled, for compilers that do not find imported files by themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from backend.runner.languages.language import Language, arguments


def compile_command(language: Language, options: tuple[str, ...], files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The command that compiles `files` of a request with `options`. Raises ValueError for interpreted languages."""
    if language.compile is None:
        raise ValueError(f"{language.name} is not compiled")
    names = sources(language, files)
    command = arguments(language.compile, options)
    words = tuple(one for word in command for one in (names if word == language.source else (word,)))
    # The words of options may take the place of others: that there are as many tells nothing.
    return (*language.through, *words) if not options and names == (language.source,) else words


def sources(language: Language, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """The words that replace `language.source` in `language.compile`: the program's own file and further sources.

    `files` are all files of a request, by relative name. Included files are left out: they are compiled where they are
    included. Names are written so that no compiler takes one for an option.
    """
    further = sorted(name for name in files if name.endswith(language.sources) and name != language.source)
    if not further:  # nearly always
        return (language.source,)
    included = _included(language, files)
    further = [name for name in further if PurePosixPath(name).name not in included]
    names = [language.source, *further]
    if language.modules is not None:
        names = _by_need(names, files, *language.modules)
    return tuple(name if name[0].isalnum() or name[0] == "_" else f"./{name}" for name in names)


def _included(language: Language, files: Mapping[str, bytes]) -> set[str]:
    """Names, without their directories, of what the files include as text."""
    if not language.inclusion:
        return set()
    found = (one for content in files.values() for one in re.findall(language.inclusion.encode(), content, _FLAGS))
    return {PurePosixPath(name.decode("utf-8", "replace")).name for name in found}


def _by_need(names: Sequence[str], files: Mapping[str, bytes], defines: str, needs: str) -> list[str]:
    """`names` ordered so that each follows the modules it needs. The compiler reports circles."""

    def found(pattern: str, name: str) -> set[bytes]:
        return {one.lower() for one in re.findall(pattern.encode(), files.get(name, b""), _FLAGS)}

    makers = {module: name for name in names for module in found(defines, name)}
    order: dict[str, None] = {}
    begun: set[str] = set()

    def place(name: str) -> None:
        if name in begun:
            return
        begun.add(name)
        for module in sorted(found(needs, name)):
            if module in makers:
                place(makers[module])
        order[name] = None

    for name in names:
        place(name)
    return list(order)


_FLAGS = re.MULTILINE | re.IGNORECASE
