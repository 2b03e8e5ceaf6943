"""Verbs for an environment's place at its providers: setup, teardown. `invoke doctor --env` is in `workstation.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from invoke.context import Context

from deploy import interrupts
from deploy.cli.asking import agreed, answer
from deploy.cli.options import ENV, REHEARSAL, logs_of, target_of
from deploy.cli.wrapper import required, verb
from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.lazy import lazy
from deploy.release.setup.thing import State
from deploy.target import Target

if TYPE_CHECKING:
    from deploy.release.setup import run, things
    from deploy.release.setup import teardown as tearing
else:
    run, tearing, things = (lazy(f"deploy.release.setup.{name}") for name in ("run", "teardown", "things"))

MARKS = {State.THERE: "✓", State.MISSING: "✗", State.WRONG: "✗", State.UNKNOWN: "·"}


def line(checked: run.Checked) -> str:
    """What was found of a thing, for people; in a second line, what they can do."""
    found = checked.found
    word = "" if found.state in (State.THERE, State.UNKNOWN) else f"{found.state}: "
    more = f"\n    {found.remedy}" if found.remedy else ""
    return f"{MARKS[found.state]} {checked.thing.name}: {word}{found.words}{more}"


@verb(
    help={
        "env": ENV,
        "plan": "show what is there and what would be made; make nothing",
        "yes": "make it without asking; needed where there is no terminal to ask on",
        "rehearsal": REHEARSAL,
    }
)
def setup(context: Context, env: str = "", plan: bool = False, yes: bool = False, rehearsal: bool = False) -> None:
    """Make what an environment needs at Fly, Cloudflare and GitHub, each thing shown first; run it again any time."""
    target = target_of(required(env, "--env"), rehearsal)
    bus: Bus = context.bus
    again = f"invoke setup --env {target.name}{target.flag}"
    needed = list(things.things_of(target, bus))
    if plan or not (yes or sys.stdin.isatty()):
        checked = run.look_at(target, needed)
        making = run.to_make(checked)
        if plan or making:
            for each in checked:
                bus.say(line(each))
            for text in making:
                bus.say(f"would {text}")
        if making and not plan:
            raise UsageError(f"nothing was made: there is no terminal to ask on. To make all of it: {again} --yes")
        if plan:
            _require(target, [each for each in checked if not (each.thing.making in making and each.thing.make)], again)
            return
    with interrupts.explained_by(lambda: f"{target.name} is set up in part. Go on with: {again}"):
        done = run.set_up(target, needed, bus, _asking(bus, yes), lambda each: bus.say(line(each)))
    _require(target, done, again)
    bus.say(f"{target.name} is set up. Next: {_next(target)}")


def _asking(bus: Bus, yes: bool) -> Callable[[str], bool]:
    """Asks on the terminal; with `yes` shows what is about to be made, and agrees."""

    def ask(making: str) -> bool:
        if yes:
            bus.say(f"now: {making}")
        if yes or not sys.stdin.isatty():  # without a terminal nothing is missing, or this point is not reached
            return yes
        return agreed(making)

    return ask


def _require(target: Target, checked: list[run.Checked], again: str) -> None:
    """Raise DeployError where something is missing or wrong that setup does not make."""
    bad = [each.thing.name for each in checked if each.found.state in run.BAD]
    if bad:
        raise DeployError(f"{target.name} is not set up: {', '.join(bad)} (see above). Then run: {again}")
    unseen = [each.thing.name for each in checked if each.thing.tokens and each.found.state is State.UNKNOWN]
    if unseen:
        raise DeployError(f"{target.name}: {', '.join(unseen)} could not be seen (see above). Then run: {again}")


def _next(target: Target) -> str:
    if target.promoted:
        return f"invoke promote --sha SHA{target.to}{target.flag} --plan"
    return f"invoke build --env {target.name} && invoke deploy --env {target.name}{target.flag}"


@verb(
    help={
        "env": ENV,
        "confirm": "the app's name, instead of typing it",
        "rehearsal": REHEARSAL,
    }
)
def teardown(context: Context, env: str = "", confirm: str = "", rehearsal: bool = False) -> None:
    """Remove an environment's app with its machines, and its Pages project; ledger and GitHub's secrets stay."""
    target = target_of(required(env, "--env"), rehearsal)
    bus: Bus = context.bus
    for text in tearing.consequences(target):
        bus.say(text)
    app = target.config.deployment_target
    if _typed(confirm, app) != app:
        raise UsageError(
            f"nothing was removed: the name of the app is {app}. To remove it: "
            f"invoke teardown --env {target.name} --confirm {app}{target.flag}"
        )
    again = f"invoke teardown --env {target.name} --confirm {app}{target.flag}"
    with interrupts.explained_by(lambda: f"{target.name} may be removed in part. Go on with: {again}"):
        tearing.tear_down(target, bus, logs_of(rehearsal))
    bus.say(f"{target.name} is removed. To make it again: invoke setup --env {target.name}{target.flag}")


def _typed(confirm: str, app: str) -> str:
    if confirm or not sys.stdin.isatty():
        return confirm
    return answer(f"type the app's name to remove all of this ({app}): ")


VERBS = (setup, teardown)
