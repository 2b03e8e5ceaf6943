"""What was found and is no secret: a line each in `not_secrets.txt`, with its mark, its kind and the reason.

A mark is a hash of kind and text, so it holds wherever the text stands, and the text is not in the file. Values that
are known to be secrets have no mark: nobody can allow them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from deploy.errors import ConfigurationError

FILE = Path(__file__).with_name("not_secrets.txt")
_LINE = re.compile(r"(?P<mark>[0-9a-f]{32})  (?P<kind>\S.*?)  (?P<reason>\S.{4,})")
_REASON = re.compile(r"\S.{4,}")
_START = "# Found, and no secret: mark, kind, why. `invoke secrets scan --allow FILE:LINE --reason …` adds a line.\n"


def read_not_secrets(file: Path | None = None) -> frozenset[str]:
    """The marks. Raises ConfigurationError with the line that is none of the three: a mark, a kind and a reason."""
    file = file or FILE
    marks = set()
    lines = file.read_text().splitlines() if file.exists() else []
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            problem = "is not `mark  kind  reason`, two spaces between; invoke secrets scan --allow writes such a line"
            raise ConfigurationError(file.name, number, "", problem)
        marks.add(match["mark"])
    return frozenset(marks)


def is_reason(text: str) -> bool:
    """Whether it can stand in a line."""
    return bool(_REASON.fullmatch(text))


def allow(several: Iterable[tuple[str, str]], reason: str) -> int:
    """Add a line for each mark and kind; returns how many."""
    old = FILE.read_text() if FILE.exists() else _START
    new = sorted({f"{mark}  {kind}  {reason}\n" for mark, kind in several})
    FILE.write_text(old + "".join(new))
    return len(new)
