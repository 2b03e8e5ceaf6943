"""Flags that several verbs share: their help texts, and how their values are read."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

from invoke.context import Context

from deploy import rehearsals
from deploy.errors import UsageError
from deploy.settings.chain import read_chain, require_promoted
from deploy.settings.durations import parse_duration
from deploy.settings.environments import ROOT, environment_names
from deploy.settings.policy import Strategy
from deploy.target import Target, cloud_target

REHEARSAL = "act on the rehearsal on this machine (invoke rehearse), not on the cloud"
WAIT = "how long to wait for another deployer's lock, such as 30s or 10m (default: not at all)"
STRATEGY = "bluegreen, canary, rolling or immediate (default: STRATEGY of .env.<name>)"


ENV = f"the environment: {', '.join(environment_names())}"
TO = "the environment that receives promotions (default: the protected one)"


def patience(text: str) -> timedelta:
    """The duration that --wait gives; zero without the flag."""
    try:
        return parse_duration(text) if text else timedelta()
    except ValueError as wrong:
        raise UsageError(f"--wait {text!r} {wrong}") from None


def strategy_of(text: str) -> Strategy | None:
    """The strategy of that name, None for none given."""
    if not text:
        return None
    try:
        return Strategy(text)
    except ValueError:
        raise UsageError(f"unknown strategy {text!r}; use one of {', '.join(Strategy)}") from None


def logs_of(rehearsal: bool) -> Path:
    """Where logs of verbs are kept; the directory is there."""
    place = log_directory(rehearsal)
    place.mkdir(parents=True, exist_ok=True)
    return place


def log_directory(rehearsal: bool) -> Path:
    """Where logs of verbs are kept."""
    return (rehearsals.STATE if rehearsal else ROOT / "dist") / "logs"


def target_of(env: str, rehearsal: bool) -> Target:
    """The environment named on the command line; raises UsageError if releases cannot go there."""
    return rehearsals.rehearsal_target(env) if rehearsal else cloud_target(env)


def others_of(target: Target) -> tuple[Target, ...]:
    """The other environments that releases go to, where they are; those that a rehearsal does not know are left out."""
    found = []
    for name in read_chain().deployed:
        with contextlib.suppress(UsageError):
            if name != target.name:
                found.append(target_of(name, target.rehearsal))
    return tuple(found)


def promotion_of(env: str, rehearsal: bool) -> tuple[Target, Target]:
    """Where promotions to an environment (default: the protected one) come from, and that environment."""
    chain = read_chain()
    name = require_promoted(env, chain)
    return target_of(str(chain.sources[name]), rehearsal), target_of(name, rehearsal)


def with_ledger_shown(context: Context, target: Target) -> Target:
    """Show where the target's ledger is written, a remote or only this clone; returns the target."""
    if note := target.ledger.local_note:
        context.bus.say(f"the ledger of {target.name} is {note}")
    elif not target.rehearsal:
        context.bus.note(f"the ledger of {target.name} is {target.ledger.place}")
    return target
