"""Runs `[deploy] release_command` of fly.toml: on a machine of its own, before any machine of the release exists.

As with the provider's own tool, the machine has the release's image, environment and size, RELEASE_COMMAND=1, no
service, and destroys itself when its command has ended. A deployer that is killed meanwhile leaves it running: the next
one waits for it, so that no two commands run at once.
"""

from __future__ import annotations

import contextlib
import copy
import time
from dataclasses import replace
from typing import Any

from deploy import interrupts
from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.platforms.errors import Conflict, NotFound, PlatformError, TimedOut, Unreachable
from deploy.platforms.fly import FlyClient, Machine
from deploy.platforms.fly.machines import exit_of
from deploy.platforms.fly.toml import FlyConfig
from deploy.release.rollout.machine import GROUP, RELEASE_COMMAND
from deploy.release.rollout.platform import described

LAST_LINES = 20
MOST_SECONDS_BETWEEN_LOOKS = 2.0
UNCLEAR_SECONDS = 12.0
"""How long the platform may not know, or not show, a machine that it has created."""


def run_release_command(
    fly: FlyClient, bus: Bus, toml: FlyConfig, image: str, config: dict[str, Any], name: str, secrets: int = 0
) -> None:
    """Run it to its end, if the file has one. `image` is the release's, `config` its machines', `name` the machine's.

    Raises DeployError with the command's last lines if it fails or takes longer than `release_command_timeout`.
    """
    if toml.release_command is None:
        return
    command, patience = toml.release_command.command, toml.release_command.timeout
    _await_others(fly, bus, patience)
    body = _configuration(config, image, toml.release_command.words)
    still = "the release command goes on; the next deploy waits until it has ended"
    with bus.step(f"run the release command: {command}"), interrupts.explained_by(lambda: still):
        machine = _created(fly, name, toml.region, body, secrets)
        ended = _ended(fly, machine, patience)
        if problem := _problem(ended) if ended else f"had not ended after {patience:g} s":
            _remove(fly, machine)
            raise _failed(fly, machine, command, problem)


def _configuration(config: dict[str, Any], image: str, words: list[str]) -> dict[str, Any]:
    kept = {key: copy.deepcopy(config[key]) for key in ("guest", "stop_config") if key in config}
    return kept | {
        "image": image,
        "env": {**config.get("env", {}), "RELEASE_COMMAND": "1", "FLY_PROCESS_GROUP": RELEASE_COMMAND},
        "init": {**config.get("init", {}), "cmd": words},
        "restart": {"policy": "no"},
        "auto_destroy": True,
        "metadata": {"fly_platform_version": "v2", GROUP: RELEASE_COMMAND},
    }


def _await_others(fly: FlyClient, bus: Bus, patience: float) -> None:
    """Wait for the command of a deployer that was killed."""
    for machine in fly.machines.list():
        if machine.metadata.get(GROUP) != RELEASE_COMMAND:
            continue
        with bus.step("wait for the release command of an earlier run"):
            if _ended(fly, machine, patience) is None:
                _remove(fly, machine)


def _created(fly: FlyClient, name: str, region: str, body: dict[str, Any], secrets: int) -> Machine:
    """The machine. A creation whose answer does not say whether it took effect is asked for again: names are unique."""
    deadline = time.monotonic() + UNCLEAR_SECONDS
    while True:
        try:
            return fly.machines.create(name, region, body, register=False, secrets=secrets)
        except (Conflict, TimedOut, Unreachable) as unclear:
            there = next((each for each in fly.machines.list() if each.name == name), None)
            if there:
                return there
            if time.monotonic() > deadline or unclear.exhausted:
                raise
            time.sleep(1.0)


def _remove(fly: FlyClient, machine: Machine) -> None:
    with contextlib.suppress(NotFound):  # it destroyed itself
        fly.machines.destroy(machine.id)


def _ended(fly: FlyClient, machine: Machine, patience: float) -> Machine | None:
    """The machine once its command has ended, or could not begin; None after `patience` seconds."""
    begun, pause, shown = time.monotonic(), 0.25, False
    while time.monotonic() - begun < patience:
        time.sleep(pause)
        pause = min(pause * 1.5, MOST_SECONDS_BETWEEN_LOOKS)
        try:
            machine, shown = fly.machines.get(machine.id), True
        except NotFound:  # the platform may not know it yet, just after its creation
            if shown or time.monotonic() - begun > UNCLEAR_SECONDS:
                return replace(machine, state="destroyed")
            continue
        if machine.gone or machine.state in ("stopped", "failed"):
            return machine
    return None


def _problem(ended: Machine) -> str:
    """How its command failed; "" if it ended with 0."""
    for event in ended.events:
        if event.get("type") == "exit" and (told := exit_of(event)):
            memory = ", killed for memory" if told.get("oom_killed") else ""
            return f"failed with exit code {told.get('exit_code')}{memory}" if told.get("exit_code") or memory else ""
    return f"did not run, or the platform does not say how it ended; {described(ended) or 'nothing else is known'}"


def _failed(fly: FlyClient, machine: Machine, command: str, problem: str) -> DeployError:
    lines: list[str] = []
    with contextlib.suppress(PlatformError):
        lines = fly.logs(machine.id, LAST_LINES)
    said = "".join(f"\n  {line}" for line in lines)
    last = f" Its last lines:{said}" if said else ""
    return DeployError(
        f"the release command `{command}` {problem}; no machine was changed.{last}\nFix it, commit, and deploy again"
    )
