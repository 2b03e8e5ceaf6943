"""Resident compilers: one process that compiles one request after the other, over its stdin and stdout."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping, Sequence

from backend.runner.sandbox.limits import Limits


class End(enum.Enum):
    """How a compile ended."""

    FAILED = 0
    """The program does not compile."""
    MADE = 1
    CUT = 2
    """The compiler printed more than it may; `messages` are what it may print."""
    GAVE_UP = 3
    """The resident compiler cannot decide. A compiler that is started for this program alone can."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """The result of a compile; `files` belong in /program, by relative name."""

    end: End
    messages: bytes
    """What the compiler prints, in UTF-8; never more than it was allowed."""
    files: Mapping[str, bytes]


Ask = Callable[[int, Sequence[str], Mapping[str, bytes]], bytes | None]
"""Frames a compile: the most bytes of messages, the options, and the files with the program's own first.

Returns None for files that the resident compiler cannot take; a new compiler compiles them.
"""

Take = Callable[[bytearray], Compiled | None]
"""Takes an answer from the start of the buffer; None while it is incomplete. Raises EOFError if it is malformed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resident:
    """A language's resident compiler. It runs in a slot of its own while the language is in demand.

    It sends one answer unasked, once it is warm.
    """

    command: tuple[str, ...]
    ask: Ask
    take: Take
    longest_answer: int
    """Bytes of one answer, above which the compiler is taken to be broken and is started again."""
    limits: Limits
    """Limits of the process for its whole life, not of one compile."""
