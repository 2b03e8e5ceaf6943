"""What a machine of a release looks like: fly.toml, the environment's settings, the image by digest, and its labels."""

from __future__ import annotations

import copy
from typing import Any

from deploy.environments import EnvironmentConfig
from deploy.ledger import DeploymentInfo
from deploy.platforms.fly import Machine
from deploy.platforms.fly.toml import FlyConfig

ENVIRONMENT, DEPLOYMENT = "codecanvas_environment", "codecanvas_deployment"


def machine_config(config: EnvironmentConfig, fly: FlyConfig, deployment: DeploymentInfo, image: str) -> dict[str, Any]:
    """The machine's configuration; `image` names it by digest. Every machine carries its environment's label."""
    machine = copy.deepcopy(fly.machine)
    machine["image"] = image
    machine["env"] |= {
        "RUNNER_ENVIRONMENT": config.name,
        "RUNNER_IMAGE_DIGEST": deployment.image,
        "NUM_RUNNERS": str(config.resource_limits.num_runners),
        "RUN_TIMEOUT": f"{config.resource_limits.timeout:g}",
    }
    machine["metadata"] = {
        "fly_platform_version": "v2",
        "fly_process_group": "app",
        ENVIRONMENT: config.name,
        DEPLOYMENT: deployment.id,
        "codecanvas_sha": deployment.commit_sha,
        "codecanvas_image": deployment.image,
    }
    return machine


def belongs(machine: Machine, deployment_id: str) -> bool:
    """Whether a machine was created by this deployment."""
    return machine.metadata.get(DEPLOYMENT) == deployment_id
