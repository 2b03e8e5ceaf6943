"""Verbs that bring an environment back to a whole release: rollback, resume, repair, machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.tasks import task
from rich.table import Table
from rich.text import Text

from deploy.artifacts.source import resolve_sha
from deploy.cli.release import REHEARSAL, WAIT, logs_of, patience, target_of, told_of_ledger
from deploy.cli.wrapper import required, rolling_out, told
from deploy.errors import UsageError
from deploy.events.console import print_json, print_result
from deploy.lazy import lazy
from deploy.release.rollout.machine import LAUNCH, in_traffic
from deploy.settings.environments import ROOT
from deploy.target import Target, deployable, known_shas

if TYPE_CHECKING:
    from deploy.release import desk as desks
    from deploy.release import owning, recovery
    from deploy.release.rollout import strangers as unknown
else:
    recovery, owning = lazy("deploy.release.recovery"), lazy("deploy.release.owning")
    desks, unknown = lazy("deploy.release.desk"), lazy("deploy.release.rollout.strangers")

ENV = "staging or production"


@task(
    help={
        "env": ENV,
        "to": "sha of an earlier release, or its beginning (default: the last good one)",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
@told
def rollback(context: Context, env: str = "", to: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Go back to an earlier release, the fastest way: image, configuration and page together.

    A rollout that was left half-way turns back; nothing is finished first, and nothing created that is there.
    """
    target = told_of_ledger(context, target_of(deployable(required(env, "--env")), rehearsal))
    sha = resolve_sha(ROOT, to, known_shas(target)) if to else None
    info = recovery.rollback(target, sha, rolling_out(context), logs_of(rehearsal), wait=patience(wait))
    context.teller.say(f"{target.name} serves {info.version} again")


@task(
    help={
        "env": ENV,
        "back": "take the release back instead of finishing it; it is not rejected",
        "wait": WAIT,
        "rehearsal": REHEARSAL,
    }
)
@told
def resume(context: Context, env: str = "", back: bool = False, wait: str = "", rehearsal: bool = False) -> None:
    """Finish, or take back, a rollout that a killed or interrupted deployer left half-way."""
    target = told_of_ledger(context, target_of(deployable(required(env, "--env")), rehearsal))
    half_way = target.ledger.snapshot().intent()
    info = recovery.resume(target, rolling_out(context), logs_of(rehearsal), back=back, wait=patience(wait))
    if info is None:
        context.teller.say(f"{target.name}: nothing {'serves' if half_way else 'was left half-way'}")
    else:
        context.teller.say(f"{target.name} serves {info.version}")


@task(help={"env": ENV, "wait": WAIT, "rehearsal": REHEARSAL})
@told
def repair(context: Context, env: str = "", wait: str = "", rehearsal: bool = False) -> None:
    """Make the platform serve what the ledger says: after machines were stopped, removed or left by hand."""
    target = told_of_ledger(context, target_of(deployable(required(env, "--env")), rehearsal))
    info = recovery.repair(target, rolling_out(context), logs_of(rehearsal), wait=patience(wait))
    context.teller.say(f"{target.name} serves {info.version}, as its ledger says")


@task(
    help={
        "env": ENV,
        "adopt": "id of a machine that the ledger does not know: it serves this release",
        "ignore": "id of a machine that the ledger does not know: let it be",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
@told
def machines(
    context: Context, env: str = "", adopt: str = "", ignore: str = "", json: bool = False, rehearsal: bool = False
) -> None:
    """Show an environment's machines and whose they are; adopt or ignore one that the ledger does not know."""
    target = told_of_ledger(context, target_of(deployable(required(env, "--env")), rehearsal))
    if adopt and ignore:
        raise UsageError("give --adopt ID or --ignore ID, not both")
    if adopt or ignore:
        doing = f"{'adopt' if adopt else 'ignore'} machine {adopt or ignore}"
        with desks.at_work(target, doing, context.teller, logs_of(rehearsal)) as desk:
            if adopt:
                info = owning.adopt(desk, adopt)
                context.teller.say(f"machine {adopt} is one of {info.version}")
            else:
                owning.ignore(desk, ignore)
                context.teller.say(f"machine {ignore} is let be: it stops no release, and is never changed")
    if json or not (adopt or ignore):
        found = machines_of(target)
        print_json(found) if json else print_result(_machine_table(found))


def machines_of(target: Target) -> list[dict[str, Any]]:
    """Every machine of the environment's app, as `invoke machines --json` prints it."""
    snapshot = target.ledger.snapshot()
    serving = snapshot.current()
    with target.fly() as fly:
        there = fly.machines.list() if fly.app_exists() else []
    strange = {each.id: each for each in unknown.strangers(there, target.name, unknown.launches_of(snapshot))}
    releases = {event.launch: event.version for event in snapshot.events()}
    rows = []
    for machine in there:
        stranger = strange.get(machine.id)
        launch = machine.metadata.get(LAUNCH, "")
        rows.append(
            {
                "id": machine.id,
                "name": machine.name,
                "state": machine.state,
                "healthy": machine.healthy,
                "host": machine.host,
                "image": machine.digest,
                "traffic": stranger.traffic if stranger else in_traffic(machine),
                "known": stranger is None,
                "ignored": bool(stranger and stranger.ignored),
                "serves": bool(serving and not stranger and launch == serving.launch),
                "version": None if stranger else releases.get(launch),
                "why": stranger.why if stranger else "",
            }
        )
    return rows


def _machine_table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None)
    for column in ("id", "state", "traffic", "whose"):
        table.add_column(column, overflow="fold")
    for row in rows:
        state = f"{row['state']}{'' if row['healthy'] else ' unhealthy' if row['state'] == 'started' else ''}"
        state += "" if row["host"] == "ok" else f", host {row['host']}"
        whose = row["version"] or f"unknown: {row['why']}"
        whose += " (serves)" if row["serves"] else " (ignored)" if row["ignored"] else ""
        table.add_row(row["id"], state, "yes" if row["traffic"] else "no", Text(whose))
    return table


VERBS = (rollback, resume, repair, machines)
