"""A step of a run, and the bubblewrap command line that it becomes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import DISK_BYTES, OPEN_FILES, PROGRAM_BYTES, STACK_BYTES, Limits

USER = 1000
"""uid and gid that every program sees itself as."""

SHARED_MEMORY_BYTES = 16 * 1024 * 1024

# Order matters: namespaces first, then what the sandbox may not do, whatever the mounts are.
_ISOLATION = (
    "--unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-net --unshare-cgroup-try --disable-userns "
    f"--uid {USER} --gid {USER} --hostname codecanvas --cap-drop ALL --new-session --die-with-parent --clearenv"
).split()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One command to run in a sandbox."""

    command: tuple[str, ...]
    limits: Limits
    files: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    """Files of the work directory, by relative name."""
    stdin: bytes = b""
    variables: tuple[tuple[str, str], ...] = ()
    compiles: bool = False
    """Whether the step leaves a program in the slot's directory, or only reads the one there."""
    cache: Path | None = None
    """Directory seen as /cache; only the service's own warm-up may write it."""
    cache_writable: bool = False


def _tmpfs(host: Host, path: str, size: int) -> list[str]:
    return [*(("--size", str(size)) if host.sized_tmpfs else ()), "--tmpfs", path]


def _mounts(host: Host, step: Step, accounts: Path, program: Path) -> list[str]:
    arguments = [*host.root_arguments]
    for name in ("passwd", "group"):
        arguments += ["--ro-bind", str(accounts / name), f"/etc/{name}"]
    for index, toolchain in enumerate(host.toolchains):
        arguments += ["--ro-bind", str(toolchain), f"/opt/toolchains/{index}"]
    if step.cache is not None:
        arguments += ["--bind" if step.cache_writable else "--ro-bind", str(step.cache), "/cache"]
    arguments += ["--bind" if step.compiles else "--ro-bind", str(program), "/program"]
    arguments += ["--proc", "/proc", "--dev", "/dev", *_tmpfs(host, "/dev/shm", SHARED_MEMORY_BYTES)]  # noqa: S108
    arguments += [*_tmpfs(host, "/work", DISK_BYTES), "--symlink", "work", "/tmp"]  # noqa: S108
    return [*arguments, "--remount-ro", "/dev", "--remount-ro", "/"]


def _resource_limits(step: Step) -> list[str]:
    """Set inside, where the kernel counts processes by user namespace, so that slots do not count together."""
    limits = step.limits
    seconds = math.ceil(limits.timeout) + 1  # a backstop for each process; the wall clock strikes first
    return [
        "/usr/bin/prlimit",
        f"--cpu={seconds}:{seconds + 1}",
        f"--fsize={PROGRAM_BYTES if step.compiles else DISK_BYTES}",
        f"--nofile={OPEN_FILES}",
        f"--nproc={limits.processes}",
        f"--stack={STACK_BYTES}",
        "--core=0",
        "--memlock=0",
        "--msgqueue=0",
        "--",
    ]


def arguments(
    host: Host,
    step: Step,
    *,
    accounts: Path,
    program: Path,
    status: int,
    seccomp: int | None,
    files: Sequence[tuple[int, str]],
) -> list[str]:
    """The whole command line.

    `accounts` holds passwd and group, `program` is the slot's directory, `status` and `seccomp` are descriptors for
    bubblewrap alone, and `files` pairs a readable descriptor with the name in /work that gets its content.
    """
    variables = {"PATH": host.search_path, "HOME": "/work", "LANG": "C.UTF-8", "USER": "runner", **dict(step.variables)}
    command = [host.bubblewrap, *_ISOLATION, "--json-status-fd", str(status)]
    if seccomp is not None:
        command += ["--seccomp", str(seccomp)]
    for name, value in variables.items():
        command += ["--setenv", name, value]
    command += _mounts(host, step, accounts, program)
    for descriptor, name in files:
        command += ["--perms", "0644", "--file", str(descriptor), f"/work/{name}"]
    return [*command, "--chdir", "/work", "--", *_resource_limits(step), *step.command]
