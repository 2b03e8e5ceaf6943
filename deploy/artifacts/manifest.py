"""The manifest of an artifact: `dist/<sha>/manifest.json`, what a commit became, by digest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from deploy.errors import ConfigurationError


class Manifest(msgspec.Struct, frozen=True, rename={"sha": "commitSha", "built_at": "builtAt"}):
    """`image` and `frontend` are digests (sha256:…); `inputs` are digests of what they were built from."""

    version: str
    sha: str
    dirty: bool
    image: str
    frontend: str
    built_at: str
    languages: tuple[str, ...]
    inputs: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def to_json(self) -> dict[str, Any]:
        """As it is written: camelCase."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        return body

    def write(self, file: Path) -> None:
        """Write it whole or not at all."""
        temporary = file.with_suffix(".part")
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        temporary.rename(file)


def read_manifest(file: Path) -> Manifest:
    """Read a manifest; raises ConfigurationError when it is not one."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeError) as wrong:
        raise ConfigurationError(file, 0, "", f"is no manifest ({wrong}); delete it and run `invoke build`") from None
