"""The emulator's stored state: apps, machines, projects, deployments. Plain data, to and from JSON."""

from __future__ import annotations

import dataclasses
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

ENDED = frozenset({"destroyed", "migrated"})
"""States that a machine never leaves. One that was migrated has a successor of the same name."""
SETTLED = frozenset({"created", "started", "stopped", "suspended", "failed", "destroyed"})
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def now_text() -> str:
    """The present as RFC 3339, UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ulid() -> str:
    """26 characters that sort by time: 48 bits of milliseconds, 80 random bits."""
    number = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


@dataclass
class Lease:
    """A machine held by one client. `expires_at` is Unix time in seconds."""

    nonce: str
    expires_at: float
    owner: str
    description: str


@dataclass
class Machine:
    """A machine: what was asked for, what it is, and its container.

    `registered` and `cordoned` decide with `state` and `checks` whether the edge may send requests. `version`s
    are the instance ids with their configurations, oldest first; `boots` counts how often it has started, `crashes`
    how often it was started again by itself since somebody last started it.
    """

    id: str
    app: str
    name: str
    region: str
    instance_id: str
    config: Json
    image: Json
    state: str = "created"
    registered: bool = True
    cordoned: bool = False
    skip_secrets: bool = False
    boots: int = 0
    crashes: int = 0
    private_ip: str = ""
    container: str = ""
    created_at: str = field(default_factory=now_text)
    updated_at: str = field(default_factory=now_text)
    lease: Lease | None = None
    checks: dict[str, Json] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)
    versions: list[Json] = field(default_factory=list)

    @classmethod
    def load(cls, raw: Json) -> Machine:
        """From `dataclasses.asdict`'s shape."""
        lease = raw.pop("lease")
        return cls(**raw, lease=Lease(**lease) if lease else None)

    @property
    def metadata(self) -> dict[str, str]:
        """The metadata of the configuration, made when absent."""
        found: dict[str, str] = self.config.setdefault("metadata", {})
        return found

    @property
    def internal_port(self) -> int | None:
        """Where the edge sends requests: the port of the HTTP service, else of the first one; None without any."""
        services = self.config.get("services") or []
        for service in services:
            if any("http" in (port.get("handlers") or []) for port in service.get("ports") or []):
                return int(service["internal_port"])
        return int(services[0]["internal_port"]) if services else None


@dataclass
class Volume:
    """A volume; what is in it lies in `volumes/ID` of the state directory."""

    id: str
    app: str
    name: str
    region: str
    size_gb: int
    encrypted: bool
    attached_machine_id: str | None = None
    created_at: str = field(default_factory=now_text)


@dataclass
class App:
    """A Fly app. `ports` are all internal ports its machines ever had; `secrets` holds digests, never values.

    `addresses` are as the API lists them; `allocated` counts those that it ever had.
    """

    name: str
    environment: str
    org_slug: str
    network: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    created_at: str = field(default_factory=now_text)
    ports: list[int] = field(default_factory=list)
    secrets: dict[str, Json] = field(default_factory=dict)
    secrets_version: int = 0
    addresses: list[Json] = field(default_factory=list)
    allocated: int = 0


PAID_FILES = 100_000
"""Of a deployment to Pages on a paid plan."""


@dataclass
class Deployment:
    """A Pages deployment. `files` maps paths to asset names; `status` is that of the stage `deploy`."""

    id: str
    environment: str
    files: dict[str, str]
    headers: str
    redirects: str
    trigger: Json
    status: str = "active"
    problem: str = ""
    created_on: str = field(default_factory=now_text)
    modified_on: str = field(default_factory=now_text)


@dataclass
class Project:
    """A Pages project; `canonical` is what its host serves, `max_files` how many the account's plan allows.

    `host` is its address where it did not get the one that goes with its name.
    """

    name: str
    environment: str
    production_branch: str = "main"
    max_files: int = 20_000
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    created_on: str = field(default_factory=now_text)
    canonical: str | None = None
    host: str = ""
    deployments: dict[str, Deployment] = field(default_factory=dict)

    @classmethod
    def load(cls, raw: Json) -> Project:
        """From `dataclasses.asdict`'s shape."""
        deployments = {key: Deployment(**value) for key, value in raw.pop("deployments").items()}
        return cls(**raw, deployments=deployments)


@dataclass
class World:
    """All that is remembered. `instance` names this emulator in the engine; `ports` are its own on loopback."""

    instance: str = field(default_factory=lambda: secrets.token_hex(4))
    ports: dict[str, int] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    provided: list[str] = field(default_factory=list)
    """Projects that tenants were given once: who deletes one has none."""

    @classmethod
    def load(cls, raw: Json) -> World:
        """From `dump`'s shape."""
        return cls(
            instance=raw["instance"],
            ports=raw["ports"],
            apps={key: App(**value) for key, value in raw["apps"].items()},
            machines={key: Machine.load(value) for key, value in raw["machines"].items()},
            volumes={key: Volume(**value) for key, value in raw.get("volumes", {}).items()},
            projects={key: Project.load(value) for key, value in raw["projects"].items()},
            provided=raw.get("provided", list(raw["projects"])),
        )

    def dump(self) -> Json:
        """As JSON values."""
        return dataclasses.asdict(self)

    def age_of(self, machine: str) -> float:
        """Seconds since a machine, or an app of that name, was created; without end for what is not known."""
        found = self.machines.get(machine) or self.apps.get(machine)
        if found is None:
            return float("inf")
        return (datetime.now(UTC) - datetime.fromisoformat(found.created_at)).total_seconds()

    def machines_of(self, app: str) -> list[Machine]:
        """The app's machines, oldest first, destroyed ones included."""
        return [machine for machine in self.machines.values() if machine.app == app]
