"""Verbs that recover an environment: rollback, resume, repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke.context import Context

from deploy.artifacts.source import resolve_sha
from deploy.cli.options import ENV, REHEARSAL, WAIT, logs_of, others_of, patience, target_of, with_ledger_shown
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
        "to": "sha of an earlier release, or its first digits (default: the last good one)",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
def rollback(context: Context, env: str = "", to: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Roll back to an earlier release, the fastest way: image, configuration and page together.

    An unfinished rollout is rolled back rather than finished first, and machines that exist are used before new ones
    are created.
    """
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    sha = resolve_sha(ROOT, to, known_shas(target)) if to else None
    info = recovery.rollback(
        target, sha, context.bus, logs_of(rehearsal), wait=patience(wait), others=others_of(target)
    )
    context.bus.say(f"{target.name} serves {info.version} again")


@verb(
    help={
        "env": ENV,
        "back": "roll the release back instead of finishing it; it is not rejected",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
def resume(context: Context, env: str = "", back: bool = False, wait: str = "", rehearsal: bool = False) -> None:
    """Finish, or roll back, a rollout that a killed or interrupted deployer left half-way."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    half_way = target.ledger.snapshot().intent()
    info = recovery.resume(
        target, context.bus, logs_of(rehearsal), back=back, wait=patience(wait), others=others_of(target)
    )
    if info is None:
        context.bus.say(f"{target.name}: nothing {'is serving' if half_way else 'was left half-way'}")
    else:
        context.bus.say(f"{target.name} serves {info.version}")


@verb(help={"env": ENV, "wait": WAIT, "rehearsal": REHEARSAL})
def repair(context: Context, env: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Make machines and page match the ledger again, for example after machines were stopped or removed by hand."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    info = recovery.repair(target, context.bus, logs_of(rehearsal), wait=patience(wait), others=others_of(target))
    context.bus.say(f"{target.name} serves {info.version}, as its ledger says")


VERBS = (rollback, resume, repair)
