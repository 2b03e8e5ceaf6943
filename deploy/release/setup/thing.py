"""A thing that an environment needs: how it is looked at, how it is made, what a person can do about it.

Everything is looked at anew before it is made, and making it again does no harm: whoever was killed half-way runs it
again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What was found."""

    THERE = "there"
    MISSING = "missing"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It could not be seen, or only a person can: no reason to stop."""


@dataclass(frozen=True)
class Found:
    """What was found of a thing, in words; `remedy`: what a person can do about it, "" where nothing is to be done."""

    state: State
    words: str
    remedy: str = ""


@dataclass(frozen=True)
class Thing:
    """Something that an environment needs. `make` is None where only a person can.

    `look` may raise what the platforms raise. `making` says what `make` does, to whoever decides whether it should.
    """

    name: str
    look: Callable[[], Found]
    make: Callable[[], None] | None = None
    making: str = ""
    refused: str = ""
    """What a person can do when the platform refuses to make it."""
    tokens: tuple[str, ...] = ()
    """The tokens without which it can be neither seen nor made."""
    after: tuple[str, ...] = ()
    """Things that must not be wrong before it is made, by name."""
