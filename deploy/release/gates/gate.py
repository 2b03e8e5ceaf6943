"""Defines a gate and the situation it judges. Gates are pure functions, and every gate is evaluated and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.ledger import Snapshot
from deploy.settings.environments import EnvironmentConfig
from deploy.settings.policy import ReleasePolicy


@dataclass(frozen=True)
class Gate:
    """One condition; `reason` says why it holds or not, `action` what to run when it does not."""

    name: str
    ok: bool
    reason: str
    action: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `promote --plan --json` prints it."""
        return {"name": self.name, "ok": self.ok, "reason": self.reason, "action": self.action}


@dataclass(frozen=True)
class Situation:
    """All that a promotion is judged by, read beforehand: the ledgers of the environment that proved the commit and of
    the one that is to receive it. `config` is the latter's.

    `ancestry` is what `ancestry()` found. `flag` is added to the commands that actions name. `hotfix_reason` and
    `again_reason` and `downgrade_reason` are the reasons given with --hotfix, --again and --downgrade, empty without.
    """

    source_name: str
    source: Snapshot
    target: Snapshot
    sha: str
    config: EnvironmentConfig
    now: datetime
    ancestry: bool | str
    flag: str = ""
    to: str = ""
    """What commands need beside `flag` to mean this target: ` --env NAME`, where it is not the one by default."""
    hotfix_reason: str = ""
    again_reason: str = ""
    downgrade_reason: str = ""
    remote: str = "origin"
    """The remote whose branch the commit must be part of."""
    source_promoted: bool = False
    """Whether the source receives promotions itself, and is not deployed to."""
    replaces: str = "newer"
    """What `ancestry.replaces` found: whether the commit is older than the one that serves."""

    @property
    def policy(self) -> ReleasePolicy:
        """What the target's settings ask of a promotion."""
        return self.config.release

    @property
    def flags(self) -> str:
        """What a command about a promotion to this target has at its end."""
        return f"{self.to}{self.flag}"

    @property
    def short(self) -> str:
        """The commit as people read it."""
        return self.sha[:12]
