"""The rehearsal: all environments on this machine, behind the same verbs (`--rehearsal`), without any account.

Its state is in `.rehearsal/`: the emulator's data, a git remote for the ledger, logs, and the report. A rehearsal never
writes to the project's own remote.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from deploy import emulator, occupancy
from deploy.errors import DeployError, UsageError
from deploy.git import git
from deploy.ledger import Ledger
from deploy.settings.chain import read_chain, require_deployed
from deploy.settings.environments import ROOT, EnvironmentConfig, Role
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from deploy.workstation import docker_host, program, stop_engine
from deploy.workstation.namespaces import require_namespaces

# Several rehearsals of one clone are told apart by this variable.
STATE = Path(os.environ.get("CODECANVAS_REHEARSAL_DIR", ROOT / ".rehearsal"))
LAG = "CODECANVAS_REHEARSAL_LAG"
"""Seconds after which the edge of a rehearsal that is started learns of machines; unset: as the emulator has it."""
SECCOMP = ROOT / "backend" / "seccomp.json"


def tenants(root: Path = ROOT) -> list[emulator.Tenant]:
    """Each environment's app, project and host names, as in the cloud, for the emulator."""
    chain = read_chain(root)
    configs = [chain.configs[name] for name in chain.deployed]
    return [
        emulator.Tenant(
            environment=config.name,
            app=config.deployment_target,
            project=config.pages_project,
            app_host=config.service_host,
            project_host=config.frontend_host,
            organization=config.fly_organization,
        )
        for config in configs
    ]


def start(tell: Callable[[str], None], state: Path = STATE) -> emulator.Running:
    """Start the emulator (and what it needs) unless it runs; returns its addresses."""
    if running := emulator.running(state):
        for config in read_chain().configs.values():
            if config.role is not Role.LOCAL:
                _require_host(running, config)
        return running
    lag, host = _lag(), docker_host(tell)
    require_namespaces(host)
    caddy, registry = program("caddy", tell), program("docker-registry", tell)
    state.mkdir(parents=True, exist_ok=True)
    try:
        return emulator.start(
            state, tenants(), docker_host=host, caddy=caddy, registry=registry, seccomp=SECCOMP, lag=lag
        )
    except emulator.EmulatorError as failed:
        raise DeployError(str(failed), log=failed.log) from failed


def _lag(environ: Mapping[str, str] = os.environ) -> float:
    text = environ.get(LAG, "")
    if text and not re.fullmatch(r"[0-9]{1,2}(\.[0-9]+)?", text):
        raise UsageError(f"{LAG}={text!r} in the process environment is no number of seconds; write 2, or unset it")
    return float(text) if text else emulator.LAG_SECONDS


def stop(state: Path = STATE, *, force: bool = False) -> bool:
    """Stop the emulator, and the private Docker engine if no other clone uses it; returns whether anything was stopped.

    Raises UsageError naming the verbs that use the rehearsal, unless `force`.
    """
    with occupancy.alone(state, force=force):
        stopped = emulator.stop(state)
        return stop_engine() or stopped


def in_use(state: Path = STATE) -> AbstractContextManager[None]:
    """Mark the rehearsal as in use during the block; raises UsageError while it is being stopped."""
    return occupancy.in_use(state)


def rehearsal_config(name: str, state: Path = STATE) -> EnvironmentConfig:
    """The environment's configuration with the addresses of the rehearsal; raises UsageError when none runs."""
    chain = read_chain()
    config = chain.configs[require_deployed(name, chain)]
    running = _running(state)
    _require_host(running, config)
    service, frontend = (running.urls[host].rstrip("/") for host in (config.service_host, config.frontend_host))
    return replace(config, api_url=f"{service}/api/v1/", frontend_url=f"{frontend}/")


def rehearsal_target(name: str, state: Path = STATE) -> Target:
    """The environment on this machine; raises UsageError when no rehearsal runs."""
    config = rehearsal_config(name, state)
    running = _running(state)
    values = json.loads((state / "tokens.json").read_text())[name]
    tokens = Tokens(name, {key: Secret(value) for key, value in values.items()})
    addresses = Addresses(running.fly_api, running.cloudflare_api, running.registry, fly_logs=running.fly_api)
    return Target(config, addresses, tokens, _ledger(name, state), rehearsal=True)


def _require_host(running: emulator.Running, config: EnvironmentConfig) -> None:
    if not {config.service_host, config.frontend_host} <= running.urls.keys():
        raise UsageError(
            f"the rehearsal does not know {config.name}, which was added or renamed after it was started; restart its "
            "platforms: invoke rehearse --down && invoke rehearse --up"
        )


def _running(state: Path) -> emulator.Running:
    running = emulator.running(state)
    if running is None:
        raise UsageError("no rehearsal runs on this machine; start one: invoke rehearse (or only its platforms: --up)")
    return running


def _ledger(name: str, state: Path) -> Ledger:
    remote, work = state / "remote.git", state / "ledger.git"
    for repository in (remote, work):
        if not (repository / "HEAD").exists():
            repository.mkdir(parents=True, exist_ok=True)
            made = git(repository, "init", "--quiet", "--bare")
            if not made.ok:
                raise DeployError(f"{repository} could not be made: {made.said}; fix that, then run this again")
    return Ledger(work, name, str(remote), flag=" --rehearsal")
