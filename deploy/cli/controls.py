"""Verbs that allow or stop promotions to an environment: approve, breaker, freeze."""

from __future__ import annotations

import functools
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from invoke.context import Context
from rich.table import Table
from rich.text import Text

from deploy import interrupts
from deploy.artifacts.source import resolve_sha
from deploy.cli.asking import agreed, terminal
from deploy.cli.options import REHEARSAL, TO, promotion_of, target_of, with_ledger_shown
from deploy.cli.wrapper import required, verb
from deploy.errors import DeployError, NotProven, UsageError
from deploy.events.console import print_json, print_result
from deploy.events.events import Approved, BreakerReset, FreezeLifted, FreezeSet
from deploy.ledger import DeploymentInfo, Snapshot
from deploy.ledger.controls import Freeze
from deploy.ledger.identity import who
from deploy.release.gates import approvals, freezes
from deploy.release.gates.breaker import (
    half_open_at,
    read_breaker,
    required_strategy,
    reset_change,
    state_at,
)
from deploy.release.gates.checklists import ITEMS, MANUAL
from deploy.release.gates.evidence import staged
from deploy.settings.chain import read_chain, require_promoted
from deploy.settings.durations import parse_moment, write_moment
from deploy.settings.environments import ROOT
from deploy.settings.policy import ReleasePolicy
from deploy.target import Target, known_shas

Change = Callable[[Snapshot], dict[str, bytes | None]]


@verb(
    iterable=["yes"],
    help={
        "env": TO,
        "sha": "commit to approve; the environment it is promoted from must have served it",
        "yes": "items that you confirm: comma-separated, or all; may be repeated (default: ask, on a terminal)",
        "note": "a note to store with the approval",
        "list": "show the checklists and who answered which item; record nothing",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    },
)
def approve(
    context: Context,
    env: str = "",
    sha: str = "",
    yes: Any = None,
    note: str = "",
    list: bool = False,
    json: bool = False,
    rehearsal: bool = False,
) -> None:
    """Answer the checklists for a commit, in your own name; it counts only for the digests that were served."""
    source, target = promotion_of(env, rehearsal)
    wanted = resolve_sha(ROOT, required(sha, "--sha"), known_shas(source, target)) if sha or not list else ""
    release = _served(source, target, wanted) if wanted else None
    if release and not list:
        items = yes or _asked(release, f"{target.to}{target.flag}")
        with_ledger_shown(context, target)
        _recording(f"invoke approve --sha {wanted[:12]} --list{target.to}{target.flag}")
        made = approvals.approve(target.ledger, release, who(), items, datetime.now(UTC), note)
        context.bus.about(target.name).emit(
            Approved(sha=release.commit_sha, person=made.person, items=tuple(made.items))
        )
        context.bus.say(f"{release.version} is approved by {made.person}: {', '.join(made.items)}")
    if list or json:
        state = _approval_state(target, release)
        print_json(state) if json else print_result(_approval_table(state))


def _served(source: Target, target: Target, sha: str) -> DeploymentInfo:
    release = staged(source.ledger.snapshot(), sha)
    if release is None:
        name, flag = source.name, source.flag
        reason = f"{sha[:12]} was never served by {name}, so there is nothing to approve"
        bring = f"invoke build --env {name} && invoke deploy --env {name}{flag}"
        if source.promoted:
            bring = f"invoke promote --sha {sha[:12]}{source.to}{flag}"
        commands = f"{bring} && invoke verify --env {name}{flag}"
        raise NotProven(f"{reason}; with it checked out, run: {commands}", [reason])
    return release


def _asked(release: DeploymentInfo, flag: str) -> tuple[str, ...]:
    """Ask for each item; raises DeployError at the first that is not confirmed."""
    if not sys.stdin.isatty():
        raise UsageError(f"no terminal to ask on; give --yes all, or --yes with some of {', '.join(MANUAL)}")
    terminal().print(Text(f"{release.version}\nimage    {release.image}\nfrontend {release.frontend}"))
    for item in ITEMS:
        if item.manual and not agreed(f"{item.list}: {item.text}"):
            raise DeployError(
                f"not approved: {item.name} ({item.text}) was not confirmed, and nothing was recorded. Fix it, or "
                "record the items that you do confirm: "
                f"invoke approve --sha {release.commit_sha[:12]} --yes ITEM,ITEM{flag}"
            )
    return MANUAL


def _approval_state(target: Target, release: DeploymentInfo | None) -> dict[str, Any]:
    given = approvals.read_approvals(target.ledger.snapshot(), release) if release else ()
    answers = {item.name: [each.person for each in given if item.name in each.items] for item in ITEMS}
    return {
        "sha": release.commit_sha if release else None,
        "version": release.version if release else None,
        "image": release.image if release else None,
        "frontend": release.frontend if release else None,
        "promotion": target.config.release.promotion.value,
        "needed": target.config.release.approvals,
        "approvals": [each.to_json() for each in given],
        "items": [
            {"name": i.name, "list": i.list, "text": i.text, "manual": i.manual, "answeredBy": answers[i.name]}
            for i in ITEMS
        ],
    }


def _approval_table(state: dict[str, Any]) -> Table:
    table = Table(box=None)
    for column in ("list", "item", "what", "answered by"):
        table.add_column(column)
    for item in state["items"]:
        answered = ", ".join(item["answeredBy"]) if item["manual"] else "the ledger"
        table.add_row(item["list"], item["name"], item["text"], Text(answered or "nobody"))
    return table


@verb(
    help={
        "env": TO,
        "reset": "close the breaker now; needs --reason",
        "reason": "with --reset: what was fixed",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
def breaker(
    context: Context, env: str = "", rehearsal: bool = False, reset: bool = False, reason: str = "", json: bool = False
) -> None:
    """Show the circuit breaker, which failed promotions open, or close it."""
    if reset and not reason.strip():
        flag = " --rehearsal" if rehearsal else ""
        raise UsageError(f'--reason is missing; say what was fixed: invoke breaker --reset --reason "…"{flag}')
    if reason and not reset:
        raise UsageError("--reason belongs to --reset; see invoke --help breaker")
    target = _target(env, rehearsal)
    if reset:
        with_ledger_shown(context, target)
        closed = functools.partial(reset_change, reason=reason.strip(), by=who())
        _write(target, f"breaker reset: {reason.strip()}", closed, "invoke breaker")
        context.bus.about(target.name).emit(BreakerReset(reason=reason.strip()))
        context.bus.say("the breaker is closed")
    if json or not reset:
        state = _breaker_state(target.ledger.snapshot(), target.config.release, datetime.now(UTC))
        print_json(state) if json else print_result(Text(_breaker_lines(state)))


def _breaker_state(snapshot: Snapshot, policy: ReleasePolicy, now: datetime) -> dict[str, Any]:
    record = read_breaker(snapshot)
    state = state_at(record, policy, now)
    half_open = half_open_at(record, policy)
    return {
        **record.to_json(),
        "state": state.value,
        "threshold": policy.breaker_threshold,
        "halfOpenAt": half_open.isoformat(timespec="milliseconds") if half_open else None,
        "requiredStrategy": required_strategy(state),
    }


def _breaker_lines(state: dict[str, Any]) -> str:
    lines = [f"{state['state']}; {state['failures']} failed in a row, opens at {state['threshold']}"]
    if state["openedAt"]:
        lines.append(f"opened {_read(state['openedAt'])}, half-open (one canary) from {_read(state['halfOpenAt'])}")
    if state["reason"]:
        lines.append(f"{state['reason']} (by {state['by']})")
    return "\n".join(lines)


@verb(
    help={
        "env": TO,
        "until": "when the freeze ends: 2026-03-01T08:00+01:00, or a duration such as 2h or 3d",
        "from": "when the freeze starts: a time, or a duration from now (default: now)",
        "reason": "why; shown to everyone whose promotion it stops",
        "lift": "ID of the freeze to lift, or all",
        "list": "list the freezes (default)",
        "json": "print as JSON",
        "rehearsal": REHEARSAL,
    }
)
def freeze(
    context: Context,
    env: str = "",
    until: str = "",
    from_: str = "",
    rehearsal: bool = False,
    reason: str = "",
    list: bool = False,
    lift: str = "",
    json: bool = False,
) -> None:
    """Stop promotions for a time, lift a freeze, or list freezes; `promote --hotfix` overrides them."""
    if (lift and (until or from_ or reason)) or ((from_ or reason) and not until):
        raise UsageError("give --until (with --from, --reason), or --lift ID, or --list; see invoke --help freeze")
    target = _target(env, rehearsal)
    if until or lift:
        with_ledger_shown(context, target)
    now = datetime.now(UTC)
    if until:
        made = new_freeze(from_, until, reason.strip(), who(), now)
        begins = f"from {write_moment(made.start)} " if made.start > now else ""
        word = f"frozen {begins}until {write_moment(made.until)}: {made.reason or 'no reason given'}"
        _write(target, word, lambda snapshot: freezes.freeze_change(snapshot, made, now), "invoke freeze --list")
        context.bus.about(target.name).emit(
            FreezeSet(freeze=made.id, until=made.until.isoformat(timespec="seconds"), reason=made.reason)
        )
        context.bus.say(f"{word}; lift it: invoke freeze --lift {made.id}{target.to}{target.flag}")
    if lift:
        lifted = _lift(target, lift)
        if lifted:
            context.bus.about(target.name).emit(FreezeLifted(freezes=tuple(lifted)))
        context.bus.say(f"lifted {', '.join(lifted)}" if lifted else "no freeze is set, so none was lifted")
    if list or json or not (until or lift):
        state = _freeze_state(target.ledger.snapshot(), target.config.release, now)
        print_json(state) if json else print_result(_freeze_table(state))


def new_freeze(start: str, until: str, reason: str, by: str, now: datetime) -> Freeze:
    """The freeze that the flags describe; raises UsageError for a malformed time, or an end before the start."""
    begins = _moment("--from", start, now) if start else now
    ends = _moment("--until", until, begins)
    if ends <= max(begins, now):
        start = "now" if ends <= now else "the start of the freeze"
        raise UsageError(f"--until {until} is not after {start}; give a later time")
    return Freeze(secrets.token_hex(3), begins, ends, reason, by)


def _moment(flag: str, text: str, base: datetime) -> datetime:
    try:
        return parse_moment(text, base)
    except ValueError as wrong:
        raise UsageError(f"{flag} {text!r} {wrong}") from None


def _lift(target: Target, lift: str) -> tuple[str, ...]:
    there = tuple(each.id for each in freezes.read_freezes(target.ledger.snapshot()))
    ids = there if lift == "all" else (lift,)
    if not set(ids) <= set(there):
        raise UsageError(
            f"no freeze has the ID {lift!r}; known: {', '.join(there) or 'none'}. See: "
            f"invoke freeze --list{target.to}{target.flag}"
        )
    _write(
        target,
        f"freeze lifted: {', '.join(ids)}",
        lambda snapshot: freezes.lift_change(snapshot, frozenset(ids)),
        "invoke freeze --list",
    )
    return ids


def _freeze_state(snapshot: Snapshot, policy: ReleasePolicy, now: datetime) -> dict[str, Any]:
    held = freezes.in_force(snapshot, policy, now)
    return {
        "frozen": bool(held),
        "until": held[0].until.isoformat(timespec="milliseconds") if held else None,
        "freezes": [
            {**each.to_json(), "inForce": each.start <= now < each.until} for each in freezes.read_freezes(snapshot)
        ],
        "windows": [
            {"window": window.text, "inForce": window.end_of(now) is not None} for window in policy.freeze_windows
        ],
    }


def _freeze_table(state: dict[str, Any]) -> Table:
    title = f"frozen until {_read(state['until'])}" if state["frozen"] else "nothing is frozen now"
    table = Table(title=title, title_justify="left", box=None)
    for column in ("id", "from", "until", "reason", "by", "now"):
        table.add_column(column)
    for each in state["freezes"]:
        held = "frozen" if each["inForce"] else ""
        words = (each["id"], _read(each["from"]), _read(each["until"]), each["reason"], each["by"], held)
        table.add_row(*map(Text, words))  # what people wrote is no markup
    for each in state["windows"]:
        table.add_row("", each["window"], "", "FREEZE_WINDOWS", "", "frozen" if each["inForce"] else "")
    return table


def _read(text: str) -> str:
    return write_moment(datetime.fromisoformat(text))


def _target(env: str, rehearsal: bool) -> Target:
    return target_of(require_promoted(env, read_chain()), rehearsal)


def _write(target: Target, message: str, change: Change, see: str) -> None:
    _recording(f"{see}{target.to}{target.flag}")
    target.ledger.write(message[:200], change)


def _recording(see: str) -> None:
    """Set the line for an interrupt from here on: running some of these verbs again would record the change twice."""
    interrupts.from_now_on(lambda: f"the change may already be recorded. Check before you run it again: {see}")


VERBS = (approve, breaker, freeze)
