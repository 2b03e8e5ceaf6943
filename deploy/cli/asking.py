"""Asks a person on the terminal: the question goes to standard error, so that a verb's result can be piped."""

from __future__ import annotations

from rich.console import Console


def terminal() -> Console:
    """Where questions are shown."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def answer(question: str) -> str:
    """What is typed, without the spaces around it; "" at the end of input."""
    try:
        return terminal().input(question, markup=False).strip()
    except EOFError:
        return ""


def agreed(question: str) -> bool:
    """Whether the answer is yes; anything else is no."""
    return answer(f"{question}? [y/N] ").lower() in ("y", "yes")
