"""A step of a run, as it is asked of a slot."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from backend.runner.sandbox.limits import Limits

USER = 1000
"""uid and gid that every program sees itself as."""

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
    """Whether output is told as it comes, and not with the verdict."""
    terminal: tuple[int, int] | None = None
    """Rows and columns of the terminal that the program gets."""
    forker: int = SPAWNER
    warm: str = ""
    """Key of the warm process to use where there is one."""
    go: bytes = b""
    """What the warm process is told."""
    executables: frozenset[str] = frozenset()
    """Those of `files` that may be executed."""
    ordered: bool = False
    """Whether the order of what both streams say is kept exactly; each write to them then waits for the launcher."""
    collect: tuple[str, ...] = ()
    """Patterns of files of the work directory that come back: `*` and `?` within a part of a name, `**` across."""
    collect_bytes: int = 0
    """How many bytes those may have together."""
    calls: tuple[str, ...] = ()
    """System calls granted beyond the allow-list."""
