"""What a Python program imports before it does anything else, told by its text.

Its first statements, as long as they are imports of modules that only define things. What those import may have been
imported before the program began: nothing of the program's can have looked, or have changed what they find. Everything
that is not plainly such a statement ends the search; a program that is taken for less than it is takes its time.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

_NAME = rb"[A-Za-z_]\w*"
_DOTTED = rb"%s(?:\.%s)*" % (_NAME, _NAME)
_NAMED = rb"(?:[ \t]+as[ \t]+%s)?" % _NAME
_IMPORT = re.compile(
    rb"import[ \t]+(?P<modules>%s%s(?:[ \t]*,[ \t]*%s%s)*)" % (_DOTTED, _NAMED, _DOTTED, _NAMED), re.ASCII
)
_LISTED = rb"(?:[^\S\r\n]|%s)*%s%s(?:(?:[^\S\r\n]|%s)*,(?:[^\S\r\n]|%s)*%s%s)*(?:(?:[^\S\r\n]|%s)*,)?(?:[^\S\r\n]|%s)*"
_BREAK = rb"(?:#[^\r\n]*)?\r?\n"
_FROM = re.compile(
    rb"from[ \t]+(?P<module>%s)[ \t]+import(?:[ \t]+(?P<names>\*|%s%s(?:[ \t]*,[ \t]*%s%s)*)|[ \t]*\((?P<listed>%s)\))"
    % (
        _DOTTED, _NAME, _NAMED, _NAME, _NAMED,
        _LISTED % (_BREAK, _NAME, _NAMED, _BREAK, _BREAK, _NAME, _NAMED, _BREAK, _BREAK),
    ), re.ASCII,
)  # fmt: skip
_NOTHING = re.compile(rb"(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\n|\Z))+")
_TEXT = re.compile(
    rb"[rRuU]?(?:\"\"\"(?:[^\"\\]|\\[\s\S]|\"(?!\"\"))*\"\"\"|'''(?:[^'\\]|\\[\s\S]|'(?!''))*'''"
    rb"|\"(?:[^\"\\\r\n]|\\[^\r\n])*\"|'(?:[^'\\\r\n]|\\[^\r\n])*')"
)
_END = re.compile(rb"[ \t]*(?:;[ \t]*|(?:#[^\r\n]*)?(?:\r\n|\n|\Z))")

_LONGEST = 16384
"""Bytes of a source that are looked at for imports."""

_MOST = 1 << 18
"""Bytes of all sources together, beyond which nothing is looked for: it would keep the service from others."""

_PLAIN = frozenset(sys.stdlib_module_names) - {
    "__main__", "antigravity", "idlelib", "lib2to3", "site", "sitecustomize", "test", "this", "turtle", "turtledemo",
    "usercustomize",
}  # fmt: skip
"""Modules whose import does nothing that another import finds."""

_READ = frozenset({"main", "matplotlibrc", "sitecustomize", "usercustomize"})
"""Other files that an interpreter or a library looks for."""

_TELLING = (
    b"tracemalloc", b"getallocatedblocks", b"getunicodeinternedsize", b"_debugmallocstats", b"modules",
    b"path_importer_cache", b"__subclasses__", b"gc",
)  # fmt: skip
_TELLING_WORDS = re.compile(rb"\b(?:%s)\b" % b"|".join(_TELLING), re.ASCII)
"""What tells in which order all was imported, or of objects that nothing refers to any more: an import's are gone."""


@dataclasses.dataclass(frozen=True)
class Held:
    """A module that may have been imported before a program begins which imports it first of all."""

    module: str
    """Its name, as in `import matplotlib.pyplot`."""
    megabytes: float
    """MiB that an interpreter which has imported it takes while it waits, beside one that has not."""
    implies: tuple[str, ...] = ()
    """Other such modules that it imports."""
    names: frozenset[str] = frozenset()
    """Outside the standard library, all that it imports or tries to, by the first part of its name."""


def first_imports(source: bytes) -> Iterator[str]:
    """Names of what `source` imports first, in order; of `from a import b` both a and a.b, for b may be a module."""
    text, at, first = source.removeprefix(b"\xef\xbb\xbf"), 0, True
    if len(text) > _LONGEST:  # whole lines
        text = text[: text.rfind(b"\n", 0, _LONGEST) + 1]
    while at < len(text):
        if nothing := _NOTHING.match(text, at):
            at = nothing.end()
            continue
        found = _IMPORT.match(text, at) or _FROM.match(text, at) or (_TEXT.match(text, at) if first else None)
        end = found and _END.match(text, found.end())
        if not found or not end:
            return
        yield from _names(found)
        at, first = end.end(), False


def _names(found: re.Match[bytes]) -> Iterator[str]:
    if found.re is _IMPORT:
        yield from (part.split()[0].decode() for part in found["modules"].split(b","))
    if found.re is not _FROM:
        return
    module = found["module"].decode()
    yield module
    listed = re.sub(rb"#[^\r\n]*", b"", found["names"] or found["listed"])
    for part in listed.split(b","):
        words = part.split()
        if words and words[0] != b"*":
            yield f"{module}.{words[0].decode()}"


def held_modules(held: Sequence[Held], source: bytes, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Those of `held` that a program imports before it does anything else, sorted, without those that others imply."""
    texts = (source, *files.values())
    if sum(map(len, texts)) > _MOST or not any(
        one.module.partition(".")[0].encode() in text for one in held for text in texts
    ):
        return ()
    by_name = {one.module: one for one in held}
    foreign = frozenset[str]().union(*(one.names for one in held))
    found = {name for name in _followed(source, files, foreign) if name in by_name}
    if not found or any(_may_hide(name, foreign) for name in files) or any(map(_tells, texts)):
        return ()
    implied = {name for one in found for name in by_name[one].implies}
    return tuple(sorted(found - implied))


def _tells(text: bytes) -> bool:
    return any(word in text for word in _TELLING) and _TELLING_WORDS.search(text) is not None


def _may_hide(file: str, foreign: frozenset[str]) -> bool:
    """Whether a file of that name may be found in the place of a module, or of its configuration."""
    first = file.partition("/")[0].partition(".")[0]
    return not first or first[0] == "_" or first in sys.stdlib_module_names or first in foreign or first in _READ


def _followed(source: bytes, files: Mapping[str, bytes], foreign: frozenset[str]) -> Iterator[str]:
    """What is imported first, by one file after the other, as long as it is the standard library's or in `foreign`."""
    followed = set[str]()
    while True:
        for name in first_imports(source):
            first = name.partition(".")[0]
            if first in _PLAIN or first in foreign:
                yield name
            elif f"{first}.py" in files and first not in followed:
                followed.add(first)
                source = files[f"{first}.py"]
                break
            else:
                return
        else:
            return
