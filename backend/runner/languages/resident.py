"""A compiler that stays: one process that compiles one request after the other, over its stdin and stdout."""

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
    """The compiler that stays cannot decide. One that is started for this program alone may have more to say."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What came of a compile; `files` belong in /program, by relative name."""

    end: End
    messages: bytes
    """What the compiler prints, in UTF-8; never more than it was allowed."""
    files: Mapping[str, bytes]


Ask = Callable[[int, Sequence[str], Mapping[str, bytes]], bytes | None]
"""Frames a compile: the most bytes of messages, the options, and the files with the program's own first.

None for files that the compiler that stays cannot take; they are compiled by a process of their own.
"""

Take = Callable[[bytearray], Compiled | None]
"""Takes the answer at the start of what was said so far; None where it is incomplete. Raises EOFError if malformed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resident:
    """How a language's compiler stays. It runs in a slot of its own, while programs of the language are run.

    It gives one answer unasked, once it is warm.
    """

    command: tuple[str, ...]
    ask: Ask
    take: Take
    longest_answer: int
    """Bytes of one answer, above which the compiler is taken to be broken and is started again."""
    limits: Limits
    """Limits of the process for its whole life, not of one compile."""
