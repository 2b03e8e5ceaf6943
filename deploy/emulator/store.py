"""The state directory: one JSON file of what is remembered, two of what is secret, and a place for each kind of data.

settings.json   what `start` was given
state.json      the world: apps, machines, volumes, projects, deployments, ports
private.json    values of app secrets and the emulator's own keys (0600)
tokens.json     the tenants' tokens (0600)
emulator.json   where the running emulator answers; absent when it was stopped
pages/          assets and deployments      registry/   blobs and manifests
volumes/        what machines keep          logs/
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from deploy.emulator.control import Tenant
from deploy.emulator.errors import StateBroken
from deploy.emulator.files import write_json
from deploy.emulator.model import World

TWENTY_YEARS = 175_200 * 3600.0  # seconds; as long as the provider's own tool makes a token last
VALIDITY_WINDOW = 4  # the number of that caveat


def macaroon(ends: float) -> str:
    """A token as the provider makes them, which tells when it ends (Unix time); its signature is nobody's."""
    nonce = [secrets.token_bytes(16), secrets.token_bytes(16), False]
    caveats = [VALIDITY_WINDOW, [int(time.time()), int(ends)]]
    packed = msgspec.msgpack.encode([nonce, "https://api.fly.io/v1", caveats, secrets.token_bytes(32)])
    return f"fm2_{base64.b64encode(packed).decode()}"


@dataclass
class Private:
    """Keys made on the first start, and the values of app secrets (`values[app][name]`)."""

    jwt_key: str = field(default_factory=lambda: secrets.token_hex(32))
    engine_password: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    admin_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))  # opens `/emulator`
    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return "Private(…)"


class Store:
    """Reads a state directory once and writes it whenever told; a reader sees whole files only."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.world = World()
        self.private = Private()
        self.saved: Callable[[], None] = lambda: None  # called after every change of the world
        if raw := self._read("state.json"):
            self.world = World.load(raw)
        if raw := self._read("private.json"):
            self.private = Private(**raw)

    def save(self) -> None:
        """Write the world."""
        write_json(self.directory / "state.json", self.world.dump())
        self.saved()

    def save_private(self) -> None:
        """Write keys and secrets' values."""
        write_json(self.directory / "private.json", vars(self.private))

    def volume(self, identifier: str) -> Path:
        """The directory of a volume."""
        return self.directory / "volumes" / identifier

    def tokens(self, tenants: Iterable[Tenant]) -> dict[str, dict[str, str]]:
        """Each environment's tokens by name, made at random for environments that have none yet."""
        known: dict[str, dict[str, str]] = self._read("tokens.json") or {}
        for tenant in tenants:
            known.setdefault(
                tenant.environment,
                {
                    "FLY_API_TOKEN": macaroon(time.time() + TWENTY_YEARS),
                    "CLOUDFLARE_API_TOKEN": secrets.token_urlsafe(30),
                    "CLOUDFLARE_ACCOUNT_ID": secrets.token_hex(16),
                },
            )
        write_json(self.directory / "tokens.json", known)
        return known

    def _read(self, name: str) -> Any:
        path = self.directory / name
        try:
            return json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except json.JSONDecodeError as error:
            raise StateBroken(
                f"{path} is not JSON ({error}); restore it, or remove {self.directory} to begin anew (loses its data)"
            ) from error
