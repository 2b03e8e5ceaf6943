"""What editors of other systems leave in a source, which no compiler or interpreter is to stumble over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from backend.runner.languages.language import Language

_MARK = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8."""


def plain(language: Language, source: bytes) -> bytes:
    """`source` without a byte order mark, and without carriage returns where they would do harm.

    That is at the end of a `#!` line, and of every line of a language with `unix_lines`. Lines keep their numbers.
    """
    source = source.removeprefix(_MARK)
    if b"\r\n" not in source:
        return source
    if language.unix_lines:
        return source.replace(b"\r\n", b"\n")
    if source.startswith(b"#!"):
        first, _, rest = source.partition(b"\n")
        return first.removesuffix(b"\r") + b"\n" + rest
    return source


def plain_files(language: Language, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`files` of a request, those plain that are named like sources of `language`; the others are data, and stay."""
    endings = (PurePosixPath(language.source).suffix, *language.sources)
    return {name: plain(language, content) if name.endswith(endings) else content for name, content in files.items()}
