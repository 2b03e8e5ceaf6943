"""What people and failures set to hold a promotion back or to let it pass.

breaker.json, freezes.json, `rejected/<sha>.json` and `approvals/<sha>-<who>.json`, all on the branch of the environment
that is promoted to. The rules that they follow are in `deploy/release`.
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from deploy.ledger.encoding import Moment, Record
from deploy.ledger.identity import person


class Breaker(Record, frozen=True):
    """Failed promotions in a row; open since `opened_at`, closed when that is None. `by` acted last, for `reason`."""

    failures: int = 0
    opened_at: Moment | None = None
    reason: str = ""
    by: str = ""

    DERIVED = AGREEING = frozenset({"state"})

    @property
    def state(self) -> str:
        """`open` or `closed`, as the file says for people."""
        return "open" if self.opened_at else "closed"


class Rejection(Record, frozen=True):
    """An artifact that failed in production, in `deployment`: it is not promoted again without `--again`."""

    commit_sha: str
    image: str
    frontend: str
    deployment: str
    reason: str
    at: Moment
    by: str


class Freeze(Record, frozen=True):
    """A stretch of time without promotions, set by a person."""

    id: str
    start: Moment = msgspec.field(name="from")
    until: Moment
    reason: str
    by: str


class Approval(Record, frozen=True):
    """What one person says of one artifact: the items of the checklists that hold."""

    commit_sha: str
    image: str
    frontend: str
    by: str
    at: Moment
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
