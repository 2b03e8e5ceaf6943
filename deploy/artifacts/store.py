"""What targets became, by fingerprint: one store for all clones of a person on this machine.

`blobs/` holds the content by digest, `targets/<name>/<fingerprint>.json` what a target was made from and became. A
target is taken only when all its blobs are there and are what their digests say.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from deploy.artifacts.inputs import Inputs, fingerprint
from deploy.artifacts.oci import BlobStore

PLACE_VARIABLE = "CODECANVAS_STORE"
MOST_BYTES = 8 << 30
"""Bytes of blobs beyond which the targets that were used longest ago go."""
YOUNG_SECONDS = 3600
"""A blob that is younger may be of a build that is under way, and stays."""


class Built(msgspec.Struct, frozen=True):
    """What a target became: `outputs` by name, and every blob that these need."""

    target: str
    inputs: Inputs
    outputs: dict[str, str]
    blobs: tuple[str, ...]
    at: str


def default_place() -> Path:
    """Where the store is: CODECANVAS_STORE, else `codecanvas/store` in this person's cache directory."""
    if given := os.environ.get(PLACE_VARIABLE):
        return Path(given).absolute()
    caches = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(caches) if Path(caches).is_absolute() else Path.home() / ".cache") / "codecanvas" / "store"


class Store:
    """Targets that were built, and their blobs."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.blobs = BlobStore(place / "blobs")

    def _file(self, target: str, name: str) -> Path:
        return self.place / "targets" / target / f"{name}.json"

    def find(self, target: str, inputs: Mapping[str, str]) -> Built | None:
        """What a target with these inputs became; None when it was not built here or a part of it is damaged."""
        return self.named(target, fingerprint(inputs))

    def named(self, target: str, digits: str) -> Built | None:
        """What a target became, by its fingerprint; None when it is not here, whole."""
        file = self._file(target, digits)
        try:
            built = msgspec.json.decode(file.read_bytes(), type=Built)
        except (OSError, msgspec.DecodeError, UnicodeError):
            return None
        if (built.target, fingerprint(built.inputs)) != (target, digits) or not all(map(self.blobs.has, built.blobs)):
            return None
        with contextlib.suppress(OSError):
            os.utime(file)  # used now: what was used longest ago goes first
        return built

    def put(self, target: str, inputs: Inputs, outputs: Mapping[str, str], blobs: Iterable[str] = ()) -> Built:
        """Remember what a target became."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        built = Built(target, inputs, dict(outputs), tuple(blobs), now)
        file = self._file(target, fingerprint(inputs))
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as temporary:
            temporary.write(msgspec.json.encode(built))
        Path(temporary.name).rename(file)
        return built

    def stale(self, most: int = MOST_BYTES) -> tuple[list[Path], int]:
        """Files that can go, and the bytes that this frees: targets beyond `most` bytes of blobs, the longest unused
        first, and blobs of no target. A blob that a build in some clone still links to frees nothing, and stays."""
        records = sorted((self.place / "targets").glob("*/*.json"), key=lambda file: -file.stat().st_mtime)
        kept: set[str] = set()
        gone, total = [], 0
        for record in records:
            try:
                blobs = set(msgspec.json.decode(record.read_bytes(), type=Built).blobs)
            except (msgspec.DecodeError, UnicodeError):
                blobs, fits = set(), False
            else:
                more = sum(self._size(digest) for digest in blobs - kept)
                fits = total + more <= most
                total += more if fits else 0
            if fits:
                kept |= blobs
            else:
                gone.append(record)
        names = {digest.removeprefix("sha256:") for digest in kept}
        before = time.time() - YOUNG_SECONDS
        states = {path: path.stat() for path in self.blobs.place.glob("*") if path.name not in names}
        unused = [path for path, state in states.items() if state.st_nlink == 1 and state.st_mtime < before]
        freed = sum(states[path].st_size for path in unused)
        return [*gone, *(file for path in unused for file in self.blobs.stale(path))], freed

    def _size(self, digest: str) -> int:
        path = self.blobs.path(digest)
        return path.stat().st_size if path.exists() else 0
