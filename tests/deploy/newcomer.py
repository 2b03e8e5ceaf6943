"""A new user with two new accounts: a copy of this tree, and an emulator that stands for the cloud, with nothing on it.

Verbs run as a person types them, without --rehearsal: where the platforms are stands in the process environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import docker

from deploy.emulator.faults import FaultClient
from deploy.settings.secrets import variable
from tests.deploy.conftest import Project, copied
from tests.deploy.emulator.support import TENANTS, Emulated, emulator


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

    def doctor(self, env: str = "staging", code: int = 0) -> dict[str, dict[str, str]]:
        """What `invoke doctor --env` finds of each thing, by name."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", "doctor", "--env", env, "--json"],
            cwd=self.project.place, env=self.environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert found["ok"] is (code == 0)
        return {each["name"]: each for each in found["things"]}

    def start_over(self) -> None:
        """Staging as it was at first: no app, no project, no rules."""
        self.faults.clear()
        with self.emulated.fly("staging") as fly, self.emulated.pages("staging") as pages:
            fly.delete("/apps/runner-staging")
            pages.delete(self.emulated.account("staging", "staging-frontend"))
            while fly.get("/apps/runner-staging").status_code != 404:
                pass


@contextlib.contextmanager
def newcomer(scratch: Path, docker_host: str, engine: docker.DockerClient) -> Iterator[Newcomer]:
    """A new user, and the emulator, which is stopped at the end."""
    tenants = tuple(replace(tenant, organization="personal") for tenant in TENANTS)
    with emulator(scratch / "cloud", docker_host, engine, tenants=tenants, projects=False) as emulated:
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
