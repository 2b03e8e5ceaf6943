"""What is around every verb: its Teller, its exit code, and the mark that it works on the rehearsal."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit

from deploy import interrupts
from deploy import rehearsal as rehearsals
from deploy.errors import DeployError, UsageError
from deploy.events.console import Progress, Teller, progress


def told(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb its Teller, and turn its errors into a message and an exit code.

    A verb with --rehearsal counts as at work on the rehearsal, so that nobody takes the platforms away meanwhile.
    Interrupts pass through: `interrupts.guarded` ends the process.
    """

    @functools.wraps(verb)
    def wrapper(context: Context, *arguments: Any, **options: Any) -> None:
        context.teller = Teller()
        context.teller.json_steps = progress() is Progress.JSON
        on_rehearsal = options.get("rehearsal") and rehearsals.STATE.is_dir()
        works = rehearsals.at_work() if on_rehearsal else contextlib.nullcontext()
        try:
            with works:
                verb(context, *arguments, **options)
        except DeployError as failed:
            interrupts.check()  # what failed while an interrupt was cleaned up after is no news
            context.teller.failure(failed)
            raise Exit(code=failed.exit_code) from failed
        finally:
            context.teller.close()

    return wrapper


def rolling_out(context: Context) -> Teller:
    """The Teller of a verb that rolls out: by default it tells people on a terminal, and machines in a pipe."""
    teller: Teller = context.teller
    if progress() is Progress.AUTO:
        teller.json_steps = not teller.console.is_terminal
    return teller


def required(value: str | None, flag: str) -> str:
    """A flag that must be given."""
    if not value:
        raise UsageError(f"{flag} is missing; see invoke --help")
    return value
