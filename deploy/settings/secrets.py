"""Tokens: a type that never prints its value, and the two places that tokens are read from."""

from __future__ import annotations

import hmac
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from deploy.errors import ConfigurationError, TokenMissing
from deploy.settings.dotenv import Line, read_bindings

TOKEN_NAMES: dict[str, str] = {
    "FLY_API_TOKEN": "deploy token of the Fly app: `fly tokens create deploy --app APP`",
    "CLOUDFLARE_API_TOKEN": "Cloudflare API token with the permission `Cloudflare Pages: Edit`",
    "CLOUDFLARE_ACCOUNT_ID": "Cloudflare account, 32 hexadecimal digits",
}


class Secret:
    """A value that only `reveal()` returns: repr, str, format and pickles never contain it."""

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
class Place:
    """Where a token was read: a file and its line (1-based), or the process environment (line 0); its name there."""

    file: str
    line: int
    name: str

    def shown(self) -> str:
        """For people."""
        return f"{self.name} in {self.file}{f':{self.line}' if self.line else ''}"


@dataclass(frozen=True)
class Tokens:
    """The tokens of one environment. Absent ones raise `TokenMissing` when asked for."""

    environment: str
    values: Mapping[str, Secret]
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each of them stands."""

    def place(self, name: str) -> Place:
        """Where `name` stands, or would stand when nobody says."""
        return self.places.get(name, Place(f".env.{self.environment}.secrets", 0, name))

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
    suffix = environment.upper().replace("-", "_")
    return f"{name}_{suffix}"


def read_secret_bindings(file: Path) -> Iterator[Line]:
    """Each key of a file of secrets, as `read_bindings`; raises ConfigurationError for a file that others may read."""
    if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(file.name, 0, "", f"others on this machine may read it; run: chmod 600 {file.name}")
    return read_bindings(file)


def read_tokens(environment: str, root: Path, environ: Mapping[str, str] = os.environ) -> Tokens:
    """Tokens of `environment` from the process environment, else from `.env.<environment>.secrets`.

    Raises ConfigurationError for an unknown or malformed key, for a secrets file others may read, and for a value that
    can be no token.
    """
    file = root / f".env.{environment}.secrets"
    values: dict[str, Secret] = {}
    places: dict[str, Place] = {}
    if file.exists():
        for binding in read_secret_bindings(file):
            if binding.key not in TOKEN_NAMES:
                known = ", ".join(TOKEN_NAMES)
                raise ConfigurationError(file.name, binding.line, binding.key, f"unknown secret; known are {known}")
            places[binding.key] = Place(file.name, binding.line, binding.key)
            values[binding.key] = _checked(binding.key, binding.value, places[binding.key])
    for name in TOKEN_NAMES:
        if given := environ.get(variable(name, environment), "").strip():
            places[name] = Place("the process environment", 0, variable(name, environment))
            values[name] = _checked(name, given, places[name])
    return Tokens(environment, values, places)


def _checked(name: str, value: str, place: Place) -> Secret:
    """The value without white space around it; one that no request could carry is refused, and never shown."""
    value = value.strip()
    allowed = r"[!-~]+( [!-~]+)*" if name == "FLY_API_TOKEN" else r"[!-~]+"  # Fly's begins with its scheme
    if value and not re.fullmatch(allowed, value):
        problem = "holds white space or a character that no token has; copy it again, whole and alone"
        raise ConfigurationError(place.file, place.line, place.name, problem)
    return Secret(value)


def refuse_shared(one: Tokens, other: Tokens) -> None:
    """Raise ConfigurationError when two environments hold the same API token: neither could be isolated."""
    for name in ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN"):
        mine, theirs = one.values.get(name), other.values.get(name)
        if mine and theirs and mine == theirs:
            here, there = one.place(name), other.place(name)
            raise ConfigurationError(
                here.file,
                here.line,
                here.name,
                f"is the same as {other.environment}'s ({there.shown()}); create one token for each environment",
            )
