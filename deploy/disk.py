"""Deletes what builds and rehearsals leave on this machine, and decides how much of it is kept.

A rehearsal that succeeded cleans up after itself; `invoke clean` does the same at any time.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from deploy import emulator
from deploy.artifacts.outputs import removable as outputs
from deploy.artifacts.outputs import size, unused
from deploy.artifacts.source import read_source
from deploy.artifacts.store import Store, default_place
from deploy.errors import DeployError
from deploy.rehearsals import STATE
from deploy.settings.environments import ROOT
from deploy.workstation.docker_engine import SOCKET, running_host
from deploy.workstation.waste import Waste

KEEP = 5
"""Builds of a clone that are kept, by when they were last used. Of images twice as many: all clones share the engine,
and another branch's image holds the layers that its next build begins with."""
BUSY_SECONDS = 2.0


@dataclass(frozen=True)
class Cleaning:
    """What can be deleted, and what cannot: one sentence each that says why, and what to run."""

    waste: tuple[Waste, ...]
    kept: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """What goes, at least: layers that several images share count once all of them are gone."""
        return sum(one.bytes for one in self.waste)


@contextlib.contextmanager
def cleaning(*, everything: bool = False, orphans: bool = True, root: Path = ROOT) -> Iterator[Cleaning]:
    """Find what can be deleted, and block builds of this clone during the block.

    `everything` keeps no build, and not this clone's rehearsal either where it does not run. `orphans` also takes what
    emulators pulled that do not run. Raises DeployError while a build is under way.
    """
    dist = root / "dist"
    dist.mkdir(exist_ok=True)
    lock = FileLock(dist / ".lock", timeout=BUSY_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise DeployError("a build is running in this clone; wait for it, then run: invoke clean") from None
    try:
        keep = 0 if everything else KEEP
        waste = outputs(dist, keep=keep, current=read_source(root).label)
        waste += unused(Store(default_place()), everything=everything)
        kept: list[str] = []
        waste += sorted(_images(keep, orphans, kept), key=lambda one: one.name)  # the engine's own order is none
        if everything:
            waste += _rehearsal(kept)
        yield Cleaning(tuple(waste), tuple(kept))
    finally:
        lock.release()


def _images(keep: int, orphans: bool, kept: list[str]) -> list[Waste]:
    host = running_host()
    if host is None:
        kept.append("images: no Docker engine is running. To clean its images: invoke rehearse --up && invoke clean")
        return []
    from deploy.workstation.images import removable  # the Docker SDK is slow to import

    return removable(host, keep=2 * keep, private=host == SOCKET, orphans=orphans)


def _rehearsal(kept: list[str]) -> list[Waste]:
    if not STATE.exists():
        return []
    if emulator.running(STATE):
        kept.append(f"{STATE}: the rehearsal runs. To remove it too: invoke rehearse --down && invoke clean --all")
        return []
    why = "the rehearsal's platforms and ledger; the next one starts empty"
    return [Waste("rehearsal", str(STATE), size(STATE), why, lambda: shutil.rmtree(STATE))]
