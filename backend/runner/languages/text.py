"""Removes what editors of other systems leave in a source and compilers or interpreters do not accept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from backend.runner.languages.language import Language

_MARK = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8."""


def plain(language: Language, source: bytes) -> bytes:
    """`source` without a byte order mark, and without harmful carriage returns.

    Those are at the end of a `#!` line, and of every line of a language with `unix_lines`. Line numbers do not change.
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
    """`files` with sources of `language` (by their names) made plain. Other files are data and do not change."""
    endings = (PurePosixPath(language.source).suffix, *language.sources)
    return {name: plain(language, content) if name.endswith(endings) else content for name, content in files.items()}
