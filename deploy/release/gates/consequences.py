"""What a rollout's outcome in a protected environment changes for later promotions: breaker and rejections.

Both are written in the same commit as the outcome.
"""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.ledger import Intent, Snapshot
from deploy.ledger.identity import who
from deploy.release.gates import breaker, rejections
from deploy.release.rollout.book import Changes, Consequences, no_consequences
from deploy.release.rollout.unfinished import BY_HAND
from deploy.settings.environments import Role
from deploy.target import Target


def consequences_for(target: Target) -> Consequences:
    """The consequences for a protected environment; other environments have none: releases may fail there freely."""
    if target.config.role is not Role.PROTECTED:
        return no_consequences
    policy = target.config.release

    def of(snapshot: Snapshot, intent: Intent) -> Changes:
        now = datetime.now(UTC)
        if intent.verb == "rollback":
            if not intent.forward or intent.previous is None:
                return {}
            reason = f"rolled back to {intent.wanted.version}"
            return {
                **rejections.readmit_change(snapshot, intent.wanted),
                **rejections.reject_change(intent.previous, reason, now, who()),
            }
        if intent.verb == "repair":
            return {}
        if intent.forward:
            return {
                **breaker.success_change(snapshot),
                **rejections.readmit_change(snapshot, intent.wanted),
            }
        if BY_HAND in intent.marks:  # a person's word, no failure: the breaker is not told
            return rejections.reject_change(intent.wanted, intent.reason, now, who())
        if not intent.blame:
            return {}
        return {
            **breaker.failure_change(snapshot, policy, now, intent.reason, who()),
            **rejections.reject_change(intent.wanted, intent.reason, now, who()),
        }

    return of
