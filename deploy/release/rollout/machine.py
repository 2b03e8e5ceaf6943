"""Builds a machine's configuration: fly.toml and the environment's settings, the image by digest, and labels."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from deploy.ledger import DeploymentInfo
from deploy.platforms.fly import Machine
from deploy.platforms.fly.toml import FlyConfig, read_fly_toml
from deploy.settings.environments import EnvironmentConfig
from deploy.settings.policy import Strategy

ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC = (
    "codecanvas_environment",
    "codecanvas_launch",
    "codecanvas_number",
    "codecanvas_traffic",
)
OFF, ON = "off", "on"
IMAGE = "RUNNER_IMAGE_DIGEST"
"""The variable by which a machine knows its image."""
GROUP, RELEASE_COMMAND = "fly_process_group", "fly_app_release_command"
"""The provider's own name of what a machine is for; its tool makes machines for a while, that end by themselves."""
FOR_A_WHILE = frozenset({RELEASE_COMMAND, "fly_app_test_machine_command", "fly_app_console"})


def release_config(config: EnvironmentConfig, fly: FlyConfig) -> dict[str, Any]:
    """The configuration of a release's machines, less image and labels: what a rollback brings back."""
    machine = copy.deepcopy(fly.machine)
    machine["region"] = fly.region
    machine["env"] |= {
        "RUNNER_ENVIRONMENT": config.name,
        "NUM_RUNNERS": str(config.resource_limits.num_runners),
        "RUN_TIMEOUT": f"{config.resource_limits.timeout:g}",
    }
    return machine


def usual_strategy(config: EnvironmentConfig) -> Strategy:
    """How releases are rolled out in an environment: STRATEGY of `.env.<name>`, or what its fly.toml says."""
    return config.release.strategy or Strategy(read_fly_toml(config.fly_toml).strategy or Strategy.BLUEGREEN)


def config_digest(config: dict[str, Any]) -> str:
    """A name for a configuration: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]


def labelled(
    config: dict[str, Any], environment: str, release: DeploymentInfo, number: int, image: str
) -> dict[str, Any]:
    """A machine's whole configuration. Every machine carries its environment's label and the key of its launch."""
    machine = copy.deepcopy(config)
    machine["image"] = image
    machine["env"] = machine.get("env", {}) | {IMAGE: release.image}
    machine["metadata"] = {
        "fly_platform_version": "v2",
        GROUP: "app",
        ENVIRONMENT: environment,
        LAUNCH: release.launch,
        NUMBER: str(number),
        TRAFFIC: OFF,
        "codecanvas_sha": release.commit_sha,
        "codecanvas_image": release.image,
    }
    return machine


def in_traffic(machine: Machine) -> bool:
    """Whether the edge may use it, as its label says: the platform itself does not."""
    return machine.metadata.get(TRAFFIC) == ON
