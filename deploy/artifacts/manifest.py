"""The manifest of an artifact: `dist/<sha>/manifest.json`, what a commit became, by digest."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.errors import ConfigurationError


@dataclass(frozen=True)
class Manifest:
    """`image` and `frontend` are digests (sha256:…); `inputs` are digests of what they were built from."""

    version: str
    sha: str
    dirty: bool
    image: str
    frontend: str
    built_at: str
    languages: tuple[str, ...] = ()
    inputs: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is written: camelCase."""
        return {
            "version": self.version,
            "commitSha": self.sha,
            "dirty": self.dirty,
            "image": self.image,
            "frontend": self.frontend,
            "builtAt": self.built_at,
            "languages": list(self.languages),
            "inputs": self.inputs,
            "sizes": self.sizes,
        }

    def write(self, file: Path) -> None:
        """Write it whole or not at all."""
        temporary = file.with_suffix(".part")
        temporary.write_text(json.dumps(self.to_json(), indent=2) + "\n")
        temporary.rename(file)


def read_manifest(file: Path) -> Manifest:
    """Read a manifest; raises ConfigurationError when it is not one."""
    try:
        body = json.loads(file.read_text())
        return Manifest(
            version=body["version"],
            sha=body["commitSha"],
            dirty=body["dirty"],
            image=body["image"],
            frontend=body["frontend"],
            built_at=body["builtAt"],
            languages=tuple(body["languages"]),
            inputs=body["inputs"],
            sizes=body["sizes"],
        )
    except (ValueError, KeyError, TypeError) as wrong:
        raise ConfigurationError(file, 0, "", f"is no manifest ({wrong!r}); delete it and run `invoke build`") from None
