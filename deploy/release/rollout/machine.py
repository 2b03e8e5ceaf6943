"""Builds a machine's configuration: fly.toml and the environment's settings, the image by digest, and labels."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from deploy.ledger import DeploymentInfo
from deploy.platforms.fly import Machine
from deploy.platforms.fly.toml import FlyConfig, read_fly_toml
from deploy.release.rollout.placement import REGIONS, declared
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
NAME = re.compile(
    r"(?P<environment>.+?)-(?P<launch>[0-9]{14}-[0-9a-f]{6}|[^-]+)-(?P<number>[0-9]{1,4})(?:-(?P<again>[0-9]{1,2}))?"
)
"""How `machine_name` writes a machine's name."""


def release_config(config: EnvironmentConfig, fly: FlyConfig) -> dict[str, Any]:
    """The configuration of a release's machines, less image and labels: what a rollback brings back.

    Raises ConfigurationError if the environment's REGIONS do not fit its fly.toml.
    """
    machine = copy.deepcopy(fly.machine)
    machine["region"] = fly.region
    if regions := declared(config, fly):
        machine[REGIONS] = regions
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


def names_of(release: DeploymentInfo) -> dict[str, str]:
    """The variables by which a machine knows its release: an image is of no one commit."""
    return {"RUNNER_VERSION": release.version, "RUNNER_SHA": release.commit_sha, IMAGE: release.image}


def labelled(
    config: dict[str, Any], environment: str, release: DeploymentInfo, number: int, image: str
) -> dict[str, Any]:
    """A machine's whole configuration. Every machine carries its environment's label and the key of its launch."""
    machine = copy.deepcopy(config)
    machine["image"] = image
    machine["env"] = machine.get("env", {}) | names_of(release)
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


def machine_name(environment: str, launch: str, number: int, again: int = 1) -> str:
    """The name of a launch's machine; `again` counts those of one number, as one on a lost host keeps its name."""
    return f"{environment}-{launch}-{number}" + (f"-{again}" if again > 1 else "")


def slot_of(name: str) -> tuple[str, str, str] | None:
    """Environment, launch and number that a machine's name tells; None for one that was named otherwise."""
    found = NAME.fullmatch(name)
    return (found["environment"], found["launch"], found["number"]) if found else None


def labels_of(machine: Machine) -> Mapping[str, str]:
    """Its labels. While its host is lost the platform may have none of them: then those that its name tells."""
    if ENVIRONMENT in machine.metadata or not machine.lost or not (named := NAME.fullmatch(machine.name)):
        return machine.metadata
    told = {ENVIRONMENT: named["environment"], LAUNCH: named["launch"], NUMBER: named["number"]}
    return told | machine.metadata


def noted_traffic(machine: Machine) -> bool:
    """Whether the edge may use it by its label, which is written after each cordon and uncordon."""
    return labels_of(machine).get(TRAFFIC) == ON


def in_traffic(machine: Machine) -> bool:
    """Whether the edge may use it: the platform's word where it gives it, else the label's."""
    return noted_traffic(machine) if machine.cordoned is None else not machine.cordoned
