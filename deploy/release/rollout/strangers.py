"""Finds machines in the environment's app that its ledger does not know: someone else's, or from another ledger.

They are never changed, and while one is in traffic nothing new is released: with a ledger that does not know what
serves (a fork as the remote, an empty repository) a failing deployment would remove the serving machine. A rollback may
run beside them, unless they were made from another ledger: then this ledger does not know what to roll back to.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Any

from deploy.errors import DeployError
from deploy.ledger import Launches, Snapshot
from deploy.platforms.fly import Machine
from deploy.release.rollout.machine import ENVIRONMENT, FOR_A_WHILE, GROUP, LAUNCH, in_traffic, labels_of

IGNORED = "codecanvas_ignored"
"""The label of a machine that a person ignored (`machines --ignore`): it stops no release."""

RUNNING = frozenset({"started", "starting", "restarting"})


@dataclass(frozen=True)
class Stranger:
    """A machine that the ledger does not know. `why` says what it lacks; `traffic`: whether it may get requests."""

    id: str
    name: str
    state: str
    image: str
    traffic: bool
    ignored: bool
    why: str
    foreign: bool = False
    """It carries this environment's label, so it was created by a deployer with another ledger."""

    def to_json(self) -> dict[str, Any]:
        """As `invoke machines --json` and `invoke status --json` print it."""
        return {**vars(self)}


def launches_of(snapshot: Snapshot) -> Set[str]:
    """The launches that the ledger knows: those of its events and of an unfinished rollout."""
    return Launches(snapshot)


def strangers(machines: Iterable[Machine], environment: str, launches: Set[str]) -> tuple[Stranger, ...]:
    """Those of an app's machines that the environment's ledger does not know."""
    found = []
    for machine in machines:
        labels = labels_of(machine)
        owner, launch = labels.get(ENVIRONMENT), labels.get(LAUNCH, "")
        if (owner == environment and launch in launches) or labels.get(GROUP) in FOR_A_WHILE:
            continue
        if not owner:
            why = "it carries no label of an environment"
        elif owner != environment:
            why = f"it is labelled for {owner}"
        else:
            why = f"the ledger of {environment} knows no launch {launch or '(none)'}"
        # Who made an unlabelled machine did not cordon it either: the platform sends it requests while it runs.
        traffic = in_traffic(machine) if owner else machine.state in RUNNING and not machine.cordoned
        if machine.lost:  # it gets no requests, and nobody could adopt or ignore it now
            traffic, why = False, f"{why}; its host cannot be reached now"
        ignored, foreign = IGNORED in machine.metadata, owner == environment
        found.append(Stranger(machine.id, machine.name, machine.state, machine.digest, traffic, ignored, why, foreign))
    return tuple(found)


def refuse(found: Iterable[Stranger], environment: str, app: str, ledger: str, flag: str) -> None:
    """Raise DeployError if one of `found` is in traffic and not ignored. `ledger` names the ledger that was read."""
    serving = [stranger for stranger in found if stranger.traffic and not stranger.ignored]
    if not serving:
        return
    lines = "".join(f"\n  {each.id} ({each.state}): {each.why}" for each in serving)
    first = serving[0].id
    raise DeployError(
        f"{environment}: machines of app {app} are in traffic that this ledger does not know; nothing was changed:"
        f"{lines}\nThe ledger is {ledger}. If it is the wrong one, set LEDGER_REMOTE to the right remote. If it is the "
        f"right one, decide for each machine: invoke machines --env {environment} --adopt {first}{flag} (it serves "
        f"this release), or invoke machines --env {environment} --ignore {first}{flag} (it is not ours: leave it alone)"
    )
