"""What an environment serves: what its ledger says beside what its machines say."""

from __future__ import annotations

from typing import Any

from deploy.ledger import DeploymentInfo, Intent
from deploy.platforms.fly import Machine
from deploy.release.machine import in_traffic
from deploy.target import Target


def environment_status(target: Target) -> dict[str, Any]:
    """The environment as `invoke status --json` prints it; `agree` says whether ledger and every machine agree."""
    snapshot = target.ledger.snapshot()
    serving, lock, intent = snapshot.current(), snapshot.lock(), snapshot.intent()
    with target.fly() as fly:
        machines = fly.machines.list() if fly.app_exists() else []
    used = [machine for machine in machines if in_traffic(machine)]
    digest = serving.image if serving else None
    return {
        "version": serving.version if serving else None,
        "commitSha": serving.commit_sha if serving else None,
        "image": digest,
        "frontend": serving.frontend if serving else None,
        "deployedAt": serving.to_json()["deployedAt"] if serving else None,
        "deployedBy": serving.deployed_by if serving else None,
        "agree": _agree(serving, used) and intent is None,
        "lock": {key: value for key, value in lock.to_json().items() if key != "token"} if lock else None,
        "rollout": _rollout(intent) if intent else None,
        "machines": [_machine(machine) for machine in used],
        "kept": [_machine(machine) for machine in machines if machine not in used],
        "urls": {"api": target.config.api_url, "frontend": target.config.frontend_url},
    }


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "id": machine.id,
        "state": machine.state,
        "healthy": machine.healthy,
        "image": machine.digest,
        "checks": {check.name: check.status for check in machine.checks},
    }


def _rollout(intent: Intent) -> dict[str, Any]:
    """What is under way, or was left half-way."""
    return {
        "verb": intent.verb,
        "version": intent.wanted.version,
        "direction": intent.direction.value,
        "strategy": intent.strategy.value,
        "since": intent.wanted.to_json()["deployedAt"],
        "reason": intent.reason,
    }


def _agree(serving: DeploymentInfo | None, machines: list[Machine]) -> bool:
    if serving is None:
        return not machines
    return bool(machines) and all(machine.digest == serving.image for machine in machines)
