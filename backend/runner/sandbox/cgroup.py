"""Control groups of slots (version 2 or 1), if the service may make them. Else the launcher's watcher limits memory.

A slot's launcher is in the slot's group. Its forkers, and so all programs, are in a group beneath it, and only that one
has a memory limit: so the kernel never kills a launcher when a program runs out of memory. No process is moved for a
run, which is slow with version 1. The launcher sets the limit for each run, on top of what its forkers use.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
from pathlib import Path

_PROCESSES = "2048"  # a second line of defence; the exact limit of a run is that of its user namespace
_FILES = {
    2: ("memory.max", "memory.current", "memory.events", "memory.stat"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control", "memory.stat"),
}
_PROGRAMS, _KEEPER = "programs", "keeper"
_PROCESS_LIMIT = "pids.max"
_NO_SWAP = {2: ("memory.swap.max",), 1: ("memory.swappiness",)}
_OURS = re.compile(r"codecanvas-(\d+)(-service)?")
_PATIENCE = 100  # the processes of a killed launcher take a moment to end


class SlotGroup:
    """The group of one slot: one directory with version 2, one for each controller with version 1."""

    def __init__(self, directories: dict[str, Path], version: int) -> None:
        self._directories, self._version = directories, version

    def enter(self, pid: int) -> None:
        """Move a process that has no children yet into the group."""
        for directory in set(self._directories.values()):
            # With version 2, a group that delegates controllers cannot have processes itself.
            place = directory / _KEEPER if self._version == 2 else directory
            (place / "cgroup.procs").write_text(str(pid), encoding="ascii")

    def open_files(self) -> list[int]:
        """Descriptors of the programs' memory limit, usage, events and statistics, and of the file that moves a
        process into their group. The caller must close them."""
        programs = self._directories["memory"] / _PROGRAMS
        limit, *read = (programs / name for name in _FILES[self._version])
        return [
            os.open(limit, os.O_RDWR | os.O_CLOEXEC),
            *(os.open(file, os.O_RDONLY | os.O_CLOEXEC) for file in read),
            os.open(programs / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC),
        ]


class Cgroups:
    """The groups of this service."""

    def __init__(self, version: int, parents: dict[str, Path], service: Path | None = None) -> None:
        self.version = version
        self._parents = parents
        """A directory of this service's own for each controller; the same one with version 2."""
        self._service = service
        """With version 2: the group that this service itself moved into."""

    def slot(self, index: int) -> SlotGroup:
        """The group of a slot; makes it if needed."""
        directories = {controller: parent / f"slot-{index}" for controller, parent in self._parents.items()}
        for directory in directories.values():
            directory.mkdir(parents=True, exist_ok=True)
        _write(directories["pids"] / _PROCESS_LIMIT, _PROCESSES)
        programs = directories["memory"] / _PROGRAMS
        if self.version == 2:
            (directories["memory"] / _KEEPER).mkdir(exist_ok=True)
            (directories["memory"] / "cgroup.subtree_control").write_text("+memory", encoding="ascii")
        programs.mkdir(exist_ok=True)
        for name in _NO_SWAP[self.version]:  # else memory beyond the limit is swapped
            _write(programs / name, "0")
        return SlotGroup(directories, self.version)

    def remove(self) -> None:
        """Remove every group; their processes must have ended."""
        for parent in set(self._parents.values()):
            _remove(parent, _PATIENCE)
        if self._service is not None:
            _leave(self._service)


def find_cgroups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Cgroups | None:
    """Groups for this service beneath its own; None if it may not have the memory and pids controllers."""
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


def _write(file: Path, text: str) -> None:
    with contextlib.suppress(OSError):
        file.write_text(text, encoding="ascii")


def _remove(group: Path, patience: int = 0) -> None:
    """Remove a group and all beneath it. Retries while processes are left, for `patience` hundredths of a second."""
    for directory in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
        for left in range(patience, -1, -1):
            try:
                directory.rmdir()
            except OSError as error:
                if error.errno == errno.EBUSY and left:
                    time.sleep(0.01)
                    continue
            break


def _leave(service: Path) -> None:
    """Move this process back to the parent of `service`, and remove `service`."""
    if service.is_dir():
        _write(service.parent / "cgroup.subtree_control", "-memory -pids")
        _write(service.parent / "cgroup.procs", str(os.getpid()))
        _remove(service)


def _remove_stale(place: Path) -> None:
    """Remove groups of services that were killed. A group with this process's number is an old one too."""
    for group in place.glob("codecanvas-*"):
        found = _OURS.fullmatch(group.name)
        if found and (int(found[1]) == os.getpid() or not Path(f"/proc/{found[1]}").exists()):
            _remove(group)


def _version_2(root: Path, path: str) -> Cgroups | None:
    place = root / path.lstrip("/")
    name = f"codecanvas-{os.getpid()}"
    service, parent = place / f"{name}-service", place / name
    try:
        if not {"memory", "pids"} <= set((place / "cgroup.controllers").read_text(encoding="ascii").split()):
            return None
        _remove_stale(place)
        # Only a group without processes can delegate controllers: move this service into a child group.
        service.mkdir()
        (service / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
        (place / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
        parent.mkdir()
        (parent / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
    except OSError:
        _remove(parent)
        _leave(service)
        return None
    return Cgroups(2, {"memory": parent, "pids": parent}, service)


def _version_1(root: Path, places: dict[str, str]) -> Cgroups | None:
    parents: dict[str, Path] = {}
    for controller in ("memory", "pids"):
        if controller not in places:
            return None
        # In a container, /proc names a path outside of it; the container's own group is mounted at the root.
        named = root / controller / places[controller].lstrip("/")
        place = named if named.is_dir() else root / controller
        parents[controller] = place / f"codecanvas-{os.getpid()}"
        try:
            _remove_stale(place)
            parents[controller].mkdir()
        except OSError:
            for made in parents.values():
                _remove(made)
            return None
    return Cgroups(1, parents)
