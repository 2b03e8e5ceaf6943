"""Verbs that show an environment: status, history, machines."""

from __future__ import annotations

from typing import Any

from invoke.context import Context
from rich.table import Table
from rich.text import Text

from deploy.cli.options import ENV, REHEARSAL, logs_of, target_of, with_ledger_shown
from deploy.cli.wrapper import required, verb
from deploy.errors import DeployError, UsageError
from deploy.events.console import print_json, print_result
from deploy.release.rollout.machine import LAUNCH, in_traffic, labels_of
from deploy.release.rollout.strangers import launches_of, strangers
from deploy.release.status import environment_status
from deploy.settings.chain import read_chain, require_deployed
from deploy.target import Target


@verb(help={"env": "only this environment", "json": "print as JSON", "rehearsal": REHEARSAL})
def status(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Show what each environment serves, by its ledger, machines and page, and what needs your attention."""
    chain = read_chain()
    names = [require_deployed(env, chain)] if env else list(chain.deployed)
    targets = {name: target_of(name, rehearsal) for name in names}
    sources = {name: source for name in names if (source := chain.sources[name])}
    proving = {name: targets.get(name) or target_of(name, rehearsal) for name in sources.values()}
    states = {
        name: environment_status(target, proving[sources[name]] if name in sources else None)
        for name, target in targets.items()
    }
    if json:
        print_json(states)
        _require_complete(targets, states)
        return
    table = Table(box=None)
    for column in ("environment", "version", "image", "machines", "address", "by", "since"):
        table.add_column(column, overflow="fold")
    for name, state in states.items():
        machines = ", ".join(f"{m['state']}{'' if m['healthy'] else ' unhealthy'}" for m in state["machines"])
        machines = machines or ("unknown" if "machines" in state["errors"] else "none")
        version = state["version"] or ("unknown" if "ledger" in state["errors"] else "nothing")
        table.add_row(
            name, version, (state["image"] or "")[7:19], machines,
            state["urls"]["api"], state["deployedBy"] or "", (state["deployedAt"] or "")[:19],
        )  # fmt: skip
    print_result(table)
    lines = [f"{name}: {problem}" for name, state in states.items() for problem in state["problems"]]
    if lines:
        print_result(Text("\n".join(lines)))
    _require_complete(targets, states)


def _require_complete(targets: dict[str, Target], states: dict[str, Any]) -> None:
    """Raise if part of an environment could not be read, after the rest was shown; a missing token is wrong use."""
    for name, target in targets.items():
        if states[name]["errors"]:
            target.require_tokens()
            raise DeployError(f"{name} could not be read completely: {', '.join(states[name]['errors'])} (see above)")


@verb(help={"env": ENV, "json": "print as JSON", "rehearsal": REHEARSAL})
def history(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Show every deployment of an environment, newest first."""
    target = target_of(required(env, "--env"), rehearsal)
    events = target.ledger.snapshot().events()[::-1]
    if json:
        print_json([event.to_json() for event in events])
        return
    table = Table(box=None)
    for column in ("when", "status", "version", "image", "by", "reason"):
        table.add_column(column)
    for event in events:
        when = f"{event.deployed_at.astimezone():%Y-%m-%d %H:%M:%S}"
        by, reason = Text(event.deployed_by), Text(event.reason)
        table.add_row(when, event.status, event.version, event.image[7:19], by, reason)
    print_result(table)


@verb(
    help={
        "env": ENV,
        "adopt": "id of a machine that the ledger does not know: record it as one of the serving release",
        "ignore": "id of a machine that the ledger does not know: leave it alone, and let it stop no release",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
def machines(
    context: Context, env: str = "", adopt: str = "", ignore: str = "", json: bool = False, rehearsal: bool = False
) -> None:
    """Show an environment's machines and their releases; adopt or ignore one that the ledger does not know."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    if adopt and ignore:
        raise UsageError("give --adopt ID or --ignore ID, not both")
    if adopt or ignore:
        from deploy.release.desk import working_on  # slow to import
        from deploy.release.owning import adopt_machine, ignore_machine

        doing = f"{'adopt' if adopt else 'ignore'} machine {adopt or ignore}"
        with working_on(target, doing, context.bus, logs_of(rehearsal)) as desk:
            if adopt:
                info = adopt_machine(desk, adopt)
                context.bus.say(f"machine {adopt} now belongs to {info.version}")
            else:
                ignore_machine(desk, ignore)
                context.bus.say(f"machine {ignore} is ignored: it stops no release, and is never changed")
    if json or not (adopt or ignore):
        found = machines_of(target)
        print_json(found) if json else print_result(_machine_table(found))


def machines_of(target: Target) -> list[dict[str, Any]]:
    """Every machine of the environment's app, as `invoke machines --json` prints it."""
    snapshot = target.ledger.snapshot()
    serving = snapshot.current()
    with target.fly() as fly:
        there = fly.machines.list() if fly.app_exists() else []
    strange = {each.id: each for each in strangers(there, target.name, launches_of(snapshot))}
    releases = {event.launch: event.version for event in snapshot.events()}
    rows = []
    for machine in there:
        stranger = strange.get(machine.id)
        launch = labels_of(machine).get(LAUNCH, "")
        rows.append(
            {
                "id": machine.id,
                "name": machine.name,
                "state": machine.state,
                "healthy": machine.healthy,
                "host": machine.host,
                "region": machine.region,
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
    for column in ("id", "region", "state", "traffic", "whose"):
        table.add_column(column, overflow="fold")
    for row in rows:
        state = f"{row['state']}{'' if row['healthy'] else ' unhealthy' if row['state'] == 'started' else ''}"
        state += "" if row["host"] == "ok" else f", host {row['host']}"
        whose = row["version"] or f"unknown: {row['why']}"
        whose += " (serves)" if row["serves"] else " (ignored)" if row["ignored"] else ""
        table.add_row(row["id"], row["region"] or "unknown", state, "yes" if row["traffic"] else "no", Text(whose))
    return table


VERBS = (status, history, machines)
