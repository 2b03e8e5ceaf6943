"""Tokens: a type that never prints itself, and the two places tokens may come from."""

from __future__ import annotations

import hmac
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from deploy.dotenv import read_bindings
from deploy.errors import ConfigurationError, TokenMissing

TOKEN_NAMES: dict[str, str] = {
    "FLY_API_TOKEN": "deploy token of the Fly app: `fly tokens create deploy --app APP`",
    "CLOUDFLARE_API_TOKEN": "Cloudflare API token with the permission `Cloudflare Pages: Edit`",
    "CLOUDFLARE_ACCOUNT_ID": "Cloudflare account, 32 hexadecimal digits",
}


class Secret:
    """A value that shows itself only to `reveal()`: not in repr, str, format, pickles or copies of its state."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self.__value.encode(), other.reveal().encode())

    def __hash__(self) -> int:
        return hash(("Secret", self.__value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not serialised")


@dataclass(frozen=True)
class Tokens:
    """The tokens of one environment. Absent ones raise `TokenMissing` when asked for."""

    environment: str
    values: Mapping[str, Secret]

    def get(self, name: str) -> Secret:
        """The token `name`; raises TokenMissing saying where it may stand."""
        value = self.values.get(name)
        if not value:
            raise TokenMissing(
                f"{name} for {self.environment} is missing ({TOKEN_NAMES[name]}). Set the environment variable "
                f"{variable(name, self.environment)}, or write {name}=… into .env.{self.environment}.secrets "
                f"(chmod 600), or rehearse without any account: add --rehearsal"
            )
        return value


def variable(name: str, environment: str) -> str:
    """The process environment's name of a token: each environment has its own, so that one job may hold both."""
    return f"{name}_{environment.upper()}"


def read_tokens(environment: str, root: Path, environ: Mapping[str, str] = os.environ) -> Tokens:
    """Tokens of `environment` from the process environment, else from `.env.<environment>.secrets`.

    Raises ConfigurationError for an unknown or malformed key and for a secrets file others may read.
    """
    file = root / f".env.{environment}.secrets"
    values: dict[str, Secret] = {}
    if file.exists():
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(
                file.name, 0, "", f"others on this machine may read it; run: chmod 600 {file.name}"
            )
        for binding in read_bindings(file):
            if binding.key not in TOKEN_NAMES:
                known = ", ".join(TOKEN_NAMES)
                raise ConfigurationError(file.name, binding.line, binding.key, f"unknown secret; known are {known}")
            values[binding.key] = Secret(binding.value)
    for name in TOKEN_NAMES:
        if given := environ.get(variable(name, environment)):
            values[name] = Secret(given)
    return Tokens(environment, values)


def refuse_shared(one: Tokens, other: Tokens) -> None:
    """Raise ConfigurationError when two environments hold the same API token: neither could be isolated."""
    for name in ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN"):
        mine, theirs = one.values.get(name), other.values.get(name)
        if mine and theirs and mine == theirs:
            raise ConfigurationError(
                f".env.{one.environment}.secrets",
                0,
                name,
                f"is the same as {other.environment}'s; create one token for each environment",
            )
