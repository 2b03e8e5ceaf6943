"""Looks at what an environment needs, and makes what is missing: each thing shown, asked for, made, looked at again.

Theory of operation. Nothing is remembered between two runs: what is there is looked at anew, so a run that was killed
anywhere is repeated. An answer that was lost is no failure: the thing is looked at, and what is there was made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.platforms.errors import PlatformError, Unauthorized
from deploy.release.setup.thing import Found, State, Thing
from deploy.target import Target

SEEN_SECONDS, PAUSE_SECONDS = 15.0, 1.0
"""How long what was made may take to be seen."""
BAD = (State.MISSING, State.WRONG)


@dataclass(frozen=True)
class Checked:
    """A thing, and what was found of it."""

    thing: Thing
    found: Found

    def to_json(self) -> dict[str, str]:
        """As `invoke doctor --json` prints it."""
        found = self.found
        return {"name": self.thing.name, "state": found.state, "words": found.words, "remedy": found.remedy}


def report(target: Target, checked: Sequence[Checked]) -> dict[str, Any]:
    """As `invoke doctor --env E --json` prints it."""
    things = [each.to_json() for each in checked]
    return {"environment": target.name, "ok": healthy(checked), "things": things}


def healthy(checked: Iterable[Checked]) -> bool:
    """Whether nothing is missing or wrong. What could not be seen is no fault."""
    return not any(each.found.state in BAD for each in checked)


def look_at(target: Target, things: Iterable[Thing]) -> list[Checked]:
    """Look at every thing; nothing is changed. What fails is what was found of a thing, never an error."""
    return [Checked(thing, looked(target, thing)) for thing in things]


def looked(target: Target, thing: Thing) -> Found:
    """What is found of one thing."""
    lacking = [name for name in thing.tokens if not target.tokens.values.get(name)]
    if lacking:
        return Found(State.UNKNOWN, f"cannot be seen without {', '.join(lacking)}")
    try:
        return thing.look()
    except Unauthorized as refused:
        return Found(State.UNKNOWN, f"cannot be seen, as the platform refuses the token: {refused.detail}")
    except PlatformError as failed:
        return Found(State.UNKNOWN, f"cannot be seen: {failed}")
    except DeployError as failed:
        return Found(State.WRONG, str(failed))


def to_make(checked: Iterable[Checked]) -> list[str]:
    """What would be made, in words."""
    return [each.thing.making for each in checked if each.thing.make and each.found.state is State.MISSING]


def set_up(
    target: Target,
    things: Iterable[Thing],
    bus: Bus,
    ask: Callable[[str], bool],
    tell: Callable[[Checked], None],
) -> list[Checked]:
    """Make what is missing, each after `ask` agreed; `tell` is told of every thing when it is done with.

    Raises DeployError, with what to do, when the platform refuses to make one.
    """
    done: list[Checked] = []
    for thing in things:
        found = looked(target, thing)
        wrong = [each.thing.name for each in done if each.thing.name in thing.after and each.found.state in BAD]
        if found.state is State.MISSING and thing.make and not wrong and ask(thing.making):
            with bus.step(thing.making):
                found = _made(target, thing)
        done.append(Checked(thing, found))
        tell(done[-1])
    return done


def _made(target: Target, thing: Thing) -> Found:
    """Make it and wait until it is seen."""
    failed: PlatformError | None = None
    try:
        if thing.make:
            thing.make()
    except PlatformError as refused:
        failed = refused
    # Refused, because it is there; or made, and the answer was lost: either way it is seen now, or soon.
    patience = 0.0 if failed is not None and failed.refusal else SEEN_SECONDS
    deadline = time.monotonic() + patience
    while (found := looked(target, thing)).state is State.MISSING and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    if found.state is State.MISSING and failed is not None:
        after = thing.refused if failed.refusal and thing.refused else failed.suggestion
        raise DeployError(f"could not {thing.making}: {failed.detail} (status {failed.status}); {after}") from failed
    if found.state is State.MISSING:
        raise DeployError(f"the platform accepted to {thing.making}, and does not show it; run this again in a minute")
    return found
