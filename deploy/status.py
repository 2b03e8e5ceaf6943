"""What an environment serves: what its ledger says beside what its machines say."""

from __future__ import annotations

from typing import Any

from deploy.ledger import DeploymentInfo
from deploy.platforms.fly import Machine
from deploy.target import Target


def environment_status(target: Target) -> dict[str, Any]:
    """The environment as `invoke status --json` prints it; `agree` says whether ledger and every machine agree."""
    snapshot = target.ledger.snapshot()
    serving, lock = snapshot.current(), snapshot.lock()
    with target.fly() as fly:
        machines = fly.machines.list() if fly.app_exists() else []
    digest = serving.image if serving else None
    return {
        "version": serving.version if serving else None,
        "commitSha": serving.commit_sha if serving else None,
        "image": digest,
        "frontend": serving.frontend if serving else None,
        "deployedAt": serving.to_json()["deployedAt"] if serving else None,
        "deployedBy": serving.deployed_by if serving else None,
        "agree": _agree(serving, machines),
        "lock": lock.to_json() if lock else None,
        "machines": [
            {
                "id": machine.id,
                "state": machine.state,
                "healthy": machine.healthy,
                "image": machine.digest,
                "checks": {check.name: check.status for check in machine.checks},
            }
            for machine in machines
        ],
        "urls": {"api": target.config.api_url, "frontend": target.config.frontend_url},
    }


def _agree(serving: DeploymentInfo | None, machines: list[Machine]) -> bool:
    if serving is None:
        return not machines
    return bool(machines) and all(machine.digest == serving.image for machine in machines)
