"""A step that a slot is asked to run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from backend.runner.sandbox.limits import Limits

USER = 1000
"""uid and gid of every program, as it sees them."""

SPAWNER = 0
"""The forker that executes a command; the others are templates."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One command to run in a cell."""

    command: tuple[str, ...]
    limits: Limits
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    """Files of the work directory, by relative name."""
    stdin: bytes = b""
    variables: tuple[tuple[str, str], ...] = ()
    compiles: bool = False
    """Whether what the step leaves in /program is kept."""
    program: int | None = None
    """Descriptor of a pack that is laid into /program before, read-only."""
    interactive: bool = False
    """Whether stdin stays open for more."""
    streams: bool = False
    """Whether output is streamed, instead of returned with the verdict."""
    terminal: tuple[int, int] | None = None
    """Rows and columns of the terminal that the program gets."""
    forker: int = SPAWNER
    warm: str = ""
    """Key of the warm process to use; empty for none."""
    go: bytes = b""
    """What is written to the warm process to start the program."""
    executables: frozenset[str] = frozenset()
    """Those of `files` that may be executed."""
    ordered: bool = False
    """Whether the order of both streams is kept exactly. Each write to them then waits for the launcher."""
    collect: tuple[str, ...] = ()
    """Patterns of files to collect: `*` and `?` match within a part of a path, `**` across parts."""
    collect_bytes: int = 0
    """Most bytes of collected files together."""
    calls: tuple[str, ...] = ()
    """System calls granted beyond the allow-list."""
