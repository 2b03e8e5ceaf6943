"""What a target is made from: names and digests of files, settings and tools. Equal inputs, equal target."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

Inputs = dict[str, str]
"""Name → digest or value: `frontend/src/main.ts` → `sha256:…`, `node` → `24.19.0`."""

SHOWN = 3  # changes that a sentence names


def files(root: Path, *places: str, without: Iterable[str] = ()) -> Inputs:
    """Digests of files below `root`, by path: content, and whether it can be executed.

    `places` are files or directories; what is named in `without` (a directory's or a file's name) is left out, and so
    are Python's caches. A place that is not there has no entry.
    """
    left_out = {"__pycache__", *without}
    found = {}
    for place in places:
        for path in _walk(root / place, left_out):
            found[path.relative_to(root).as_posix()] = _digest(path)
    return found


def _walk(place: Path, left_out: set[str]) -> Iterator[Path]:
    if place.is_file():
        yield place
    elif place.is_dir():
        for path in sorted(place.iterdir()):
            if path.name not in left_out and path.suffix != ".pyc":
                yield from _walk(path, left_out)


def _digest(path: Path) -> str:
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"sha256:{content}{'+x' if path.stat().st_mode & 0o100 else ''}"


def fingerprint(inputs: Mapping[str, str]) -> str:
    """A name for these inputs: 32 hexadecimal digits of a SHA-256."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def changes(before: Mapping[str, str] | None, now: Mapping[str, str]) -> str:
    """What made a target new, as a sentence's end: `frontend/src/main.ts changed`."""
    if before is None:
        return "it was never built here"
    changed = [f"{name} changed" for name in sorted(before.keys() & now.keys()) if before[name] != now[name]]
    changed += [f"{name} is new" for name in sorted(now.keys() - before.keys())]
    changed += [f"{name} is gone" for name in sorted(before.keys() - now.keys())]
    if not changed:
        return "what was built is no longer in the store"
    more = f" and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    return ", ".join(changed[:SHOWN]) + more
