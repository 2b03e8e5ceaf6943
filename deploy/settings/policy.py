"""The release policy: what `.env.<name>` says about promotions and rollouts, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from deploy.settings.windows import WeeklyWindow


class Promotion(StrEnum):
    """Who answers the checklists: the evidence, or people."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Strategy(StrEnum):
    """How traffic moves to a new release."""

    BLUEGREEN = "bluegreen"
    CANARY = "canary"
    ROLLING = "rolling"
    IMMEDIATE = "immediate"


@dataclass(frozen=True)
class ReleasePolicy:
    """The conditions of a promotion and the manner of a rollout. Each field is the key of the same name."""

    promotion: Promotion
    approvals: int
    evidence_days: int
    breaker_threshold: int
    breaker_cooldown: timedelta
    freeze_windows: tuple[WeeklyWindow, ...]
    strategy: Strategy | None
    """None: what fly.toml says."""
    rollback_window: timedelta
    drain: timedelta
