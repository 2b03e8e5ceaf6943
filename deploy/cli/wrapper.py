"""Wraps every verb: opens its event stream, sets its exit code, and marks a rehearsal as in use."""

from __future__ import annotations

import contextlib
import functools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from deploy import interrupts, rehearsals
from deploy.cli.options import log_directory
from deploy.errors import DeployError, UsageError
from deploy.events.bus import Aside, Bus
from deploy.events.console import Progress, Teller, progress
from deploy.events.events import VerbBegun, VerbEnded
from deploy.events.log import kept_in, logged_to
from deploy.events.times import StepTimes

LAST_WORDS = 2.0
"""Seconds that listeners may take to catch up once a verb is over."""


SHORT = {
    "dry": "n",
    "env": "e",
    "force": "f",
    "json": "j",
    "plan": "n",
    "reason": "m",
    "rehearsal": "r",
    "sha": "s",
    "wait": "w",
    "yes": "y",
}
"""The flags with a short form. One letter means the same in every verb; other flags have none."""


class Verb(Task[Any]):
    """A task whose short flags are those of SHORT."""

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        """As Invoke's, which would take the first free letter."""
        options = super().arg_opts(name, default, taken_names)
        options["names"] = [options["names"][0], *([SHORT[name]] if name in SHORT else [])]
        return options


def verb(**options: Any) -> Callable[[Callable[..., None]], Verb]:
    """A verb of `invoke`; `options` are those of Invoke's `task`: help, iterable."""

    def declare(function: Callable[..., None]) -> Verb:
        return Verb(_streamed(function), auto_shortflags=False, **options)

    return declare


def _streamed(function: Callable[..., None]) -> Callable[..., None]:
    """Give a verb the stream of its events as `context.bus`, and turn its errors into a message and an exit code.

    People (or, with --progress json, machines) and the log of all verbs listen. `context.times` has its steps. A verb
    with --rehearsal counts as at work on the rehearsal, so that nobody takes the platforms away meanwhile. Interrupts
    pass through: `interrupts.guarded` ends the process.
    """

    @functools.wraps(function)
    def wrapper(context: Context, *arguments: Any, **options: Any) -> None:
        rehearsal = bool(options.get("rehearsal")) and rehearsals.STATE.is_dir()
        works = rehearsals.in_use() if rehearsal else contextlib.nullcontext()
        context.times = StepTimes()
        with _stream(context, log_directory(rehearsal)), works:
            function(context, *arguments, **options)

    return wrapper


@contextlib.contextmanager
def _stream(context: Context, logs: Path) -> Iterator[None]:
    """Open the bus, emit the verb's begin and end, and close it; raises Exit for a DeployError."""
    shown: Callable[..., None] = logged_to(sys.stderr) if progress() is Progress.JSON else Teller()
    listeners = [Aside(shown), Aside(kept_in(logs))]
    context.bus = Bus(context.times, *listeners)
    command, begun = " ".join(sys.argv[1:]), time.monotonic()
    context.bus.emit(VerbBegun(command=command))
    code, problem, log = 1, "", ""
    try:
        yield
        code = 0
    except Exit as asked:
        code = asked.code or 0
        raise
    except DeployError as failed:
        interrupts.check()  # what failed while an interrupt was cleaned up after is no news
        code, problem, log = failed.exit_code, str(failed), str(failed.log or "")
        raise Exit(code=code) from failed
    finally:
        code = interrupts.exit_code() or code
        seconds = round(time.monotonic() - begun, 3)
        ended = VerbEnded(command=command, ok=not code, code=code, seconds=seconds, problem=problem, log=log)
        context.bus.emit(ended)
        for listener in listeners:
            listener.close(LAST_WORDS if not interrupts.asked() else 0.1)


def required(value: str | None, flag: str) -> str:
    """A flag that must be given."""
    if not value:
        raise UsageError(f"{flag} is missing; see invoke --help")
    return value
