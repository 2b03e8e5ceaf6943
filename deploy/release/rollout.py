"""Blue-green, as an ordered list of named steps that can be read aloud.

Green machines are made beside the blue ones and receive nothing until they are healthy; then both serve, then green
alone while blue still runs; blue is removed only after the smoke suite. When a step fails, what was done is taken back
in the opposite order: blue serves again, the page is what it was, green is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from deploy.artifacts.frontend import site_files
from deploy.artifacts.oci import files_of_layers
from deploy.console import Teller
from deploy.errors import DeployError, RolloutFailed
from deploy.ledger import DeploymentInfo
from deploy.platforms.errors import PlatformError
from deploy.platforms.fly import FlyClient, Machine
from deploy.platforms.fly.toml import FlyConfig, read_fly_toml
from deploy.platforms.registry import RegistryClient
from deploy.release.machine import ENVIRONMENT, belongs, machine_config
from deploy.target import Target
from deploy.verification import run_smoke

HEALTH_SECONDS = 120
POLL_SECONDS = 0.25


class Rollout:
    """Brings one release to one environment, or takes everything back."""

    def __init__(
        self, target: Target, deployment: DeploymentInfo, previous: DeploymentInfo | None, teller: Teller, logs: Path
    ) -> None:
        self.target, self.deployment, self.previous = target, deployment, previous
        self.teller, self.logs = teller, logs
        self.toml: FlyConfig = read_fly_toml(target.config.fly_toml)
        self.blue: list[Machine] = []
        self.green: list[Machine] = []
        self._undo: list[tuple[str, Callable[[FlyClient], None]]] = []

    def run(self) -> None:
        """Take every step; raises RolloutFailed after having taken back what was done."""
        with self.target.fly() as fly:
            try:
                for name, step in self.steps():
                    with self.teller.step(name):
                        step(fly)
            except (Exception, KeyboardInterrupt) as failed:
                self._take_back(fly, failed)
            with self.teller.step("remove the old machines"):
                self._retire(fly)

    def steps(self) -> list[tuple[str, Callable[[FlyClient], None]]]:
        """The rollout, read aloud."""
        return [
            ("look at what runs", self._observe),
            ("create machines beside it", self._create),
            ("wait until they are healthy", self._wait_healthy),
            ("check the digest on every machine", self._check_digests),
            ("send them requests", self._register),
            ("send the old ones none", self._cordon_blue),
            ("publish the page", self._publish),
            ("smoke suite", self._smoke),
        ]

    def _observe(self, fly: FlyClient) -> None:
        for machine in fly.machines.list():
            owner = machine.metadata.get(ENVIRONMENT)
            if owner != self.target.name:
                raise DeployError(
                    f"machine {machine.id} of app {self.toml.app} is labelled for {owner or 'nothing'}, "
                    f"not {self.target.name}; nothing was changed. Look at the app, then remove or label that machine"
                )
            self.blue.append(machine)

    def _create(self, fly: FlyClient) -> None:
        self._undo.append(("destroy the new machines", self._destroy_green))
        count = max(self.toml.min_machines, sum(machine.state == "started" for machine in self.blue))
        with self.target.registry() as registry:
            image = registry.reference(self.deployment.image)
        config = machine_config(self.target.config, self.toml, self.deployment, image)
        for number in range(1, count + 1):
            name = f"{self.target.name}-{self.deployment.id}-{number}"
            self.green.append(fly.machines.create(name, self.toml.region, config, register=False))
        self.teller.note(f"{count} machines of {self.deployment.version}")

    def _wait_healthy(self, fly: FlyClient) -> None:
        deadline = time.monotonic() + HEALTH_SECONDS
        for machine in self.green:
            seen = fly.machines.get(machine.id)
            while not seen.healthy:
                if seen.state in ("failed", "destroyed", "launch_failed", "stopped"):
                    raise RolloutFailed(f"machine {machine.id} is {seen.state}")
                if time.monotonic() > deadline:
                    checks = (
                        "; ".join(f"{c.name} {c.status}: {c.output[:120]}" for c in seen.checks) or "no check reported"
                    )
                    raise RolloutFailed(f"machine {machine.id} not healthy after {HEALTH_SECONDS} s: {checks}")
                time.sleep(POLL_SECONDS)
                seen = fly.machines.get(machine.id)

    def _check_digests(self, fly: FlyClient) -> None:
        for machine in self.green:
            digest = fly.machines.get(machine.id).digest
            if digest != self.deployment.image:
                raise RolloutFailed(
                    f"machine {machine.id} runs {digest or 'an unnamed image'}, not {self.deployment.image}"
                )

    def _register(self, fly: FlyClient) -> None:
        for machine in self.green:
            fly.machines.uncordon(machine.id)

    def _cordon_blue(self, fly: FlyClient) -> None:
        self._undo.append(("send requests to the old machines", self._uncordon_blue))
        for machine in self.blue:
            with fly.machines.leased(machine.id, f"deployment {self.deployment.id}"):
                fly.machines.cordon(machine.id)

    def _publish(self, _: FlyClient) -> None:
        if self.previous is not None:
            previous = self.previous
            self._undo.append(("publish the previous page", lambda _: publish_page(self.target, previous)))
        publish_page(self.target, self.deployment)

    def _smoke(self, _: FlyClient) -> None:
        suite = run_smoke(self.target.name, rehearsal=self.target.rehearsal, logs=self.logs)
        self.teller.note(f"{suite.passed} checks passed")

    def _retire(self, fly: FlyClient) -> None:
        for machine in self.blue:
            fly.machines.destroy(machine.id)

    def _destroy_green(self, fly: FlyClient) -> None:
        """Every machine of this deployment, also one whose creation was answered by an error."""
        for machine in fly.machines.list():
            if belongs(machine, self.deployment.id):
                fly.machines.destroy(machine.id)

    def _uncordon_blue(self, fly: FlyClient) -> None:
        for machine in self.blue:
            fly.machines.uncordon(machine.id)

    def _take_back(self, fly: FlyClient, failed: BaseException) -> None:
        """Undo in the opposite order; raises RolloutFailed saying what serves now."""
        problems = []
        for name, undo in reversed(self._undo):
            try:
                with self.teller.step(f"take back: {name}"):
                    undo(fly)
            except PlatformError as again:
                problems.append(f"{name}: {again}")
        now = f"{self.previous.version} serves" if self.previous else "nothing served before, and nothing serves now"
        if problems:
            now = f"taking it back was not finished ({'; '.join(problems)}); run `invoke status` and roll back by hand"
        why = str(failed) or type(failed).__name__
        text = f"{self.target.name}: {self.deployment.version} was not released: {why}. {now[0].upper()}{now[1:]}"
        raise RolloutFailed(text, log=getattr(failed, "log", None)) from failed


def read_page(registry: RegistryClient, digest: str) -> dict[str, bytes]:
    """The files of a frontend image in a repository."""
    _, manifest, _ = registry.manifest(digest)
    return files_of_layers([b"".join(registry.blob(layer["digest"])) for layer in manifest["layers"]])


def publish_page(target: Target, deployment: DeploymentInfo) -> None:
    """Publish a release's page, read by digest from the environment's own repository."""
    with target.registry() as registry, target.pages() as pages:
        image = read_page(registry, deployment.frontend)
        files = site_files(image, target.name, target.config.api_url)
        # Pages calls the project's main branch its production: each environment is a project of its own.
        pages.publish(files, branch="main", sha=deployment.commit_sha, message=f"codecanvas {deployment.version}")
