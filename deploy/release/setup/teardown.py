"""Removes what `setup` made at the providers: the Pages project, then the app with everything in it."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.release.desk import half_way, working_on
from deploy.target import Target


def consequences(target: Target) -> list[str]:
    """What goes and what stays, in sentences, for whoever decides."""
    config, name = target.config, target.name
    app, project = config.deployment_target, config.pages_project
    return [
        f"removes app {app} with its machines, addresses, secrets and images: {config.api_url} answers no more",
        f"removes Pages project {project} with all that it published: {config.frontend_url} answers no more",
        f"keeps the ledger ({target.ledger.place}), the tokens, and environment {name} at GitHub with its secrets",
    ]


def tear_down(target: Target, bus: Bus, logs: Path) -> None:
    """Remove both, under the environment's lock; what is gone already is fine, so it may be run again.

    Raises LockHeld while another deployer works on it, DeployError while a rollout is half-way, or when machines serve
    that its ledger does not know: they may be somebody else's.
    """
    with working_on(target, "teardown", bus, logs) as desk:
        left = desk.snapshot().intent()
        if left is not None:
            raise DeployError(f"nothing was removed: {half_way(left, target)}; then run this again")
        desk.refuse_strangers()
        with desk.bus.step(f"remove Pages project {target.config.pages_project}"):
            desk.pages.delete_project()
        with desk.bus.step(f"remove app {target.config.deployment_target}"):
            desk.fly.delete_app()
