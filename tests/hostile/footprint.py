"""What a service occupies on this machine: processes, descriptors, mounts, cgroups, files, IPC objects, memory.

Two footprints of an idle service must agree, whatever ran in between: `lasting` names what does not. A service keeps
processes at hand for the runs to come, so what is compared is how many there are, not which. Reading another user's
processes takes root.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

FIRST_UID, LAST_UID = 60_000, 65_000
"""uids that the service gives to slots lie here; no account of Debian's does."""

MEMORY_SLACK_KB = 64 * 1024
"""How much a service may grow over a session of attacks: allocators keep some of what they had at the peak."""

TMPFS_SLACK_KB = 1024

MOST_COMPILED_KB = 72 * 1024
"""What RUNNER_COMPILE_CACHE_MB allows where it is not set, and the one that is being added."""

_PROC = Path("/proc")
_SHARED_PLACES = ("tmp", "var/tmp", "dev/shm", "run/lock")


@dataclasses.dataclass(frozen=True)
class Footprint:
    """One look. Sizes in KiB."""

    processes: Mapping[int, str]
    """uid and name of every process of the service, or of a slot's uid, by pid."""
    descriptors: int
    """Open descriptors of the service's own process, but for memory files: in those it keeps compiled programs."""
    compiled_kb: int
    """Size of those memory files."""
    mounts: int
    """Mounts in every mount namespace that the processes are in, but the machine's own, together."""
    cgroups: frozenset[str]
    files: frozenset[str]
    """What slots' uids own in places that all may write, and what lies in the service's own temporary directory."""
    ipc: int
    """SysV objects of slots' uids."""
    tmpfs_kb: int
    memory: Mapping[int, int]
    """Proportional set size of every process, by pid; empty where it was not asked for."""

    @property
    def memory_kb(self) -> int:
        """Of all processes together."""
        return sum(self.memory.values())


def read(pid: int, *, memory: bool = True) -> Footprint:
    """Look at the service whose main process is `pid`. Raises ProcessLookupError when it is gone."""
    if not (_PROC / str(pid)).exists():
        raise ProcessLookupError(f"the service, process {pid}, is gone")
    processes = dict(_processes(pid))
    namespaces = _mount_namespaces(processes)
    descriptors, compiled_kb = _descriptors(pid)
    return Footprint(
        processes=processes,
        descriptors=descriptors,
        compiled_kb=compiled_kb,
        mounts=sum(len(_lines(_PROC / str(one) / "mountinfo")) for one in namespaces),
        cgroups=frozenset(_cgroups(pid, processes)),
        files=frozenset(_files(pid)),
        ipc=sum(1 for name in ("shm", "sem", "msg") for line in _lines(_PROC / "sysvipc" / name)[1:] if _slots(line)),
        tmpfs_kb=_tmpfs(namespaces),
        memory={pid: _proportional(pid) for pid in processes} if memory else {},
    )


def lasting(before: Footprint, now: Footprint) -> list[str]:
    """What is there now beyond what was there before, a sentence each; empty when nothing is."""
    found = []
    if len(now.processes) > len(before.processes):
        fresh = sorted(f"{pid} ({what})" for pid, what in now.processes.items() if pid not in before.processes)
        found.append(f"{len(before.processes)} processes became {len(now.processes)}; new: {', '.join(fresh)}")
    for name, slack in (("descriptors", 0), ("mounts", 0), ("ipc", 0), ("tmpfs_kb", TMPFS_SLACK_KB)):
        earlier, later = getattr(before, name), getattr(now, name)
        if later > earlier + slack:
            found.append(f"{name}: {earlier} became {later}")
    if now.compiled_kb > MOST_COMPILED_KB:
        found.append(f"compiled programs that are kept take {now.compiled_kb} KiB")
    if now.memory and now.memory_kb > before.memory_kb + MEMORY_SLACK_KB:
        found.append(f"memory: {before.memory_kb} KiB became {now.memory_kb} KiB")
    for name in ("cgroups", "files"):
        found += [f"{name}: {place}" for place in sorted(getattr(now, name) - getattr(before, name))[:10]]
    return found


def settled(pid: int, before: Footprint, seconds: float, *, memory: bool = True) -> list[str]:
    """What is still there after up to `seconds` of waiting; empty as soon as nothing is."""
    deadline = time.monotonic() + seconds
    while found := lasting(before, read(pid, memory=memory)):
        if time.monotonic() > deadline:
            return found
        time.sleep(0.1)
    return []


def steady(pid: int, seconds: float = 30) -> Footprint:
    """A look at a service that has come to rest: its processes have been as many for five seconds."""
    deadline = time.monotonic() + seconds
    seen = read(pid, memory=False)
    since = time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 5:
        time.sleep(0.1)
        now = read(pid, memory=False)
        if (len(now.processes), now.mounts) != (len(seen.processes), seen.mounts):
            seen, since = now, time.monotonic()
    return read(pid)


def _lines(file: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return file.read_text(errors="replace").splitlines()
    return []


def _listed(place: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return [entry.name for entry in place.iterdir()]
    return []


def _descriptors(pid: int) -> tuple[int, int]:
    """How many the process has but for memory files, and the KiB of those."""
    others = size = 0
    for name in _listed(_PROC / str(pid) / "fd"):
        place = _PROC / str(pid) / "fd" / name
        with contextlib.suppress(OSError):
            if str(place.readlink()).startswith("/memfd:"):
                size += place.stat().st_size
            else:
                others += 1
    return others, size // 1024


def _slots(line: str) -> bool:
    """Whether a line of /proc/sysvipc is of an object that a slot's uid owns or made."""
    return any(word.isdecimal() and FIRST_UID <= int(word) < LAST_UID for word in line.split())


def _processes(service: int) -> Iterator[tuple[int, str]]:
    parents: dict[int, tuple[int, str, int]] = {}
    for name in _listed(_PROC):
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError):
                text = (_PROC / name / "stat").read_text(errors="replace")
                comm, _, rest = text[text.index("(") + 1 :].rpartition(") ")
                uid = (_PROC / name).stat().st_uid
                parents[int(name)] = int(rest.split()[1]), f"uid {uid}, {comm}", uid
    family = {service}
    grown = True
    while grown:
        fresh = {pid for pid, (parent, _, _) in parents.items() if parent in family and pid not in family}
        family |= fresh
        grown = bool(fresh)
    for pid, (_, what, uid) in parents.items():
        if pid in family or (FIRST_UID <= uid < LAST_UID and _of(service, pid)):
            yield pid, what


def _of(service: int, pid: int) -> bool:
    """Whether an orphan with a slot's uid is this service's: another may run beside it, with a cgroup of its own."""
    return _lines(_PROC / str(pid) / "cgroup") == _lines(_PROC / str(service) / "cgroup")


def _mount_namespaces(processes: Mapping[int, str]) -> tuple[int, ...]:
    """One process for each mount namespace but the machine's own, which others mount in as well."""
    machine = str(Path("/proc/self/ns/mnt").readlink())
    found: dict[str, int] = {}
    for pid in processes:
        with contextlib.suppress(OSError):
            found.setdefault(str((_PROC / str(pid) / "ns" / "mnt").readlink()), pid)
    found.pop(machine, None)
    return tuple(found.values())


def _tmpfs(namespaces: tuple[int, ...]) -> int:
    """KiB that lie in the tmpfs mounts of the sandboxes; those that this process sees as well are the machine's."""
    shared = {line.split()[2] for line in _lines(_PROC / "self" / "mountinfo")}
    used: dict[str, int] = {}
    for pid in namespaces:
        for line in _lines(_PROC / str(pid) / "mountinfo"):
            fields = line.split()
            if fields[2] not in shared and fields[fields.index("-") + 1] == "tmpfs":
                with contextlib.suppress(OSError):
                    size = os.statvfs(f"/proc/{pid}/root{fields[4]}")
                    used[fields[2]] = (size.f_blocks - size.f_bfree) * size.f_frsize // 1024
    return sum(used.values())


def _cgroups(service: int, processes: Mapping[int, str]) -> Iterator[str]:
    """Directories that the service made: those that its processes have moved to, and those named after it."""
    own = dict(_memberships(service))
    for controllers, path in own.items():
        for named in _hierarchy(controllers, path).glob(f"**/*{service}*"):
            if re.search(rf"(?<![0-9a-f]){service}(?![0-9a-f])", named.name):  # not within a container's name
                yield from _beneath(named)
    # A process that has ended, and waits for its parent to hear of it, is shown at the root.
    moved = {
        _hierarchy(*one) for pid in processes for one in _memberships(pid) if one not in own.items() and one[1] != "/"
    }
    for place in moved:
        yield from _beneath(place)


def _memberships(pid: int) -> Iterator[tuple[str, str]]:
    """The cgroups of a process: controllers and path, one for each hierarchy."""
    for line in _lines(_PROC / str(pid) / "cgroup"):
        _, controllers, path = line.split(":", 2)
        yield controllers.removeprefix("name=") or "unified", path


def _hierarchy(controllers: str, path: str) -> Path:
    """Where a cgroup is seen; cgroup v2 alone is mounted without a directory for each hierarchy."""
    base = Path("/sys/fs/cgroup")
    return (base / controllers if (base / controllers).is_dir() else base) / path.lstrip("/")


def _beneath(place: Path) -> Iterator[str]:
    yield from (found for found, _, _ in os.walk(place))


def _files(service: int) -> Iterator[str]:
    root = _PROC / str(service) / "root"
    for place in _SHARED_PLACES:
        with contextlib.suppress(OSError), os.scandir(root / place) as entries:
            for entry in entries:
                if FIRST_UID <= entry.stat(follow_symlinks=False).st_uid < LAST_UID:
                    yield f"/{place}/{entry.name}"
    own = _variable(service, "TMPDIR")
    if own is None:
        return
    for found, directories, names in os.walk(root / own.lstrip("/")):
        directories[:] = [name for name in directories if "cache" not in name]  # filled by the service itself
        yield from (str(Path(found) / name).removeprefix(str(root)) for name in (*directories, *names))


def _variable(pid: int, name: str) -> str | None:
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "environ").read_bytes().split(b"\0"):
            key, _, value = line.decode(errors="replace").partition("=")
            if key == name:
                return value
    return None


def _proportional(pid: int) -> int:
    for line in _lines(_PROC / str(pid) / "smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
