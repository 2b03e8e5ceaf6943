"""Verbs that bring an environment back to a whole release: rollback, resume, repair, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from deploy.artifacts.source import resolve_sha
from deploy.cli.options import ENV, REHEARSAL, WAIT, logs_of, patience, target_of, told_of_ledger
from deploy.cli.wrapper import required, verb
from deploy.lazy import lazy
from deploy.settings.environments import ROOT
from deploy.target import known_shas

if TYPE_CHECKING:
    from deploy.release import recovery
else:
    recovery = lazy("deploy.release.recovery")


@verb(
    help={
        "env": ENV,
        "to": "sha of an earlier release, or its beginning (default: the last good one)",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
def rollback(context: Context, env: str = "", to: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Go back to an earlier release, the fastest way: image, configuration and page together.

    A rollout that was left half-way turns back; nothing is finished first, and nothing created that is there.
    """
    target = told_of_ledger(context, target_of(required(env, "--env"), rehearsal))
    sha = resolve_sha(ROOT, to, known_shas(target)) if to else None
    info = recovery.rollback(target, sha, context.bus, logs_of(rehearsal), wait=patience(wait))
    context.bus.say(f"{target.name} serves {info.version} again")


@verb(
    help={
        "env": ENV,
        "back": "take the release back instead of finishing it; it is not rejected",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
def resume(context: Context, env: str = "", back: bool = False, wait: str = "", rehearsal: bool = False) -> None:
    """Finish, or take back, a rollout that a killed or interrupted deployer left half-way."""
    target = told_of_ledger(context, target_of(required(env, "--env"), rehearsal))
    half_way = target.ledger.snapshot().intent()
    info = recovery.resume(target, context.bus, logs_of(rehearsal), back=back, wait=patience(wait))
    if info is None:
        context.bus.say(f"{target.name}: nothing {'serves' if half_way else 'was left half-way'}")
    else:
        context.bus.say(f"{target.name} serves {info.version}")


@verb(help={"env": ENV, "wait": WAIT, "rehearsal": REHEARSAL})
def repair(context: Context, env: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Make the platform serve what the ledger says: after machines were stopped, removed or left by hand."""
    target = told_of_ledger(context, target_of(required(env, "--env"), rehearsal))
    info = recovery.repair(target, context.bus, logs_of(rehearsal), wait=patience(wait))
    context.bus.say(f"{target.name} serves {info.version}, as its ledger says")


VERBS = (rollback, resume, repair)
