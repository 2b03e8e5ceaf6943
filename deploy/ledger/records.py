"""The life of an environment as its ledger holds it: deployments, and what suites proved of a release."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from msgspec.structs import replace

from deploy.ledger.encoding import Moment, Record


class Status(StrEnum):
    """How far a deployment came."""

    PENDING = "pending"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


def new_id(now: datetime) -> str:
    """A name for a deployment that begins now: it sorts by time, and no other has it."""
    return f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


class Span(Record, frozen=True):
    """How long one step of a rollout took."""

    name: str
    seconds: float

    def settled(self) -> Self:
        """To the millisecond."""
        return replace(self, seconds=round(self.seconds, 3))


class DeploymentInfo(Record, frozen=True):
    """One event in an environment's life. `image` and `frontend` are digests; `reason` says why it failed or went back.

    `id` names the deployment: its pending entry and its outcome share it. A release is image, configuration and page:
    `config` is the digest of the machines' configuration, kept as `configs/<digest>.json`; `launch` is the key that its
    machines carry, the deployment's own id unless an earlier release was brought back. `spans` are the rollout's steps,
    `notes` which gates were overridden.
    """

    id: str
    environment: str
    version: str
    commit_sha: str
    deployed_at: Moment
    deployed_by: str
    status: Status
    image: str
    frontend: str
    reason: str = ""
    config: str = ""
    launch: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    secrets_version: int = 0
    """What its machines have of the app's secrets at least: the platform's version, 0 where none was ever set."""

    LATER = frozenset({"reason", "config", "launch", "spans", "notes", "secrets_version"})

    @property
    def page(self) -> str:
        """Names what is published: version and digest. The files are the same for commits with the same page; what
        the page says of its version is not."""
        return f"{self.version} {self.frontend}"

    def settled(self) -> Self:
        """With its launch."""
        return self if self.launch else replace(self, launch=self.id)


def outcome(info: DeploymentInfo, status: Status, reason: str = "") -> DeploymentInfo:
    """The same deployment with its outcome, as of now."""
    return replace(info, status=status, reason=reason, deployed_at=datetime.now(UTC))


class Suite(Record, frozen=True):
    """The result of one suite."""

    name: str
    passed: int
    failed: int
    seconds: float

    @property
    def ok(self) -> bool:
        """At least one check ran, and none failed."""
        return self.failed == 0 and self.passed > 0


class Evidence(Record, frozen=True):
    """What a run of the suites proved of a release, tied to its digests."""

    environment: str
    commit_sha: str
    image: str
    frontend: str
    at: Moment
    by: str
    suites: tuple[Suite, ...]

    DERIVED = frozenset({"ok"})

    def covers(self, release: DeploymentInfo) -> bool:
        """Whether it is about the release's image and page."""
        return (self.image, self.frontend) == (release.image, release.frontend)

    @property
    def ok(self) -> bool:
        """Every suite passed, and there was one."""
        return bool(self.suites) and all(suite.ok for suite in self.suites)
