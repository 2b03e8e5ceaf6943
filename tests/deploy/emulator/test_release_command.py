"""The release command of fly.toml, run by our client on a machine of the emulator's."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.emulator.faults import FaultClient, inject
from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.platforms.fly import FlyClient
from deploy.platforms.fly.toml import FlyConfig, ReleaseCommand, read_fly_toml
from deploy.release.release_command import run_release_command
from deploy.release.rollout.strangers import strangers
from deploy.settings.secrets import Secret
from tests.deploy.emulator.support import Emulated, until

FILE = Path(__file__).parents[2] / "unit/deploy/platforms/fly.everything.toml"


@pytest.fixture
def fly(emulated: Emulated, staging: dict[str, Any]) -> Iterator[FlyClient]:
    token = emulated.tokens["staging"]["FLY_API_TOKEN"]
    client = FlyClient(emulated.running.fly_api, "runner-staging", Secret(token), logs_url=emulated.running.fly_api)
    yield client
    client.close()


@pytest.fixture
def bus() -> Bus:
    return Bus()


def saying(command: str, timeout: float = 20.0) -> FlyConfig:
    return replace(read_fly_toml(FILE), region="fra", release_command=ReleaseCommand(command, timeout))


def run(fly: FlyClient, bus: Bus, toml: FlyConfig, staging: dict[str, Any], name: str = "") -> None:
    name = name or f"command-{uuid.uuid4().hex[:8]}"
    run_release_command(fly, bus, toml, staging["image"], {**staging, "env": {"GREETING": "hello"}}, name)


def test_it_has_the_releases_environment_and_leaves_no_machine(
    fly: FlyClient, bus: Bus, staging: dict[str, Any]
) -> None:
    run(fly, bus, saying('sh -c "test $RELEASE_COMMAND = 1 && test $GREETING = hello"'), staging)
    assert fly.machines.list() == []


def test_it_runs_on_a_platform_that_shows_late_what_it_did(
    emulated: Emulated, fly: FlyClient, bus: Bus, staging: dict[str, Any]
) -> None:
    inject(emulated.state, [{"kind": "eventual", "seconds": 2}])
    try:
        for _ in range(3):  # answered as usual, with 408 though it was done, and with 408 without being done
            run(fly, bus, saying('sh -c "exit 0"'), staging)
    finally:
        FaultClient(emulated.state).clear()
    assert until(lambda: fly.machines.list() == []), "none was made twice"


def test_what_fails_says_its_exit_code_and_last_lines(fly: FlyClient, bus: Bus, staging: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match=r"failed with exit code 3; no machine was changed(.|\n)*no such table"):
        run(fly, bus, saying('sh -c "echo no such table; exit 3"'), staging)
    assert fly.machines.list() == []


def test_what_takes_too_long_is_ended(fly: FlyClient, bus: Bus, staging: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match="had not ended after 2 s"):
        run(fly, bus, saying("sleep 60", 2.0), staging)
    assert fly.machines.list() == []


def test_what_does_not_exist_says_so(fly: FlyClient, bus: Bus, staging: dict[str, Any]) -> None:
    with pytest.raises(DeployError, match=r"`no-such-program` did not run.*could not be launched"):
        run(fly, bus, saying("no-such-program"), staging)
    assert fly.machines.list() == []


def test_the_command_of_a_deployer_that_was_killed_is_waited_for(
    fly: FlyClient, bus: Bus, staging: dict[str, Any]
) -> None:
    earlier = threading.Thread(target=run, args=(fly, bus, saying("sleep 4"), staging, "earlier"))
    begun = time.monotonic()
    earlier.start()
    while not (machines := fly.machines.list()):
        time.sleep(0.05)
    assert strangers(machines, "staging", set()) == (), "it is no stranger: it ends by itself"
    run(fly, bus, saying('sh -c "exit 0"'), staging)
    assert time.monotonic() - begun > 4
    earlier.join()
