"""Decides what a failure during a rollout means. Pure; `engine.py` acts on it.

The release is at fault only when it is being released and what failed is its own: it is not healthy, its digest is
another, a verdict or suite speaks against it, or the platform refuses its machine for longer than a registry may take
to show an image. Every other failure is the platform's, the ledger's or nobody's, and the release is not rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from deploy.errors import DeployError, LedgerError, LedgerUnreachable, NotChecked, ReleaseFault, Unfinished, Unhealthy
from deploy.ledger import Intent
from deploy.platforms.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from deploy.release.rollout.steps import (
    Admit,
    AwaitHealthy,
    Create,
    Destroy,
    Drain,
    Quiet,
    Reach,
    Rest,
    Smoke,
    Start,
    Step,
    Withdraw,
)
from deploy.release.rollout.world import Seen

REFUSED = frozenset({400, 404, 422})
REFUSED_SECONDS = 30.0
"""How long a refused creation is tried again before the release is blamed: a registry may not show a new image yet."""
MACHINE_TRIES, MACHINE_SECONDS = 2, 15.0
"""Failures in a row of one step on one machine, others answering, after which that machine is left alone."""
CREATE_TRIES = 3


class Meaning(StrEnum):
    """What the engine does about a failure."""

    AGAIN = "the step is tried again, within the budget"
    STOP = "the run stops and the intent stays"
    TURN = "the release is rolled back and not rejected"
    BLAME = "the release is rolled back and rejected"
    LEAVE = "the rollout continues without this machine"
    FEWER = "the rollout continues with the machines it has"
    RENEW = "the machines are removed and created again"


@dataclass(frozen=True)
class Case:
    """A failure's surroundings.

    `tries` and `seconds`: how often in a row, and since when, this step has failed; `ours`: how many usable machines
    of the release moved towards were last seen; `alone`: other machines can be reached, only this one cannot;
    `elsewhere`: another region may have room.
    """

    tries: int = 1
    seconds: float = 0.0
    ours: int = 0
    alone: bool = False
    elsewhere: bool = False


def unhealthy(looks: Sequence[Seen | None], seconds: float) -> Unhealthy:
    """The error for machines that were not healthy within `seconds`, from their last look."""
    wrong = [seen for seen in looks if seen and not seen.healthy]
    states = "; ".join(f"{seen.id} is {seen.state}, not healthy" for seen in wrong)
    words = f"not healthy after {seconds:.0f} s: {states or 'no digest was reported'}"
    return Unhealthy(words, tuple(seen.id for seen in wrong))


def stopped(failed: DeployError, intent: Intent, flag: str) -> Unfinished:
    """The error of a rollout that stops half-way. `flag` is the one that commands in messages need."""
    wanted, environment = intent.wanted, intent.wanted.environment
    doing = "the rollout of" if intent.forward else "the rollback from"
    about = "" if isinstance(failed, ReleaseFault) else " It says nothing about the release, which is not rejected."
    why = failed.problem if isinstance(failed, LedgerError) else failed  # what is half-way is said here
    back = f"; roll it back with: invoke resume --env {environment} --back{flag}" if intent.releasing else ""
    return Unfinished(
        f"{environment}: {doing} {wanted.version} stopped half-way: {why}.{about} "
        f"Go on with: invoke resume --env {environment}{flag}{back}",
        log=failed.log,
    )


def meaning(failed: DeployError, intent: Intent, step: Step | None, case: Case) -> Meaning:
    """What a failure means. `step` is the step that failed, None when looking or the ledger failed between steps."""
    if isinstance(failed, LedgerUnreachable):
        return Meaning.AGAIN
    # An unproven release must not stay; a rollback has nothing better to turn to, so a person looks.
    if isinstance(failed, NotChecked):
        return Meaning.TURN if intent.releasing else Meaning.STOP
    if isinstance(failed, ReleaseFault):
        if isinstance(step, Smoke) and intent.releasing and intent.previous is None:
            return Meaning.TURN  # a first release: no previous one shows whether something else is broken
        # When rolling back, the release was healthy once: the machine is at fault, not what it runs.
        return Meaning.RENEW if isinstance(failed, Unhealthy) and not intent.releasing else Meaning.BLAME
    if not isinstance(failed, PlatformError):
        return Meaning.STOP  # nothing known to be safe to repeat
    if isinstance(step, Create) and (found := _creation(failed, intent, case)):
        return found
    if _one_machine(step, intent) and case.alone and (case.seconds >= MACHINE_SECONDS or failed.exhausted):
        return Meaning.LEAVE
    # No room: the previous release still serves, so a release gives way; a rollback needs the machine and waits.
    if failed.exhausted:
        return Meaning.TURN if intent.releasing else Meaning.AGAIN
    # Trying again cannot help, and rolling back would need the same token.
    if isinstance(failed, (Unauthorized, Forbidden)):
        return Meaning.STOP
    return Meaning.AGAIN if _passing(failed) else Meaning.STOP


def _creation(failed: PlatformError, intent: Intent, case: Case) -> Meaning | None:
    """What a failed creation means; None when it means the same as for any other step."""
    if not intent.releasing:
        # A rollback continues with the machines it has rather than wait for one that the platform refuses; it needs
        # at least one, though, in whatever region.
        at_once = failed.exhausted or failed.status in REFUSED
        if (case.ours or case.elsewhere) and (at_once or case.tries >= CREATE_TRIES):
            return Meaning.FEWER
        return Meaning.AGAIN if at_once else None
    if failed.exhausted:
        return Meaning.TURN
    # The same answers come for an image that the registry does not show yet, so a refusal counts only when it lasts.
    if failed.status in REFUSED:
        return Meaning.AGAIN if case.seconds < REFUSED_SECONDS else Meaning.BLAME
    return None


def _one_machine(step: Step | None, intent: Intent) -> bool:
    """Whether the step acts on a machine that the rollout can continue without."""
    # The first five act on machines that are leaving. The others act on the release's own: a rollback can do with
    # fewer, but a release that cannot start one of its machines is not proven.
    if isinstance(step, (Withdraw, Quiet, Drain, Rest, Destroy)):
        return True
    return isinstance(step, (Start, Admit, AwaitHealthy, Reach)) and not intent.releasing


def _passing(failed: PlatformError) -> bool:
    """Whether trying again may help: no answer, rate limit, another's lease, a stale list, or the platform's 5xx."""
    return isinstance(failed, (Unreachable, RateLimited, Conflict, TimedOut, NotFound)) or failed.status >= 500
