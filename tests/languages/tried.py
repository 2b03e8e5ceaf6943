"""What a row of options.py is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A program with one option, and what comes of it."""

    language: str
    option: str
    beside: tuple[str, ...] = ()
    """Other options that it needs."""
    source: str
    stdout: str = ""
    says: str = ""
    """What standard error holds somewhere; where this is empty, so is standard error."""
    status: str = "ok"
    files: dict[str, str] = field(default_factory=dict)
    image: bool = False
    """Whether it needs the image's toolchain: an older one of a workstation does not know it."""


def rows(
    language: str, *rows: tuple[str, str, str] | tuple[str, str, str, str] | tuple[str, str, str, str, str]
) -> list[Tried]:
    """Of a language: option, source, stdout, then what standard error holds, and the status."""
    return [
        Tried(language=language, option=row[0], source=row[1], stdout=row[2], says=row[3] if len(row) > 3 else "",
              status=row[4] if len(row) > 4 else "ok")
        for row in rows
    ]  # fmt: skip
