"""Works out the order of environments: which are deployed to, and from which each of the others is promoted.

Worked out from the roles alone: an environment is added by its `.env.<name>` and `deploy/fly.<name>.toml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import ConfigurationError, UsageError
from deploy.settings.environments import (
    AUTO,
    NONE,
    ROOT,
    EnvironmentConfig,
    Role,
    environment_names,
    load_environment,
)

KEY = "PROMOTED_FROM"


@dataclass(frozen=True)
class Chain:
    """The environments of a clone. `sources`: by name, the environment that each is promoted from, None for none."""

    configs: Mapping[str, EnvironmentConfig]
    sources: Mapping[str, str | None]

    @property
    def deployed(self) -> tuple[str, ...]:
        """All environments but local ones, each after the one that it is promoted from."""
        ordered: list[str] = []
        left = [name for name, config in self.configs.items() if config.role is not Role.LOCAL]
        while left:
            ready = [name for name in left if self.sources[name] is None or self.sources[name] in ordered]
            ordered += ready
            left = [name for name in left if name not in ready]
        return tuple(ordered)

    @property
    def promoted(self) -> tuple[str, ...]:
        """The environments that receive promotions."""
        return tuple(name for name in self.deployed if self.sources[name])

    def line_to(self, name: str) -> tuple[str, ...]:
        """The environments that a release passes through on its way to `name`, `name` last."""
        source = self.sources[name]
        return (*self.line_to(source), name) if source else (name,)

    def sharing(self, name: str) -> tuple[str, ...]:
        """The environments in the same Fly organisation as `name`, where one of the two has users."""
        mine = self.configs[name]
        others = (self.configs[each] for each in self.deployed if each != name)
        same = [each for each in others if each.fly_organization == mine.fly_organization]
        return tuple(each.name for each in same if Role.PROTECTED in (each.role, mine.role))

    def following(self, name: str) -> tuple[str, ...]:
        """The environments that are promoted from `name`."""
        return tuple(each for each in self.deployed if self.sources[each] == name)


def read_chain(root: Path = ROOT) -> Chain:
    """Read every environment; raises ConfigurationError if one cannot be promoted from the environment it names."""
    configs = {name: load_environment(name, root) for name in environment_names(root)}
    sources = {name: _explicit(config, configs) for name, config in configs.items()}
    last = _last_proving(configs, sources)
    for name, config in configs.items():
        if config.promoted_from == AUTO and config.role is Role.PROTECTED and last:
            if len(last) > 1:
                raise ConfigurationError(
                    f".env.{name}", 0, KEY, f"is not given, and {' and '.join(last)} could each be meant; name one"
                )
            sources[name] = last[0]
    for name in configs:
        _refuse_circle(name, sources)
    return Chain(configs, sources)


def _explicit(config: EnvironmentConfig, configs: Mapping[str, EnvironmentConfig]) -> str | None:
    source = config.promoted_from
    if source in (AUTO, NONE):
        return None
    file = f".env.{config.name}"
    if config.role in (Role.LOCAL, Role.PREVIEW):
        raise ConfigurationError(file, 0, KEY, f"is {source!r}, but nothing is promoted to a {config.role} environment")
    if source not in configs:
        raise ConfigurationError(file, 0, KEY, f"{source!r} is not an environment; there are {', '.join(configs)}")
    if configs[source].role is not Role.PROVING:
        raise ConfigurationError(
            file, 0, KEY, f"{source!r} is {configs[source].role}; releases are promoted from proving environments alone"
        )
    return source


def _last_proving(configs: Mapping[str, EnvironmentConfig], sources: Mapping[str, str | None]) -> list[str]:
    """The proving environments from which no other proving one is promoted."""
    proving = [name for name, config in configs.items() if config.role is Role.PROVING]
    passed_on = {sources[name] for name in proving}
    return [name for name in proving if name not in passed_on]


def _refuse_circle(name: str, sources: Mapping[str, str | None]) -> None:
    seen, at = [name], sources[name]
    while at:
        if at == name:
            raise ConfigurationError(f".env.{name}", 0, KEY, f"goes in a circle: {' from '.join([*seen, at])}")
        if at in seen:
            return  # another's circle, told of there
        seen.append(at)
        at = sources[at]


def first_proving(chain: Chain) -> str:
    """The environment that commits reach first; raises UsageError if there is none, or more than one."""
    first = [name for name in chain.deployed if chain.configs[name].role is Role.PROVING and not chain.sources[name]]
    if len(first) != 1:
        raise UsageError(f"--env is missing; use --env {' or --env '.join(chain.deployed)}")
    return first[0]


def require_deployed(name: str, chain: Chain) -> str:
    """Return `name` if releases can go there; else raise UsageError."""
    if name not in chain.deployed:
        what = "is this machine: nothing is deployed to it" if name in chain.configs else "is not an environment"
        raise UsageError(f"{name!r} {what}; use --env {' or --env '.join(chain.deployed)}")
    return name


def default_target(chain: Chain) -> str | None:
    """Where promotions go without --env: the only protected environment; None if there are several, or none."""
    protected = [name for name in chain.promoted if chain.configs[name].role is Role.PROTECTED]
    return protected[0] if len(protected) == 1 else None


def require_promoted(name: str, chain: Chain) -> str:
    """Return `name`, or the only protected environment for "", if it receives promotions; else raise UsageError."""
    name = name or default_target(chain) or ""
    if name not in chain.promoted:
        options = " or ".join(f"--env {each}" for each in chain.promoted)
        wrong = f"{name!r} receives no promotions" if name else "--env is missing"
        raise UsageError(f"{wrong}; use {options}" if options else f"{wrong}: no environment does (ROLE, {KEY})")
    return name
