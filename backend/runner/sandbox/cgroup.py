"""Control groups of slots, of version 2 or 1, where the service may make them; elsewhere the launcher's watcher serves.

A slot's launcher, and all that it starts, lives in the slot's group: nothing is moved for a run, which is slow with
version 1. The launcher sets the memory limit anew for each run, beyond what it uses itself.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_PROCESSES = "2048"  # a backstop; the limit of a run is exact, and counted by its user namespace
_FILES = {
    2: ("memory.max", "memory.current", "memory.events"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control"),
}
_PROCESS_LIMIT = "pids.max"


class SlotGroup:
    """The group of one slot: one directory with version 2, one for each controller with version 1."""

    def __init__(self, directories: dict[str, Path], version: int) -> None:
        self._directories, self._version = directories, version

    def enter(self, pid: int) -> None:
        """Move a process that has no children yet into the group."""
        for directory in set(self._directories.values()):
            (directory / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def open_files(self) -> list[int]:
        """Descriptors of the memory limit, usage and events; the caller's to close."""
        memory = self._directories["memory"]
        limit, usage, events = (memory / name for name in _FILES[self._version])
        return [
            os.open(limit, os.O_RDWR | os.O_CLOEXEC),
            os.open(usage, os.O_RDONLY | os.O_CLOEXEC),
            os.open(events, os.O_RDONLY | os.O_CLOEXEC),
        ]


class Cgroups:
    """The groups of this service."""

    def __init__(self, version: int, parents: dict[str, Path]) -> None:
        self.version = version
        self._parents = parents
        """A directory of this service's own for each controller; the same one with version 2."""
        self._made: list[Path] = []

    def slot(self, index: int) -> SlotGroup:
        """The group of a slot, made where it is not there."""
        directories = {}
        for controller, parent in self._parents.items():
            directory = parent / f"slot-{index}"
            if not directory.exists():
                directory.mkdir()
                self._made.append(directory)
            directories[controller] = directory
        with contextlib.suppress(OSError):
            (directories["pids"] / _PROCESS_LIMIT).write_text(_PROCESSES, encoding="ascii")
        return SlotGroup(directories, self.version)

    def remove(self) -> None:
        """Remove every group; their processes must have ended."""
        for directory in [*self._made, *set(self._parents.values())]:
            with contextlib.suppress(OSError):
                directory.rmdir()


def find_cgroups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Cgroups | None:
    """Groups for this service beneath its own; None where neither version lets it have memory and pids."""
    places = dict(_memberships(own))
    found = _version_2(root, places.get("", "/")) or _version_2(root / "unified", places.get("", "/"))
    return found or _version_1(root, places)


def _memberships(own: Path) -> list[tuple[str, str]]:
    """Controller and path of each line; the controller is empty for version 2."""
    lines = []
    with contextlib.suppress(OSError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            lines += [(name, path) for name in controllers.split(",")]
    return lines


def _version_2(root: Path, path: str) -> Cgroups | None:
    place = root / path.lstrip("/")
    name = f"codecanvas-{os.getpid()}"
    try:
        if not {"memory", "pids"} <= set((place / "cgroup.controllers").read_text(encoding="ascii").split()):
            return None
        # Controllers pass on only from a group without processes: this service moves into one beneath.
        own = place / f"{name}-service"
        own.mkdir()
        (own / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        (place / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
        parent = place / name
        parent.mkdir()
        (parent / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
    except OSError:
        return None
    return Cgroups(2, {"memory": parent, "pids": parent})


def _version_1(root: Path, places: dict[str, str]) -> Cgroups | None:
    parents: dict[str, Path] = {}
    for controller in ("memory", "pids"):
        if controller not in places:
            return None
        # In a container the group that is named lies outside; what is mounted is its own.
        named = root / controller / places[controller].lstrip("/")
        place = named if named.is_dir() else root / controller
        parent = place / f"codecanvas-{os.getpid()}"
        try:
            parent.mkdir()
        except OSError:
            for made in parents.values():
                made.rmdir()
            return None
        parents[controller] = parent
    return Cgroups(1, parents)
