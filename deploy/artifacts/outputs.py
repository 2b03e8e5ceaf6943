"""Finds what builds left in `dist/` and what of it can be deleted."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from deploy.artifacts.store import MOST_BYTES as MOST_STORED
from deploy.artifacts.store import Store
from deploy.workstation.waste import Waste

MOST_BYTES = 5 << 30
"""Bytes beyond which only the newest build is kept."""
PACKAGES = "site-packages-*"


def removable(dist: Path, *, keep: int, current: str = "") -> list[Waste]:
    """What can go from `dist`, but for the `keep` builds that were used last and the one of label `current`.

    With `keep` 0 everything goes that a build makes anew, logs too.
    """
    if size(dist) > MOST_BYTES:
        keep = min(keep, 1)
    builds = sorted((file.parent for file in dist.glob("*/manifest.json")), key=_used)
    protected = builds[len(builds) - keep :] if keep else []
    old = [one for one in builds if one not in protected and (not keep or one.name != current)]
    why = f"not among the {keep} builds used last" if keep else "all builds were asked for"
    waste = [Waste("build", _named(one), _exclusive([one]), why, _remover(one, *_logs(dist, one))) for one in old]
    packages = sorted(dist.glob(PACKAGES), key=lambda place: place.stat().st_mtime)
    gone = [(place, "packages", "of an earlier lock file") for place in packages[: -1 if keep else None]]
    gone += [(place, "blobs", "builds of all clones share one store now") for place in dist.glob("blobs")]
    gone += [(place, "build", "a build that was killed") for place in dist.glob(".building-*")]
    waste += [Waste(kind, _named(place), size(place), why, _remover(place)) for place, kind, why in gone]
    rest = [one for one in (dist / "logs", dist / "browser") if one.exists() and not keep]
    return waste + [Waste("log", _named(one), size(one), "all logs were asked for", _remover(one)) for one in rest]


def size(place: Path) -> int:
    """Bytes that the files of `place` take; a file with several names counts once."""
    seen: dict[tuple[int, int], int] = {}
    for path in _files(place):
        status = path.lstat()
        seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())


def _used(build: Path) -> float:
    return (build / "manifest.json").stat().st_mtime


def _named(place: Path) -> str:
    return f"dist/{place.name}"


def _logs(dist: Path, build: Path) -> list[Path]:
    return [dist / "logs" / f"{build.name}-{part}.log" for part in ("frontend", "backend")]


def _files(place: Path) -> Iterator[Path]:
    for above, _, names in os.walk(place):
        yield from (Path(above) / name for name in names)


def _exclusive(places: Iterable[Path]) -> int:
    """Bytes of the files that stand nowhere else."""
    return sum(path.lstat().st_size for place in places for path in _files(place) if path.lstat().st_nlink == 1)


def unused(store: Store, *, everything: bool) -> list[Waste]:
    """What can go from the store that clones share: what is beyond its bound, or all that no clone's build links to."""
    stale, freed = store.stale(0 if everything else MOST_STORED)
    why = "targets of no build in any clone" if everything else "targets that were used longest ago"
    return [Waste("targets", str(store.place), freed, why, _remover(*stale))] if stale else []


def _remover(*places: Path) -> Callable[[], None]:
    return functools.partial(_remove, places)


def _remove(places: Iterable[Path]) -> None:
    """Remove files and directories; what is gone already is no error."""
    for place in places:
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place, ignore_errors=True)
        else:
            place.unlink(missing_ok=True)
