"""Reads `.env.<name>` into a frozen EnvironmentConfig: what differs between environments, and nothing secret.

KEYS is the one place where a key is declared: its type, default and help. The documentation is made from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deploy.errors import ConfigurationError, UsageError
from deploy.git import without_credentials
from deploy.settings.dotenv import read_bindings
from deploy.settings.durations import parse_duration
from deploy.settings.policy import Promotion, ReleasePolicy, Strategy
from deploy.settings.regions import RegionCount, parse_regions
from deploy.settings.remotes import DEFAULT_REMOTE, parse_remote
from deploy.settings.windows import parse_windows

NAME = r"[a-z0-9][a-z0-9-]{0,61}[a-z0-9]"
ROOT = Path(__file__).resolve().parents[2]
ORGANIZATION = "personal"


class Role(StrEnum):
    """What an environment is for. Code depends on roles, never on names."""

    LOCAL = "local"
    """This machine; nothing is deployed to it."""
    PROVING = "proving"
    """Suites run against it, and what passes is promoted from it."""
    PROTECTED = "protected"
    """It has users: only promotions reach it, failures count for the breaker, and people are alerted."""
    PREVIEW = "preview"
    """Deployed to directly; nothing is promoted from it."""


@dataclass(frozen=True)
class ResourceLimits:
    """How many runs at once, and the wall clock each may take, in seconds."""

    num_runners: int
    timeout: float


@dataclass(frozen=True)
class EnvironmentConfig:
    """One environment. URLs end in `/`; `deployment_target` is the Fly app, or `localhost`."""

    name: str
    role: Role
    promoted_from: str
    """The environment whose proven releases are promoted here: its name, AUTO or NONE; `chain.py` works it out."""
    api_url: str
    frontend_url: str
    deployment_target: str
    pages_project: str
    branch: str
    resource_limits: ResourceLimits
    release: ReleasePolicy
    ledger_remote: str = DEFAULT_REMOTE
    fly_organization: str = ORGANIZATION
    regions: tuple[RegionCount, ...] = ()
    """Where its machines are, in the order of the file; none: in fly.toml's primary region."""

    @property
    def service_url(self) -> str:
        """The backend's root, where /healthz and /version are; ends in `/`."""
        return self.api_url.removesuffix("api/v1/")

    @property
    def service_host(self) -> str:
        """Host name that reaches the backend."""
        return urlsplit(self.api_url).hostname or ""

    @property
    def frontend_host(self) -> str:
        """Host name that serves the page."""
        return urlsplit(self.frontend_url).hostname or ""

    @property
    def fly_toml(self) -> Path:
        """The Fly configuration of this environment."""
        return ROOT / "deploy" / f"fly.{self.name}.toml"


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an http(s) URL")
    if not parts.path.endswith("/") or parts.query or parts.fragment:
        raise ValueError("must end in / and have no query")
    return text


def _api_url(text: str) -> str:
    if not _url(text).endswith("/api/v1/"):
        raise ValueError("must end in /api/v1/")
    return text


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,4}", text) or not low <= int(text) <= high:
            raise ValueError(f"is not a whole number from {low} to {high}")
        return int(text)

    return parse


def _one_of(words: type[StrEnum]) -> Callable[[str], StrEnum]:
    def parse(text: str) -> StrEnum:
        try:
            return words(text)
        except ValueError:
            raise ValueError(f"is none of {', '.join(words)}") from None

    return parse


def _strategy(text: str) -> StrEnum | None:
    return None if text == AUTO else _one_of(Strategy)(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", text) or float(text) <= 0:
        raise ValueError("is not a number of seconds above 0")
    return float(text)


def _name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError("is not a name of lower-case letters, digits and hyphens")
    return text


def _branch(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/-]*", text) or ".." in text:
        raise ValueError("is not a branch name")
    return text


@dataclass(frozen=True)
class Key:
    """A key of `.env.<name>`: `parse` raises ValueError with what is wrong; no `default` means it must be given."""

    name: str
    parse: Callable[[str], Any]
    help: str
    default: str | None = None


AUTO, NONE = "auto", "none"

KEYS: tuple[Key, ...] = (
    Key("ROLE", _one_of(Role), f"what it is for: {', '.join(Role)}", Role.PROTECTED),
    Key(
        "PROMOTED_FROM",
        _name,
        "the environment whose proven releases are promoted here; none: it is deployed to directly; auto: the last of "
        "the proving environments for a protected one, none for others",
        AUTO,
    ),
    Key("API_URL", _api_url, "where the runner's API answers; ends in /api/v1/"),
    Key("FRONTEND_URL", _url, "where the page is served; ends in /"),
    Key("DEPLOYMENT_TARGET", _name, "the Fly app that runs the backend, or localhost"),
    Key(
        "FLY_ORGANIZATION",
        _name,
        "the slug of the Fly organisation in which the app is created; environments that should share nothing have one "
        "each",
        ORGANIZATION,
    ),
    Key(
        "REGIONS",
        parse_regions,
        "the regions in which its machines are, such as fra,iad:2; without a count as many as fly.toml's "
        "min_machines_running; fly.toml's primary_region must be one of them, and comes first; auto: that one alone",
        AUTO,
    ),
    Key("PAGES_PROJECT", _name, "the Cloudflare Pages project that serves the page", default="none"),
    Key("BRANCH", _branch, "the git branch this environment is deployed from", default="main"),
    Key("LEDGER_REMOTE", parse_remote, "name or URL of the git remote that holds the ledger", DEFAULT_REMOTE),
    Key("NUM_RUNNERS", _whole(1, 9999), "how many programs one machine runs at once"),
    Key("TIMEOUT", _seconds, "wall clock of one program, in seconds", default="10"),
    Key("PROMOTION", _one_of(Promotion), "automatic: the evidence answers the checklists; manual: people", "automatic"),
    Key("APPROVALS", _whole(0, 99), "how many people must approve what is promoted to it", "0"),
    Key("EVIDENCE_DAYS", _whole(1, 9999), "how many days evidence counts", "7"),
    Key("BREAKER_THRESHOLD", _whole(1, 9999), "failed promotions in a row that open the breaker", "1"),
    Key("BREAKER_COOLDOWN", parse_duration, "how long the breaker stays open before it allows one canary", "60m"),
    Key("FREEZE_WINDOWS", parse_windows, "weekly times without promotions, or none", "none"),
    Key(
        "STRATEGY",
        _strategy,
        "bluegreen, canary, rolling or immediate; auto: what fly.toml says in [deploy], else bluegreen",
        AUTO,
    ),
    Key("ROLLBACK_WINDOW", parse_duration, "how long machines are kept for an immediate rollback", "24h"),
    Key("DRAIN", parse_duration, "how long a machine may finish its requests after it gets no new ones", "5s"),
)


def environment_names(root: Path = ROOT) -> tuple[str, ...]:
    """The environments that there are: one for each `.env.<name>` in `root`, in alphabetical order."""
    return tuple(sorted(file.name[5:] for file in root.glob(".env.*") if re.fullmatch(NAME, file.name[5:])))


def load_environment(name: str, root: Path = ROOT) -> EnvironmentConfig:
    """Read `.env.<name>`. Raises UsageError when there is none, ConfigurationError (file, line, key) for the rest."""
    file = root / f".env.{name}"
    if name not in (known := environment_names(root)):
        there = f"; use one of {', '.join(known)}" if known else ""
        raise UsageError(f"unknown environment {name!r}{there}. To add it, write {file.name}, which is missing")
    declared = {key.name: key for key in KEYS}
    values: dict[str, Any] = {}
    for binding in read_bindings(file):
        key = declared.get(binding.key)
        if key is None:
            raise ConfigurationError(
                file.name, binding.line, binding.key, f"unknown key; known are {', '.join(declared)}"
            )
        values[key.name] = _parsed(file, binding.line, key, binding.value)
    for key in KEYS:
        if key.name in values:
            continue
        if key.default is None:
            raise ConfigurationError(file.name, 0, key.name, f"is missing: {key.help}")
        values[key.name] = _parsed(file, 0, key, key.default)
    return EnvironmentConfig(
        name=name,
        role=values["ROLE"],
        promoted_from=values["PROMOTED_FROM"],
        api_url=values["API_URL"],
        frontend_url=values["FRONTEND_URL"],
        deployment_target=values["DEPLOYMENT_TARGET"],
        pages_project=values["PAGES_PROJECT"],
        branch=values["BRANCH"],
        ledger_remote=values["LEDGER_REMOTE"],
        fly_organization=values["FLY_ORGANIZATION"],
        regions=values["REGIONS"],
        resource_limits=ResourceLimits(values["NUM_RUNNERS"], values["TIMEOUT"]),
        release=ReleasePolicy(**{each.name: values[each.name.upper()] for each in fields(ReleasePolicy)}),
    )


def _parsed(file: Path, line: int, key: Key, text: str) -> Any:
    try:
        return key.parse(text)
    except ValueError as wrong:
        raise ConfigurationError(
            file.name, line, key.name, f"{without_credentials(text)!r} {wrong} ({key.help})"
        ) from None


def table() -> str:
    """Every key as a row of a Markdown table: key, default, help. What docs/configuration.md shows."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for key in KEYS:
        default = f" `{key.default}`" if key.default else ""
        rows.append(f"| `{key.name}` |{default} | {key.help} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(table(), end="")  # noqa: T201
