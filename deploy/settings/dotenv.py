"""Reads a .env file with python-dotenv; keeps each key's line number, and refuses lines that python-dotenv ignores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream

from deploy.errors import ConfigurationError


@dataclass(frozen=True)
class Line:
    """One `KEY=value` of a file; `line` is 1-based."""

    key: str
    value: str
    line: int


def read_bindings(file: Path) -> Iterator[Line]:
    """Each key of `file` in order.

    Raises ConfigurationError for a missing file, a malformed line, a key without value and a key given twice.
    """
    try:
        stream = file.open(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            file.name, 0, "", "is missing; every environment has one at the repository's root"
        ) from None
    seen: dict[str, int] = {}
    with stream:
        for binding in parse_stream(stream):
            leading = len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            line = binding.original.line + leading
            if binding.error:
                raise ConfigurationError(
                    file.name, line, "", f"cannot be read: {binding.original.string.strip()[:20]!r}"
                )
            if binding.key is None:
                continue
            if binding.value is None:
                raise ConfigurationError(file.name, line, binding.key, "has no value; write KEY=value")
            if binding.key in seen:
                raise ConfigurationError(
                    file.name, line, binding.key, f"is set twice; first on line {seen[binding.key]}"
                )
            seen[binding.key] = line
            yield Line(binding.key, binding.value, line)
