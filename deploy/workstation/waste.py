"""Something on this machine that can be deleted: its kind, its size, and how to delete it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Waste:
    """`kind` is "image", "container", "build", "blobs", "targets", "packages", "log" or "rehearsal".

    `bytes` is what it frees.
    """

    kind: str
    name: str
    bytes: int
    why: str
    remove: Callable[[], None]

    def to_json(self) -> dict[str, Any]:
        """As `invoke clean --json` prints it."""
        return {"kind": self.kind, "name": self.name, "bytes": self.bytes, "why": self.why}
