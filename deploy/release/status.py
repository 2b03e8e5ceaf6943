"""`invoke status`: compares an environment's ledger with its machines and page, and lists what needs a person.

Ledger and platform are read separately: if one cannot be read, the other is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from deploy.errors import DeployError
from deploy.ledger import DeploymentInfo, Intent, Snapshot
from deploy.ledger import lock as locks
from deploy.ledger.identity import known_dead
from deploy.ledger.lock import Lock
from deploy.platforms.errors import Forbidden, NotFound
from deploy.platforms.fly import Machine
from deploy.release.gates.approvals import read_approvals
from deploy.release.gates.breaker import half_open_at, read_breaker, state_at
from deploy.release.gates.freezes import in_force
from deploy.release.rollout.machine import LAUNCH, in_traffic, labels_of
from deploy.release.rollout.platform import page_of
from deploy.release.rollout.strangers import Stranger, launches_of, strangers
from deploy.settings.durations import write_moment
from deploy.target import Target

T = TypeVar("T")


def environment_status(target: Target, source: Target | None = None) -> dict[str, Any]:
    """The environment as `invoke status --json` prints it.

    `agree` says whether ledger, machines and page agree, None when one of them cannot be read: `errors` says why.
    `problems` are sentences for people, each with what to run. With `source`, where promotions to it come
    from, also what holds them back and what waits there.
    """
    errors: dict[str, str] = {}
    now = datetime.now(UTC)
    book = _read(errors, "ledger", lambda: _ledger(target)) or _Ledger()
    machines = _read(errors, "machines", lambda: _machines(target))
    page = _read(errors, "page", lambda: _page(target))
    unreached = None if machines is None else _read(errors, "addresses", lambda: _missing_addresses(target))
    proven = _read(errors, source.name, source.ledger.snapshot) if source else None
    serving, intent, lock = book.serving, book.intent, book.lock
    known = _read(errors, "ledger", lambda: strangers(machines or [], target.name, book.launches))
    strange = (known or ()) if book.snapshot else ()
    theirs = {each.id for each in strange}
    own = [machine for machine in machines or [] if machine.id not in theirs]
    used = [machine for machine in own if in_traffic(machine)]
    here = [machine for machine in used if not machine.lost]  # one on a lost host serves nobody
    state: dict[str, Any] = {
        "version": serving.version if serving else None,
        "commitSha": serving.commit_sha if serving else None,
        "image": serving.image if serving else None,
        "frontend": serving.frontend if serving else None,
        "deployedAt": serving.to_json()["deployedAt"] if serving else None,
        "deployedBy": serving.deployed_by if serving else None,
        "agree": None if errors.keys() & {"ledger", "machines", "page"} else _agree(serving, here, page, intent),
        "lock": _lock(lock, now) if lock else None,
        "rollout": _rollout(intent) if intent else None,
        "machines": [_machine(machine, serving) for machine in used],
        "kept": [_machine(machine, serving) for machine in own if machine not in used],
        "strangers": [each.to_json() for each in strange],
        "page": page if page is None else page.rpartition(" ")[2],
        "pageVersion": page if page is None else page.partition(" ")[0],
        "missingAddresses": unreached,
        "urls": {"api": target.config.api_url, "frontend": target.config.frontend_url},
        "ledger": target.ledger.place,
        "errors": errors,
    }
    if target.promoted:
        controls = _read(errors, "controls", lambda: _controls(target, source, book.snapshot, proven, now))
        state |= controls or {"breaker": None, "frozen": None, "waiting": None}
    state["problems"] = [
        *(f"{half} cannot be read: {why}" for half, why in errors.items()),
        *_problems(target, serving, used, strange, state),
        *_lost(target, [machine for machine in own if machine.lost], state),
    ]
    return state


def _read(errors: dict[str, str], half: str, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except DeployError as failed:
        errors[half] = str(failed)
        return None


@dataclass(frozen=True)
class _Ledger:
    """The ledger's half, read and understood."""

    snapshot: Snapshot | None = None
    serving: DeploymentInfo | None = None
    intent: Intent | None = None
    lock: Lock | None = None
    launches: Set[str] = frozenset()


def _ledger(target: Target) -> _Ledger:
    snapshot = target.ledger.snapshot()
    return _Ledger(snapshot, snapshot.current(), snapshot.intent(), locks.held_in(snapshot), launches_of(snapshot))


def _machines(target: Target) -> list[Machine]:
    with target.fly() as fly:
        return fly.machines.list() if fly.app_exists() else []


def _page(target: Target) -> str:
    """The page that is published (`DeploymentInfo.page`), "" for none of ours."""
    with target.pages() as pages:
        try:
            current = pages.current()
        except NotFound:
            make = f"invoke setup --env {target.name}{target.flag}"
            raise DeployError(f"there is no Pages project {pages.project}; make it: {make}") from None
        return page_of(current.message) if current else ""


def _missing_addresses(target: Target) -> list[str] | None:
    """Which public addresses the app lacks; None where there is no app, or the token may not see them."""
    with target.fly() as fly:
        try:
            return list(fly.addresses.missing())
        except (Forbidden, NotFound):
            return None


def _machine(machine: Machine, serving: DeploymentInfo | None) -> dict[str, Any]:
    return {
        "id": machine.id,
        "lost": machine.lost,
        "state": machine.state,
        "healthy": machine.healthy,
        "host": machine.host,
        "image": machine.digest,
        "ofRelease": serving is not None and _is_of(machine, serving),
        "checks": {check.name: check.status for check in machine.checks},
    }


def _lock(lock: Lock, now: datetime) -> dict[str, Any]:
    """Who holds the lock; `ended`: the holder is gone, and no one has taken the lock over yet."""
    body = {key: value for key, value in lock.to_json().items() if key != "token"}
    return body | {"ended": lock.expires <= now or known_dead(lock.process)}


def _rollout(intent: Intent) -> dict[str, Any]:
    """The rollout that is running or was left half-way."""
    return {
        "verb": intent.verb,
        "version": intent.wanted.version,
        "direction": intent.direction.value,
        "strategy": intent.strategy.value,
        "since": intent.wanted.to_json()["deployedAt"],
        "reason": intent.reason,
    }


def _controls(
    target: Target, source: Target | None, snapshot: Snapshot | None, proven: Snapshot | None, now: datetime
) -> dict[str, Any]:
    """What holds promotions back, and what waits to be promoted."""
    if snapshot is None:
        return {"breaker": None, "frozen": None, "waiting": None}
    policy = target.config.release
    record = read_breaker(snapshot)
    half_open = half_open_at(record, policy)
    held = in_force(snapshot, policy, now)
    return {
        "breaker": {
            "state": state_at(record, policy, now).value,
            "failures": record.failures,
            "reason": record.reason,
            "halfOpenAt": half_open.isoformat(timespec="milliseconds") if half_open else None,
        },
        "frozen": {"until": held[0].until.isoformat(timespec="milliseconds"), "reason": held[0].reason}
        if held
        else None,
        "waiting": _waiting(target, source, snapshot, proven) if source and proven else None,
    }


def _waiting(target: Target, source: Target, snapshot: Snapshot, proven: Snapshot) -> dict[str, Any] | None:
    """What the source serves and proved, and the target does not serve yet."""
    there, here = proven.current(), snapshot.current()
    if there is None or (here and (here.image, here.frontend) == (there.image, there.frontend)):
        return None
    evidence = proven.evidence_for(there)
    if evidence is None or not evidence.ok or not evidence.covers(there):
        return None
    people = sorted({each.person for each in read_approvals(snapshot, there)})
    needed = target.config.release.approvals
    verb = "promote" if len(people) >= needed else "approve"
    return {
        "version": there.version,
        "in": source.name,
        "commitSha": there.commit_sha,
        "approvedBy": people,
        "needed": needed,
        "next": f"invoke {verb} --sha {there.commit_sha[:12]}{target.to}{target.flag}",
    }


def _is_of(machine: Machine, serving: DeploymentInfo) -> bool:
    """Whether it is a machine of the release. Its image alone does not tell: several commits may have the same."""
    return machine.digest == serving.image and labels_of(machine).get(LAUNCH, "") in ("", serving.launch)


def _agree(serving: DeploymentInfo | None, used: list[Machine], page: str | None, intent: Intent | None) -> bool:
    if intent is not None:
        return False
    if serving is None:
        return not used
    return bool(used) and all(_is_of(machine, serving) for machine in used) and page == serving.page


def _problems(
    target: Target,
    serving: DeploymentInfo | None,
    used: list[Machine],
    strange: tuple[Stranger, ...],
    state: dict[str, Any],
) -> list[str]:
    """What a person must know or do, each in a sentence with what to run."""
    env, flag, found = target.name, target.flag, []
    lock, rollout = state["lock"], state["rollout"]
    at_work = lock is not None and not lock["ended"]
    if rollout:
        way = "forward" if rollout["direction"] == "forward" else f"back, {rollout['reason']}"
        since = write_moment(datetime.fromisoformat(rollout["since"]))
        who = f"{lock['holder']} works on it" if at_work else "no deployer works on it"
        go_on = "" if at_work else f": invoke resume --env {env}{flag}"
        found.append(f"{rollout['verb']} of {rollout['version']} is half-way ({way}), since {since}; {who}{go_on}")
    elif at_work:
        found.append(
            f"locked by {lock['holder']} since {write_moment(datetime.fromisoformat(lock['since']))}: {lock['doing']}"
        )
    if serving and not rollout and not at_work and "machines" not in state["errors"]:
        found += _wrong(serving, used, state, f"invoke repair --env {env}{flag}")
        if lacking := " or ".join(state["missingAddresses"] or ()):
            who = "so who has no other way does not reach it"
            found.append(f"the app has no public address ({lacking}), {who}: invoke repair --env {env}{flag}")
    if serving and serving.unknown:
        names = ", ".join(sorted(serving.unknown))
        found.append(f"a newer version of codecanvas recorded {serving.version} ({names}): update this clone: git pull")
    for each in strange:
        if each.traffic and not each.ignored:
            found.append(
                f"machine {each.id} is in traffic and {each.why}: invoke machines --env {env} --adopt {each.id}{flag}, "
                f"or --ignore {each.id}"
            )
    return found + _held_back(state, f"{target.to}{flag}")


def _wrong(serving: DeploymentInfo, used: list[Machine], state: dict[str, Any], mend: str) -> list[str]:
    """How the platform differs from the ledger."""
    found = []
    if not used:
        found.append(f"no machine of {serving.version} is in traffic: {mend}")
    for machine in used:
        if machine.lost:  # `_lost` names it
            continue
        if not _is_of(machine, serving):
            other = "another release" if machine.digest == serving.image else machine.digest[7:19] or "nothing"
            found.append(f"machine {machine.id} is in traffic and runs {other}: {mend}")
        elif not machine.healthy:
            found.append(f"machine {machine.id} is {machine.state}, not healthy: {mend}")
    if "page" not in state["errors"] and f"{state['pageVersion']} {state['page']}" != serving.page:
        found.append(f"the page is not that of {serving.version}: {mend}")
    return found


def _lost(target: Target, lost: list[Machine], state: dict[str, Any]) -> list[str]:
    """Machines that cannot be reached: every verb works beside them, and `repair` replaces and later removes them."""
    busy = state["rollout"] or (state["lock"] is not None and not state["lock"]["ended"])
    mend = "" if busy else f": invoke repair --env {target.name}{target.flag}"
    why = "serves nobody and cannot be changed until it answers again"
    return [f"machine {each.id} is on a host that is {_host(each)}; it {why}{mend}" for each in lost]


def _host(machine: Machine) -> str:
    return machine.host if machine.host != "ok" else "not reached"


def _held_back(state: dict[str, Any], flag: str) -> list[str]:
    """What holds promotions back."""
    found = []
    breaker, frozen, waiting = state.get("breaker"), state.get("frozen"), state.get("waiting")
    if breaker and breaker["state"] != "closed":
        found.append(
            f'the breaker is {breaker["state"]}: {breaker["reason"]}: invoke breaker --reset --reason "…"{flag}'
        )
    if frozen:
        until = write_moment(datetime.fromisoformat(frozen["until"]))
        found.append(f"frozen until {until} ({frozen['reason']}): invoke freeze --list{flag}")
    if waiting:
        given = f"{len(waiting['approvedBy'])} of {waiting['needed']} approvals"
        found.append(f"{waiting['version']} is proven in {waiting['in']} and waits ({given}): {waiting['next']}")
    return found
