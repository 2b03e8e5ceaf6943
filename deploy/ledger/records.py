"""What the ledger holds, as values; written as JSON in camelCase."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from deploy.ledger.encoding import reading, written


class Status(StrEnum):
    """How far a deployment came."""

    PENDING = "pending"
    DEPLOYED = "deployed"
    FAILED = "failed"
    ROLLED_BACK = "rolled-back"


def new_id(now: datetime) -> str:
    """A name for a deployment that begins now: it sorts by time, and no other has it."""
    return f"{now:%Y%m%d%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class DeploymentInfo:
    """One event in an environment's life. `image` and `frontend` are digests; `reason` says why it failed or went back.

    `id` names the deployment: its pending entry and its outcome share it. A release is image, configuration, secrets
    version and page: `config` is the digest of the machines' configuration, kept as `configs/<digest>.json`; `launch`
    is the key that its machines carry. `spans` are the rollout's steps as (name, seconds), `notes` what was overridden.
    """

    id: str
    environment: str
    version: str
    commit_sha: str
    deployed_at: datetime
    deployed_by: str
    status: Status
    image: str
    frontend: str
    reason: str = ""
    config: str = ""
    secrets_version: int = 0
    launch: str = ""
    spans: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "id": self.id,
            "environment": self.environment,
            "version": self.version,
            "commitSha": self.commit_sha,
            "deployedAt": written(self.deployed_at),
            "deployedBy": self.deployed_by,
            "status": self.status.value,
            "image": self.image,
            "frontend": self.frontend,
            "reason": self.reason,
            "config": self.config,
            "secretsVersion": self.secrets_version,
            "launch": self.launch or self.id,
            "spans": [{"name": name, "seconds": round(seconds, 3)} for name, seconds in self.spans],
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Suite:
    """The result of one suite."""

    name: str
    passed: int
    failed: int
    seconds: float

    @property
    def ok(self) -> bool:
        """At least one check ran, and none failed."""
        return self.failed == 0 and self.passed > 0

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {"name": self.name, "passed": self.passed, "failed": self.failed, "seconds": self.seconds}


@dataclass(frozen=True)
class Evidence:
    """What a suite run proved of a release, tied to its digests."""

    environment: str
    commit_sha: str
    image: str
    frontend: str
    at: datetime
    by: str
    suites: tuple[Suite, ...]

    @property
    def ok(self) -> bool:
        """Every suite passed, and there was one."""
        return bool(self.suites) and all(suite.ok for suite in self.suites)

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "environment": self.environment,
            "commitSha": self.commit_sha,
            "image": self.image,
            "frontend": self.frontend,
            "at": written(self.at),
            "by": self.by,
            "ok": self.ok,
            "suites": [suite.to_json() for suite in self.suites],
        }


def deployment_from(body: Any, place: str) -> DeploymentInfo:
    """A DeploymentInfo from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        return DeploymentInfo(
            id=body["id"],
            environment=body["environment"],
            version=body["version"],
            commit_sha=body["commitSha"],
            deployed_at=datetime.fromisoformat(body["deployedAt"]),
            deployed_by=body["deployedBy"],
            status=Status(body["status"]),
            image=body["image"],
            frontend=body["frontend"],
            reason=body.get("reason", ""),
            config=body.get("config", ""),
            secrets_version=int(body.get("secretsVersion", 0)),
            launch=body.get("launch") or body["id"],
            spans=tuple((span["name"], float(span["seconds"])) for span in body.get("spans", ())),
            notes=tuple(body.get("notes", ())),
        )


def evidence_from(body: Any, place: str) -> Evidence:
    """Evidence from its JSON; raises LedgerError naming the file when it is damaged."""
    with reading(place):
        return Evidence(
            environment=body["environment"],
            commit_sha=body["commitSha"],
            image=body["image"],
            frontend=body["frontend"],
            at=datetime.fromisoformat(body["at"]),
            by=body["by"],
            suites=tuple(Suite(s["name"], s["passed"], s["failed"], s["seconds"]) for s in body["suites"]),
        )
