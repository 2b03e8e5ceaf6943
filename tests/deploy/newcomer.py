"""A new user with two new accounts: a copy of this tree, and an emulator that stands for the cloud, with nothing on it.

Verbs run as a person types them, without --rehearsal: where the platforms are stands in the process environment.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import docker

from deploy.emulator.faults import FaultClient
from deploy.events.bus import Bus
from deploy.ledger import Ledger
from deploy.rehearsals import SECCOMP
from deploy.release.setup import run
from deploy.release.setup.thing import Found, State, Thing
from deploy.release.setup.things import things_of
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens, variable
from deploy.target import Addresses, Target
from tests.deploy.conftest import Project, copied
from tests.deploy.emulator.support import TENANTS, Emulated, emulator, until


@dataclass
class Newcomer:
    """Who runs verbs in `project`; `variables` are added to the process environment."""

    project: Project
    emulated: Emulated
    variables: dict[str, str]

    @property
    def faults(self) -> FaultClient:
        """The rules of the platforms."""
        return FaultClient(self.emulated.state)

    def environment(self) -> dict[str, str]:
        """The process environment of a verb."""
        kept = {key: value for key, value in os.environ.items() if "TOKEN" not in key and not key.startswith("GIT_")}
        return kept | self.variables

    def invoke(self, *arguments: str, code: int = 0, given: str = "") -> str:
        """Run a verb in a pipe and assert its exit code; what it said, both streams."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *arguments],
            cwd=self.project.place, env=self.environment(), input=given, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == code, f"invoke {' '.join(arguments)} → {done.returncode}\n{said}"
        for values in self.emulated.tokens.values():
            assert not any(value in said for value in values.values()), "a token is shown"
        return said

    def target(self, env: str = "staging") -> Target:
        """The environment as a verb would act on it, for what needs no process of its own."""
        place, running = self.project.place, self.emulated.running
        where = Addresses(running.fly_api, self.variables["CLOUDFLARE_API_BASE_URL"], running.registry)
        tokens = Tokens(env, {name: Secret(value) for name, value in self.emulated.tokens[env].items()})
        return Target(load_environment(env, place), where, tokens, Ledger(place, env, "origin"), rehearsal=False)

    def look(self) -> dict[str, Found]:
        """What is found of each thing, by name."""
        target = self.target()
        found = run.look_at(target, self.things(target))
        assert run.healthy(found) == all(each.found.state in (State.THERE, State.UNKNOWN) for each in found)
        return {each.thing.name: each.found for each in found}

    def set_up(self) -> dict[str, Found]:
        """Make what is missing; what was found of each thing in the end."""
        target, told = self.target(), list[run.Checked]()
        done = run.set_up(target, self.things(target), Bus(), lambda making: True, told.append)
        assert told == done
        return {each.thing.name: each.found for each in done}

    def things(self, target: Target) -> list[Thing]:
        """All but GitHub: what is there of it is another's business."""
        return [each for each in things_of(target, Bus()) if each.name != "GitHub"]

    def start_over(self) -> None:
        """Staging as it was at first: no app, no project, no rules."""
        self.faults.clear()
        with self.emulated.fly("staging") as fly, self.emulated.pages("staging") as pages:
            fly.delete("/apps/runner-staging")
            pages.delete(self.emulated.account("staging", "staging-frontend"))
            assert until(lambda: fly.get("/apps/runner-staging").status_code == 404)


@contextlib.contextmanager
def newcomer(scratch: Path, docker_host: str, engine: docker.DockerClient) -> Iterator[Newcomer]:
    """A new user, and the emulator, which is stopped at the end."""
    tenants = tuple(replace(tenant, organization="personal") for tenant in TENANTS)
    new = {"tenants": tenants, "projects": False, "seccomp": SECCOMP}
    with emulator(scratch / "cloud", docker_host, engine, **new) as emulated:
        remote = scratch / "origin.git"
        subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
        project = copied(scratch)
        project.git("remote", "add", "origin", str(remote))
        project.git("push", "--quiet", "origin", "main")
        yield Newcomer(project, emulated, _where(emulated))


def _where(emulated: Emulated) -> dict[str, str]:
    running = emulated.running
    tokens = {
        variable(name, environment): value
        for environment, values in emulated.tokens.items()
        for name, value in values.items()
    }
    return tokens | {
        "FLY_FLAPS_BASE_URL": running.fly_api,
        "FLY_API_BASE_URL": running.fly_api,
        "FLY_REGISTRY": running.registry,
        "CLOUDFLARE_API_BASE_URL": running.cloudflare_api,
    }
