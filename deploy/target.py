"""A verb's target: an environment's configuration, addresses, tokens and ledger, in the cloud or in a rehearsal."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import UsageError
from deploy.ledger import Ledger
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.settings.chain import default_target, read_chain, require_deployed
from deploy.settings.environments import ROOT, EnvironmentConfig
from deploy.settings.remotes import choose_remote, parse_remote
from deploy.settings.secrets import Tokens, read_tokens, refuse_shared


@dataclass(frozen=True)
class Addresses:
    """Where the platforms answer; each can be set in the process environment, under the name its own tools use."""

    fly: str
    cloudflare: str
    registry: str
    fly_logs: str = "https://api.fly.io"


def cloud_addresses(environ: Mapping[str, str] = os.environ) -> Addresses:
    """The providers' own addresses, unless the process environment says otherwise."""
    return Addresses(
        fly=environ.get("FLY_FLAPS_BASE_URL", "https://api.machines.dev"),
        cloudflare=environ.get("CLOUDFLARE_API_BASE_URL", "https://api.cloudflare.com/client/v4"),
        registry=environ.get("FLY_REGISTRY", "registry.fly.io"),
        fly_logs=environ.get("FLY_API_BASE_URL", "https://api.fly.io"),
    )


@dataclass(frozen=True)
class Target:
    """An environment to act on."""

    config: EnvironmentConfig
    addresses: Addresses
    tokens: Tokens
    ledger: Ledger
    rehearsal: bool
    strict: bool = False
    """Of a rehearsal: it takes its time as if its platforms were the cloud's."""

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.config.name

    @property
    def flag(self) -> str:
        """The flag that commands in messages need to act on this target: ` --rehearsal`, or ""."""
        return " --rehearsal" if self.rehearsal else ""

    @property
    def to(self) -> str:
        """The flag that promotion commands in messages need besides `flag`: ` --env NAME`, or "" for the default."""
        chain = read_chain()
        return "" if self.name == default_target(chain) else f" --env {self.name}"

    @property
    def promoted(self) -> bool:
        """Whether releases reach it by promotion instead of `deploy`."""
        return read_chain().sources.get(self.name) is not None

    @contextmanager
    def fly(self, patience: Patience = Patience()) -> Iterator[FlyClient]:  # noqa: B008 - frozen
        """A client of the environment's Fly app."""
        token, app = self.tokens.get("FLY_API_TOKEN"), self.config.deployment_target
        client = FlyClient(self.addresses.fly, app, token, logs_url=self.addresses.fly_logs, patience=patience)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def pages(self, patience: Patience = Patience()) -> Iterator[PagesClient]:  # noqa: B008 - frozen
        """A client of the environment's Pages project."""
        account, token = self.tokens.get("CLOUDFLARE_ACCOUNT_ID"), self.tokens.get("CLOUDFLARE_API_TOKEN")
        client = PagesClient(self.addresses.cloudflare, account, self.config.pages_project, token, patience=patience)
        try:
            yield client
        finally:
            client.close()

    @contextmanager
    def registry(self, patience: Patience = Patience()) -> Iterator[RegistryClient]:  # noqa: B008 - frozen
        """A client of the environment's image repository."""
        token, app = self.tokens.get("FLY_API_TOKEN"), self.config.deployment_target
        client = RegistryClient(self.addresses.registry, app, token, patience=patience)
        try:
            yield client
        finally:
            client.close()

    def require_tokens(self) -> None:
        """Raise TokenMissing, naming the first token that is missing, before anything is begun."""
        for name in ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"):
            self.tokens.get(name)


def cloud_target(name: str, root: Path = ROOT) -> Target:
    """The environment in the cloud. Reads the tokens now; a missing one is an error only when it is used."""
    chain = read_chain(root)
    config = chain.configs[require_deployed(name, chain)]
    tokens = {each: read_tokens(each, root) for each in chain.deployed}
    for one, other in itertools.combinations(tokens.values(), 2):
        refuse_shared(one, other)
    return Target(config, cloud_addresses(), tokens[name], Ledger(root, name, _remote(root, config)), rehearsal=False)


def _remote(root: Path, config: EnvironmentConfig, environ: Mapping[str, str] = os.environ) -> str | None:
    """The remote that holds the environment's ledger: the process environment's LEDGER_REMOTE before the settings'."""
    given = environ.get("LEDGER_REMOTE", "")
    try:
        return choose_remote(root, parse_remote(given) if given else config.ledger_remote)
    except ValueError as wrong:
        raise UsageError(f"LEDGER_REMOTE in the process environment {wrong}") from None


def known_shas(*targets: Target) -> Iterator[str]:
    """The commits of all releases in these targets' ledgers; read lazily."""
    for target in targets:
        yield from target.ledger.snapshot().shas()
