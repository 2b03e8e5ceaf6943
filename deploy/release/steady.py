"""Checks that an environment serves one release, and the same one, from the start of a suite to its end.

Suites test whatever serves. If that changes while they run, their result belongs to no release.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.errors import SuiteNotRun, UsageError
from deploy.ledger import DeploymentInfo
from deploy.release.status import environment_status
from deploy.target import Target


@dataclass(frozen=True)
class Serving:
    """What serves by the ledger and by the machines. `events` are its deployments so far, each (id, status)."""

    release: DeploymentInfo
    events: tuple[tuple[str, str], ...]
    rollout: str
    """What is under way, such as "promote of 1.2.3"; "" for nothing."""
    agree: bool
    """Whether every machine in traffic is one of the release, and there is one."""


def look(target: Target) -> Serving:
    """What `target` serves now; raises UsageError when that is nothing yet."""
    snapshot, state = target.ledger.snapshot(), environment_status(target)
    release = snapshot.current()
    if release is None:
        raise UsageError(f"{target.name} serves nothing yet; run: invoke deploy --env {target.name}{target.flag}")
    # Suites cannot meet a machine whose host is lost.
    rollout, here = state["rollout"], [each for each in state["machines"] if not each["lost"]]
    return Serving(
        release=release,
        events=tuple((event.id, event.status.value) for event in snapshot.events()),
        rollout=f"{rollout['verb']} of {rollout['version']}" if rollout else "",
        # The page is compared by a suite of its own.
        agree=(bool(here) and all(each["ofRelease"] for each in here)) or bool(rollout),
    )


def require_steady(target: Target) -> Serving:
    """What `target` serves; raises SuiteNotRun while a rollout is under way or a machine runs something else."""
    now = look(target)
    if now.rollout:
        raise SuiteNotRun(
            f"{target.name}: a {now.rollout} is under way or was left half-way, so nothing can be proven now. "
            f"Wait for it, or finish it: invoke resume --env {target.name}{target.flag}"
        )
    if not now.agree:
        raise SuiteNotRun(
            f"{target.name}: the machines in traffic do not all run {now.release.version}, which its ledger says is "
            f"serving. See: invoke status --env {target.name}{target.flag}"
        )
    return now


def require_unchanged(target: Target, before: Serving) -> None:
    """Raise SuiteNotRun when what serves is, or was meanwhile, something else than `before`."""
    after = look(target)
    if after == before:
        return
    if after.rollout:
        why = f"a {after.rollout} began"
    elif after.events != before.events:
        why = f"a deployment was made ({after.release.version} serves now)"
    else:
        why = "a machine in traffic runs another release"
    raise SuiteNotRun(
        f"{target.name}: while the suites ran against {before.release.version}, {why}. Nothing was recorded, and "
        f"earlier evidence stands. Run it again: invoke verify --env {target.name}{target.flag}"
    )
