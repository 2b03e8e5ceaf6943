"""Roll back, resume, repair: the verbs that return an environment to one whole release.

Each needs as little as possible. `rollback` takes the shortest path to the release asked for, whatever was left
half-way (`unfinished.py`); it starts sleeping machines before it creates new ones; no gate applies to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.ledger import DeploymentInfo, Intent, Snapshot, Status
from deploy.ledger.identity import who
from deploy.release.addresses import ensure_addresses
from deploy.release.app_secrets import not_brought_back
from deploy.release.desk import Desk, working_on
from deploy.release.rollout.unfinished import BY_HAND, Way, way_to_roll_back
from deploy.release.stock import restock
from deploy.release.verbs import pending
from deploy.settings.policy import Strategy
from deploy.target import Target
from deploy.verification.suites import run_smoke

NOW = timedelta()


def rollback(
    target: Target,
    sha: str | None,
    bus: Bus,
    logs: Path,
    *,
    suite: bool = True,
    wait: timedelta = NOW,
    others: Sequence[Target] = (),
) -> DeploymentInfo:
    """Roll back to the last good release, or to that of `sha`: image, configuration and page.

    Returns the release that serves then. With `suite` the smoke suite runs afterwards; a failure is reported by
    SuiteFailed and changes nothing any more. `others`: the other environments, whose repositories may hold images that
    this one's has lost.
    """
    with working_on(
        target, f"roll back to {sha[:12] if sha else 'the previous release'}", bus, logs, wait=wait
    ) as desk:
        desk.refuse_strangers(releasing=False)
        done = _back(desk, sha, others)
    if suite:
        with bus.step("smoke suite"):
            run_smoke(target.name, rehearsal=target.rehearsal, logs=logs)
    return done


def _back(desk: Desk, sha: str | None, others: Sequence[Target]) -> DeploymentInfo:
    """Take the shortest path; returns the release that serves at its end."""
    snapshot = desk.snapshot()
    left = snapshot.intent()
    way = way_to_roll_back(left, sha)
    if left is None or way is Way.BEGIN:
        back = earlier(desk.target, snapshot, sha)
        count = desk.count(snapshot, _config(snapshot, back))
        restock(desk, back, count, others)
        intent, config = _rollback(desk, snapshot, back, count)
        return desk.begin(intent, config)
    desk.bus.say(f"{left.verb} of {left.wanted.version} was left half-way; {way.value}")
    restock(desk, *_destination(desk, snapshot, left, way, sha), others)
    if way is Way.REPLACE:
        return _instead_of(desk, snapshot, left, sha)
    if way is Way.FORWARD:
        left = left.turned_forward()
        desk.book.keep(left, "goes on as a rollback")
    elif way is Way.TURN and left.forward:
        left = left.marked(BY_HAND).turned(f"rolled back while it was half-way, by {who()}", blame=False)
        desk.book.keep(left, "rolled back by hand")
    done = desk.end(left)
    towards = done if done.status is Status.DEPLOYED else left.previous
    if towards is None:
        raise DeployError(f"{desk.target.name}: {done.version} was removed, and nothing is serving now")
    return towards


def _destination(
    desk: Desk, snapshot: Snapshot, left: Intent, way: Way, sha: str | None
) -> tuple[DeploymentInfo | None, int]:
    """The release that serves at the end of this way, None for none, and how many machines it gets."""
    if way is Way.REPLACE:
        back = earlier(desk.target, snapshot, sha)
        return back, _count(desk, snapshot, left, back)
    if left.verb == "rollback":
        return left.wanted, len(left.turned_forward().places)
    return left.previous, len(left.turned("", blame=False).places)


def _count(desk: Desk, snapshot: Snapshot, left: Intent, back: DeploymentInfo) -> int:
    """How many machines `back` gets in place of a rollout that was left half-way."""
    return desk.count(snapshot, _config(snapshot, back), None if left.regions else left.count)


def _instead_of(desk: Desk, snapshot: Snapshot, left: Intent, sha: str | None) -> DeploymentInfo:
    back = earlier(desk.target, snapshot, sha)
    intent, config = _rollback(desk, snapshot, back, _count(desk, snapshot, left, back))
    reason = f"rolled back to {back.version} while it was half-way, by {who()}"
    ended = left.marked(BY_HAND) if left.releasing else left
    ended = ended.turned(reason, blame=False) if left.forward else left
    return desk.begin(intent, config, instead_of=ended)


def _rollback(desk: Desk, snapshot: Snapshot, back: DeploymentInfo, count: int) -> tuple[Intent, dict[str, Any]]:
    config = _config(snapshot, back)
    if note := not_brought_back(snapshot, back.secrets_version):
        desk.bus.say(note)
    info = pending(desk, back.commit_sha, back.version, back.image, back.frontend, config, back)
    return Intent("rollback", info, snapshot.current(), Strategy.IMMEDIATE, count), config


def _config(snapshot: Snapshot, release: DeploymentInfo) -> dict[str, Any]:
    """The configuration of a release's machines; raises UsageError when the ledger has lost it."""
    config = snapshot.config(release.config)
    if config is None:
        raise UsageError(
            f"the configuration of {release.version} is not in the ledger; restore configs/{release.config}.json there"
        )
    return config


def earlier(target: Target, snapshot: Snapshot, sha: str | None) -> DeploymentInfo:
    """The release to go back to; raises UsageError when there is none."""
    return earlier_release(target.name, snapshot, sha, target.flag)


def earlier_release(environment: str, snapshot: Snapshot, sha: str | None, flag: str = "") -> DeploymentInfo:
    """The newest release before the serving one that was not rolled back; with `sha`, the newest of that commit."""
    serving = snapshot.current()
    if serving is None:
        left = snapshot.intent()
        what = (
            f"finish or roll back the unfinished rollout: invoke resume --env {environment} [--back]{flag}"
            if left
            else "deploy one first"
        )
        raise UsageError(f"{environment} has no release yet; {what}")
    if sha and serving.commit_sha.startswith(sha):
        raise UsageError(
            f"{environment} serves {serving.version} already; if its machines do not, run: "
            f"invoke repair --env {environment}{flag}"
        )
    events = snapshot.events()
    gone = {event.id for event in events if event.status is Status.ROLLED_BACK}
    found = [
        event
        for event in events
        if event.status is Status.DEPLOYED
        and event.commit_sha != serving.commit_sha
        and event.commit_sha.startswith(sha or "")
        and (sha or event.id not in gone)
    ]
    if not found:
        wanted = f"no earlier release of {sha[:12]}" if sha else "no release before the one that serves"
        raise UsageError(f"{environment} has {wanted}; see `invoke history --env {environment}{flag}`")
    return found[-1]


def resume(
    target: Target,
    bus: Bus,
    logs: Path,
    *,
    back: bool = False,
    wait: timedelta = NOW,
    others: Sequence[Target] = (),
) -> DeploymentInfo | None:
    """Finish, or roll back, a rollout that was left half-way; returns what serves then, None for nothing.

    With `back` a release that was going forward is rolled back, and not rejected. Raises UsageError if the rollout
    cannot be rolled back.
    """
    with working_on(target, "resume", bus, logs, wait=wait) as desk:
        left = desk.snapshot().intent()
        if not back or left is None:
            return desk.settle()
        if not left.releasing and left.forward:
            raise UsageError(
                f"--back does not undo a {left.verb}: that would bring back the release it replaces. Finish the "
                f"{left.verb} to {left.wanted.version}: invoke resume --env {target.name}{target.flag}"
            )
        restock(desk, left.previous, len(left.turned("", blame=False).places), others)
        if left.forward:
            left = left.turned(f"rolled back by {who()}", blame=False)
            desk.book.keep(left, "rolled back by hand")
        done = desk.end(left)
        bus.say(f"{done.version} was rolled back")
        return left.previous


def repair(
    target: Target, bus: Bus, logs: Path, *, wait: timedelta = NOW, others: Sequence[Target] = ()
) -> DeploymentInfo:
    """Make the platform match the ledger: replace stopped or removed machines, take others out of traffic.

    What was left half-way is finished first. Returns the release that serves; raises UsageError when there is none.
    """
    with working_on(target, "repair", bus, logs, wait=wait) as desk:
        desk.settle()
        snapshot = desk.snapshot()
        serving = snapshot.current()
        if serving is None:
            raise UsageError(f"{target.name} has no release yet; deploy one first")
        config = _config(snapshot, serving)
        desk.refuse_strangers(releasing=False)
        ensure_addresses(desk.fly, desk.bus)
        count = desk.count(snapshot, config)
        restock(desk, serving, count, others)
        info = pending(desk, serving.commit_sha, serving.version, serving.image, serving.frontend, config, serving)
        intent = Intent("repair", info, _kept(snapshot), Strategy.IMMEDIATE, count)
        return desk.begin(intent, config)


def _kept(snapshot: Snapshot) -> DeploymentInfo | None:
    """The release whose machines are kept for a rollback."""
    try:
        return earlier_release("", snapshot, None)
    except UsageError:
        return None
