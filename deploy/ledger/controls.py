"""What people and failures set to hold a promotion back or to let it pass, as the ledger holds it; JSON in camelCase.

breaker.json, freezes.json, `rejected/<sha>.json` and `approvals/<sha>-<who>.json`, all on the branch of the environment
that is promoted to. What they mean is told in `deploy/release`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from deploy.ledger.encoding import reading, written


@dataclass(frozen=True)
class Breaker:
    """Failed promotions in a row; open since `opened_at`, closed when that is None. `by` acted last, for `reason`."""

    failures: int = 0
    opened_at: datetime | None = None
    reason: str = ""
    by: str = ""

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "state": "open" if self.opened_at else "closed",
            "failures": self.failures,
            "openedAt": written(self.opened_at) if self.opened_at else None,
            "reason": self.reason,
            "by": self.by,
        }


@dataclass(frozen=True)
class Rejection:
    """An artifact that failed in production: nothing promotes it again by itself. `deployment` is what failed."""

    commit_sha: str
    image: str
    frontend: str
    deployment: str
    reason: str
    at: datetime
    by: str

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "commitSha": self.commit_sha,
            "image": self.image,
            "frontend": self.frontend,
            "deployment": self.deployment,
            "reason": self.reason,
            "at": written(self.at),
            "by": self.by,
        }


@dataclass(frozen=True)
class Freeze:
    """A stretch of time without promotions, set by a person."""

    id: str
    start: datetime
    until: datetime
    reason: str
    by: str

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "id": self.id,
            "from": written(self.start),
            "until": written(self.until),
            "reason": self.reason,
            "by": self.by,
        }


@dataclass(frozen=True)
class Approval:
    """What one person says of one artifact: the items of the checklists that hold."""

    commit_sha: str
    image: str
    frontend: str
    by: str
    at: datetime
    items: tuple[str, ...]
    note: str = ""

    @property
    def person(self) -> str:
        """Who, however often: the runs of one actor in the CI are one person."""
        return person(self.by)

    @property
    def path(self) -> str:
        """Its file. The digest keeps apart people whose names differ only in what a file name cannot hold."""
        slug = re.sub(r"[^a-z0-9]+", "-", self.person.lower()).strip("-")[:40]
        return f"approvals/{self.commit_sha}-{slug}-{hashlib.sha256(self.person.encode()).hexdigest()[:8]}.json"

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "commitSha": self.commit_sha,
            "image": self.image,
            "frontend": self.frontend,
            "by": self.by,
            "at": written(self.at),
            "items": list(self.items),
            "note": self.note,
        }


def person(who: str) -> str:
    """The person in what `who()` says of who acts."""
    return re.sub(r" \(GitHub Actions run [^)]*\)$", "", who)


def breaker_from(body: Any, place: str) -> Breaker:
    """A Breaker from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        opened = body["openedAt"]
        found = Breaker(int(body["failures"]), _when(opened) if opened else None, body["reason"], body["by"])
        if body["state"] != found.to_json()["state"]:
            raise ValueError(f"state is {body['state']!r} and openedAt is {opened!r}")
        return found


def rejection_from(body: Any, place: str) -> Rejection:
    """A Rejection from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        return Rejection(
            commit_sha=body["commitSha"],
            image=body["image"],
            frontend=body["frontend"],
            deployment=body["deployment"],
            reason=body["reason"],
            at=_when(body["at"]),
            by=body["by"],
        )


def freeze_from(body: Any, place: str) -> Freeze:
    """A Freeze from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        return Freeze(body["id"], _when(body["from"]), _when(body["until"]), body["reason"], body["by"])


def approval_from(body: Any, place: str) -> Approval:
    """An Approval from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        return Approval(
            commit_sha=body["commitSha"],
            image=body["image"],
            frontend=body["frontend"],
            by=body["by"],
            at=_when(body["at"]),
            items=tuple(body["items"]),
            note=body["note"],
        )


def _when(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return moment
