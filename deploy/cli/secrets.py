"""Verbs for the secrets of an environment's app: `invoke secrets set`, `list`, `unset`, `rotate`, `diff`; and `scan`.

A value comes from a pipe, a file or a hidden prompt, never from an argument: arguments stand in process lists and
shell histories.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from rich.table import Table
from rich.text import Text

from deploy import rehearsals
from deploy.cli.options import ENV, REHEARSAL, target_of, with_ledger_shown
from deploy.cli.wrapper import required, verb
from deploy.errors import UsageError
from deploy.events.bus import Bus
from deploy.events.console import print_json, print_result
from deploy.lazy import lazy
from deploy.ledger.app_secrets import read_secrets
from deploy.release.app_secrets import (
    Difference,
    checked_name,
    checked_value,
    difference,
    generated,
    listing,
    set_secret,
    unset_secret,
)
from deploy.scan import not_secrets
from deploy.settings.chain import read_chain
from deploy.settings.comparison import comparison_key
from deploy.settings.environments import ROOT, environment_names
from deploy.settings.secrets import Secret
from deploy.target import Target, cloud_target

if TYPE_CHECKING:
    from deploy.scan import scan as scanning
else:
    scanning = lazy("deploy.scan.scan")

FILE = "file that holds the value (default: standard input, or a hidden prompt on a terminal)"
SAME = "why the secret may have the value of another environment's; kept in the ledger"


def _others(env: str, rehearsal: bool) -> list[Target]:
    return [target_of(name, rehearsal) for name in read_chain().deployed if name != env]


def _value(name: str, file: str) -> Secret:
    if file:
        try:
            return checked_value(name, Path(file).read_bytes())
        except OSError as wrong:
            raise UsageError(f"--file {file}: {wrong.strerror}") from None
    if sys.stdin.isatty():
        return checked_value(name, getpass.getpass(f"{name}: ", stream=sys.stderr).encode())
    return checked_value(name, sys.stdin.buffer.read())


def _staged(bus: Bus, target: Target, name: str, done: str) -> None:
    bus.say(
        f"{name} of {target.name} is {done}. Machines that run keep what they have; the next deploy or promotion to "
        f"{target.name} applies it"
    )


@verb(
    name="set",
    positional=["name"],
    help={"name": "name of the secret", "env": ENV, "file": FILE, "same": SAME, "rehearsal": REHEARSAL},
)
def set_(context: Context, name: str, env: str = "", file: str = "", same: str = "", rehearsal: bool = False) -> None:
    """Set a secret of an environment's app; the next release applies it."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    checked_name(target, name)
    value = _value(name, file)
    set_secret(target, _others(env, rehearsal), name, value, comparison_key(ROOT), context.bus, same)
    _staged(context.bus, target, name, "set")


@verb(
    positional=["name"],
    help={
        "name": "name of the secret",
        "env": ENV,
        "file": "file that holds the new value; - for standard input (default: a random one of 256 bits is made)",
        "same": SAME,
        "rehearsal": REHEARSAL,
    },
)
def rotate(context: Context, name: str, env: str = "", file: str = "", same: str = "", rehearsal: bool = False) -> None:
    """Give a secret that is set a new value, a random one unless told otherwise; the next release applies it."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    checked_name(target, name)
    known = read_secrets(target.ledger.snapshot()).named(name)
    if known is None or not known.there:
        first = f"invoke secrets set {name} --env {env}{target.flag}"
        raise UsageError(f"{env} has no secret {name} in its ledger; set it first: {first}")
    key = comparison_key(ROOT)
    value = _value(name, "" if file == "-" else file) if file else generated()
    if (known.key, known.hash) == (key.name, key.hash(value)):
        raise UsageError(f"the new value of {name} is the one it has; nothing was changed")
    set_secret(target, _others(env, rehearsal), name, value, key, context.bus, same)
    _staged(context.bus, target, name, "rotated")


@verb(positional=["name"], help={"name": "name of the secret", "env": ENV, "rehearsal": REHEARSAL})
def unset(context: Context, name: str, env: str = "", rehearsal: bool = False) -> None:
    """Remove a secret of an environment's app; the next release applies it."""
    target = with_ledger_shown(context, target_of(required(env, "--env"), rehearsal))
    unset_secret(target, name, context.bus)
    _staged(context.bus, target, name, "removed")


@verb(name="list", help={"env": ENV, "json": "print as JSON", "rehearsal": REHEARSAL})
def list_(context: Context, env: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Show the secrets of an environment's app, who set them and whether they are applied; never a value."""
    found = listing(target_of(required(env, "--env"), rehearsal))
    if json:
        print_json([each.to_json() for each in found])
        return
    if not found:
        context.bus.say(f"{env} has no secrets")
        return
    table = Table(box=None)
    for column in ("name", "state", "set", "by", "why it may be shared"):
        table.add_column(column)
    for each in found:
        at = f"{each.at:%Y-%m-%d %H:%M} UTC" if each.at else ""
        table.add_row(each.name, each.state, at, Text(each.by), Text(each.note))
    print_result(table)


@verb(
    help={
        "env": ENV,
        "with_": "the environment to compare with (default: the one that it is promoted from)",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
def diff(context: Context, env: str = "", with_: str = "", json: bool = False, rehearsal: bool = False) -> None:
    """Compare the secrets of two environments: names that one lacks, values that both have. Exits 1 for any."""
    here, chain = target_of(required(env, "--env"), rehearsal), read_chain()
    other = with_ or chain.sources.get(env) or ""
    if not other or other == env:
        raise UsageError(f"--with is missing: {env} is promoted from no other environment; name one to compare with")
    there = target_of(other, rehearsal)
    found = difference(read_secrets(here.ledger.snapshot()), read_secrets(there.ledger.snapshot()))
    if json:
        print_json({"env": env, "with": other, **vars(found)})
    else:
        _print_difference(context.bus, env, other, found)
    if not found.none:
        raise Exit(code=1)


def _print_difference(bus: Bus, env: str, other: str, found: Difference) -> None:
    lines = [
        *(f"{name}: only {env} has it" for name in found.only_here),
        *(f"{name}: only {other} has it" for name in found.only_there),
        *(f"{mine}: has the value of {other}'s {theirs}; rotate one of them" for mine, theirs in found.equal),
    ]
    for name in found.not_compared:
        bus.say(f"{name}: not compared, another deployer's comparison key made its hash (CODECANVAS_COMPARISON_KEY)")
    for line in lines or [f"{env} and {other} have the same names, and no value in common"]:
        print_result(line)


@verb(
    help={
        "history": "look at all of git's objects too: every commit, also those that no branch has any more",
        "allow": "FILE:LINE as the scan prints it: what was found there is no secret; needs --reason",
        "reason": "why it is none; kept in deploy/scan/not_secrets.txt",
        "json": "print as JSON",
    }
)
def scan(context: Context, history: bool = False, allow: str = "", reason: str = "", json: bool = False) -> None:
    """Look for secrets in the repository, dist/, logs, ledgers and evidence; never prints one. Exits 1 for any."""
    bus: Bus = context.bus
    if bool(allow) != bool(reason) or (reason and not not_secrets.is_reason(reason)):
        raise UsageError(
            '--allow FILE:LINE and --reason "WHY IT IS NO SECRET", in a few words on one line, go together'
        )
    found = scanning.scan(
        ROOT,
        rehearsals.STATE,
        environment_names(ROOT),
        {name: read_secrets(cloud_target(name, ROOT).ledger.snapshot()).secrets for name in read_chain(ROOT).deployed},
        not_secrets.read_not_secrets(),
        commits=history or bool(allow),
        tell=bus.note,
    )
    if allow:
        _allow(bus, found.findings, allow, reason)
        return
    if json:
        print_json(found.to_json())
    else:
        for line in dict.fromkeys(f"{each.file}:{each.line}: {each.kind}" for each in found.findings):
            print_result(Text(line))
        _say(bus, found)
    if found.findings:
        raise Exit(code=1)


def _say(bus: Bus, found: scanning.Result) -> None:
    seconds = sum(found.seconds.values())
    if not found.findings:
        bus.say(f"no secret was found in {', '.join(found.seconds)} ({seconds:.0f} s)")
        return
    bus.say(
        f"{len(found.findings)} found ({seconds:.0f} s). Take each out, and give it a new value where it is used: "
        'others may know it. What is no secret: invoke secrets scan --allow FILE:LINE --reason "WHY"'
    )


def _allow(bus: Bus, findings: Iterable[scanning.Finding], place: str, reason: str) -> None:
    there = [each for each in findings if f"{each.file}:{each.line}" == place]
    if not there:
        raise UsageError(f"nothing was found at {place}; see what is found, and where: invoke secrets scan --history")
    if known := [each.kind for each in there if not each.mark]:
        raise UsageError(f"{place} holds a {known[0]}, which is a secret; nothing was allowed. Take it out")
    count = not_secrets.allow([(each.mark, each.kind) for each in there], reason)
    bus.say(f"{not_secrets.FILE.name} has {count} new line{'s' if count > 1 else ''}; commit it")


SECRETS = Collection("secrets", set_, list_, unset, rotate, diff, scan)
