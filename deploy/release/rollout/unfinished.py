"""How `rollback` treats an unfinished rollout: it takes the shortest path to the release asked for. Pure.

The release to go back to is known first, so no rollout is finished only to be rolled back:

- an unfinished release is rolled back, and that is the rollback; one that is rolling back already continues;
- an unfinished rollback continues;
- if neither leads to the release asked for, a rollback to that release replaces the unfinished rollout.
"""

from __future__ import annotations

from enum import StrEnum

from deploy.ledger import DeploymentInfo, Intent
from deploy.ledger.intent import RELEASING

BY_HAND = "taken back by hand"
"""Mark in the intent of an unfinished release that a person rolled back: rejected, but no failure for the breaker."""


class Way(StrEnum):
    """How a rollback begins; the value ends the sentence that tells people of the unfinished rollout."""

    BEGIN = "no rollout is unfinished: a new rollback begins"
    TURN = "it is rolled back now, which is the rollback asked for"
    CONTINUE = "it already leads to the release asked for, and is finished"
    FORWARD = "that rollback had turned back; it goes to the release asked for again"
    REPLACE = "a rollback to the release asked for replaces it"


def way_to_roll_back(intent: Intent | None, sha: str | None) -> Way:
    """How to go back to the release of `sha` (its first digits are enough), or with None to the last good one."""
    if intent is None:
        return Way.BEGIN
    if intent.verb in RELEASING:
        return Way.TURN if _is(intent.previous, sha) else Way.REPLACE
    if intent.verb == "rollback":
        if not _is(intent.wanted, sha):
            return Way.REPLACE
        return Way.CONTINUE if intent.forward else Way.FORWARD
    if intent.forward:  # a repair brings back what serves: for a rollback there is nothing to keep of it
        return Way.REPLACE
    return Way.CONTINUE if _is(intent.previous, sha) else Way.REPLACE


def _is(release: DeploymentInfo | None, sha: str | None) -> bool:
    return release is not None and release.commit_sha.startswith(sha or "")
