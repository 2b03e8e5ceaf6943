"""What `rollback` does about a rollout that was left half-way: always the shortest path to the last good release. Pure.

The release to go back to is known before anything is done, so nothing is finished only to be taken back: a release
that is half-way turns back, and that is the rollback; one that goes back already goes on; a rollback that is half-way
goes on; and where none of these leads to the release asked for, a rollback to that one takes the place of what is
half-way.
"""

from __future__ import annotations

from enum import StrEnum

from deploy.ledger import DeploymentInfo, Intent
from deploy.ledger.intent import RELEASING

BY_HAND = "taken back by hand"
"""The mark of a release that a person rolled back while it was half-way: rejected, and the breaker is not told."""


class Way(StrEnum):
    """How a rollback begins."""

    BEGIN = "nothing is half-way: a rollback begins"
    TURN = "what is half-way turns back, and that is the rollback"
    CONTINUE = "what is half-way leads there already"
    FORWARD = "a rollback that had turned towards the release it left goes on as a rollback"
    REPLACE = "a rollback takes the place of what is half-way"


def way_back(intent: Intent | None, sha: str | None) -> Way:
    """How to go back to the release of `sha` (its beginning is enough), or with None to the last good one."""
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
