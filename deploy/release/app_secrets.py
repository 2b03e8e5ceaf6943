"""Secrets of an environment's app: set and removed on the platform, recorded by name in the ledger.

A change is staged: machines that run keep what they started with, and the next deploy or promotion creates machines
that have at least this version. Values come in as `Secret` and go to the platform alone.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.events.events import SecretsChanged
from deploy.ledger import Snapshot
from deploy.ledger.app_secrets import AppSecret, AppSecrets, read_secrets, removed, secrets_change
from deploy.ledger.identity import who
from deploy.platforms.fly.toml import read_fly_toml
from deploy.release.rollout.machine import IMAGE, release_config
from deploy.settings.comparison import ComparisonKey
from deploy.settings.secrets import Secret
from deploy.target import Target

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_BYTES = 64 * 1024
GENERATED_BYTES = 32


def generated() -> Secret:
    """A new random value of 256 bits, in characters that stand anywhere."""
    return Secret(secrets.token_urlsafe(GENERATED_BYTES))


def checked_name(target: Target, name: str) -> str:
    """The name, or UsageError with what is wrong about it."""
    if not NAME.fullmatch(name):
        raise UsageError(f"secret {name!r}: a name has letters, digits and _, and does not begin with a digit")
    if name.startswith("FLY_"):
        raise UsageError(f"secret {name}: names that begin with FLY_ are the provider's; choose another")
    if name == IMAGE or name in release_config(target.config, read_fly_toml(target.config.fly_toml))["env"]:
        raise UsageError(
            f"secret {name}: machines of {target.name} get a variable of this name from .env.{target.name} or "
            f"{target.config.fly_toml.name}, which the secret would override; choose another name"
        )
    return name


def checked_value(name: str, raw: bytes) -> Secret:
    """A value from a file or a pipe, without the line break at its end; UsageError if it cannot be one."""
    text = raw.removesuffix(b"\n").removesuffix(b"\r")
    if not text:
        raise UsageError(f"secret {name}: the value is empty; to remove it: invoke secrets unset {name}")
    if len(text) > MOST_BYTES:
        raise UsageError(f"secret {name}: the value has {len(text)} bytes; at most {MOST_BYTES} are taken")
    try:
        value = text.decode()
    except UnicodeDecodeError:
        raise UsageError(f"secret {name}: the value is not UTF-8; encode it, such as in base64") from None
    if "\0" in value:
        raise UsageError(f"secret {name}: the value holds a NUL, which no environment variable can; encode it")
    return Secret(value)


def set_secret(
    target: Target, others: Sequence[Target], name: str, value: Secret, key: ComparisonKey, bus: Bus, same: str = ""
) -> AppSecret:
    """Stage a value. Raises DeployError if another environment has it, unless `same` says why it may.

    `others` are the environments that it must differ from.
    """
    hashed = key.hash(value)
    if not same:
        _refuse_equal(target, others, name, hashed, key)
    with target.fly() as fly:
        _require_app(target, fly.app_exists())
        version = fly.set_secrets({name: value})
    made = AppSecret(name=name, version=version, at=datetime.now(UTC), by=who(), hash=hashed, key=key.name, note=same)
    _record(target, made, "set", bus)
    return made


def unset_secret(target: Target, name: str, bus: Bus) -> AppSecret:
    """Stage the removal of a secret. Raises UsageError if there is none of that name."""
    with target.fly() as fly:
        _require_app(target, fly.app_exists())
        if name not in {each.name for each in fly.secrets()}:
            raise UsageError(
                f"{target.name} has no secret {name}; see: invoke secrets list --env {target.name}{target.flag}"
            )
        version = fly.set_secrets({name: None})
    made = removed(name, version, datetime.now(UTC), who())
    _record(target, made, "removed", bus)
    return made


def _require_app(target: Target, there: bool) -> None:
    if not there:
        raise UsageError(
            f"app {target.config.deployment_target} does not exist yet; create it first: "
            f"{f'invoke rehearse --env {target.name}' if target.rehearsal else f'invoke setup --env {target.name}'}"
        )


def _record(target: Target, made: AppSecret, done: str, bus: Bus) -> None:
    try:
        target.ledger.write(f"secret {made.name} {done}", lambda snapshot: secrets_change(snapshot, made))
    except DeployError as failed:
        raise type(failed)(
            f"secret {made.name} is {done} on the platform, but not recorded: {failed}. Run the same command again"
        ) from failed
    bus.about(target.name).emit(SecretsChanged(name=made.name, change=done, version=made.version))


def _refuse_equal(target: Target, others: Sequence[Target], name: str, hashed: str, key: ComparisonKey) -> None:
    for other in others:
        for theirs in read_secrets(other.ledger.snapshot()).present():
            if (theirs.key, theirs.hash) == (key.name, hashed):
                raise DeployError(
                    f"{target.name}'s {name} would have the value of {other.name}'s {theirs.name}: environments share "
                    f"no secret, since whoever reads one would have both. Nothing was set. Choose another value, or "
                    f"have one made: invoke secrets rotate {name} --env {target.name}{target.flag}; if it may be the "
                    'same, add --same "REASON"'
                )


@dataclass(frozen=True)
class Listed:
    """A secret as `secrets list` shows it. `state` says in words what is to be known of it."""

    name: str
    state: str
    version: int = 0
    at: datetime | None = None
    by: str = ""
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `secrets list --json` prints it."""
        return {**vars(self), "at": self.at.isoformat() if self.at else None}


def listing(target: Target) -> list[Listed]:
    """All secrets of the environment: those of the ledger, and those that were set past it."""
    snapshot = target.ledger.snapshot()
    known, serving = read_secrets(snapshot), snapshot.current()
    with target.fly() as fly:
        there = {each.name for each in fly.secrets()} if fly.app_exists() else set()
    applied = serving.secrets_version if serving else 0
    found = [
        Listed(each.name, _state(each, there, applied), each.version, each.at, each.by, each.note)
        for each in known.secrets
        if each.there or each.name in there or each.version > applied
    ]
    names = {each.name for each in known.secrets}
    outside = "set past the ledger: set it again with `invoke secrets set`, so that it is recorded"
    return sorted([*found, *(Listed(name, outside) for name in there - names)], key=lambda each: each.name)


def _state(secret: AppSecret, there: set[str], applied: int) -> str:
    if secret.there and secret.name not in there:
        return "missing on the platform: set it again"
    if not secret.there and secret.name in there:
        return "set past the ledger after it was removed"
    if secret.version > applied:
        return f"{'staged' if secret.there else 'removal staged'}: the next release applies it"
    return "applied"


@dataclass(frozen=True)
class Difference:
    """How the secrets of two environments differ."""

    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    equal: tuple[tuple[str, str], ...] = field(default=())
    """Pairs of names, here and there, that have one value."""
    not_compared: tuple[str, ...] = ()
    """Names here whose hash is under another key than all hashes there."""

    @property
    def none(self) -> bool:
        """Whether both have the same names, and all values differ."""
        return not (self.only_here or self.only_there or self.equal)


def difference(here: AppSecrets, there: AppSecrets) -> Difference:
    """Compare two environments by names and by hashes."""
    ours, theirs = here.present(), there.present()
    mine, others = {each.name for each in ours}, {each.name for each in theirs}
    pairs = ((a, b) for a in ours for b in theirs if not (a.note or b.note))
    keys = {each.key for each in theirs}
    return Difference(
        only_here=tuple(sorted(mine - others)),
        only_there=tuple(sorted(others - mine)),
        equal=tuple((a.name, b.name) for a, b in pairs if (a.key, a.hash) == (b.key, b.hash)),
        not_compared=tuple(each.name for each in ours if theirs and each.key not in keys),
    )


def not_brought_back(snapshot: Snapshot, version: int) -> str:
    """What a rollback to a release with secrets of `version` says of later changes; "" for none."""
    changed = read_secrets(snapshot).changed_since(version)
    if not changed:
        return ""
    each = [
        f"{one.name} ({'set' if one.there else 'removed'} {one.at:%Y-%m-%d %H:%M} UTC by {one.by})" for one in changed
    ]
    return (
        f"secrets that changed since, which a rollback does not bring back: {', '.join(each)}. New machines have "
        "today's; those that slept may have the old ones. If the release needs an old value, set it again"
    )
