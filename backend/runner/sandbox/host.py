"""What this host offers the sandbox: which bubblewrap, which root, which identity."""

from __future__ import annotations

import dataclasses
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

from backend.runner.errors import SandboxError

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_CONFIGURATION = ("alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d")


@dataclasses.dataclass(frozen=True)
class Host:
    """Facts about this host, found once at start."""

    bubblewrap: str
    sized_tmpfs: bool
    """Whether this bubblewrap can bound a tmpfs (`--size`); where it cannot, only the watcher does."""
    root_arguments: tuple[str, ...]
    """Bubblewrap arguments that make the read-only root."""
    toolchains: tuple[Path, ...]
    """Directories beside /usr whose bin/ programs may use; every user can reach them."""
    choose_uid: bool
    """Whether the launcher may give each slot a uid of its own."""

    @classmethod
    def find(cls, toolchains: Sequence[Path] = ()) -> Host:
        """Look at this host. Raises SandboxError where bubblewrap is missing or a toolchain cannot be reached."""
        bubblewrap = shutil.which("bwrap", path="/usr/local/bin:/usr/bin:/bin")
        if bubblewrap is None:
            raise SandboxError("bubblewrap is not installed. Install it: apt-get install bubblewrap")
        options = subprocess.run([bubblewrap, "--help"], capture_output=True, text=True, check=False, timeout=10)
        for path in toolchains:
            _check_reachable(path)
        return cls(
            bubblewrap=bubblewrap,
            sized_tmpfs="--size" in options.stdout + options.stderr,
            root_arguments=_root_arguments(),
            toolchains=tuple(toolchains),
            choose_uid=os.geteuid() == 0,
        )

    @property
    def search_path(self) -> str:
        """PATH of every run."""
        own = [f"/opt/toolchains/{index}/bin" for index in range(len(self.toolchains))]
        return ":".join(["/usr/local/bin", "/usr/bin", "/bin", *own])


def _root_arguments() -> tuple[str, ...]:
    arguments = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = Path("/") / name
        if path.is_symlink():
            arguments += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            arguments += ["--ro-bind", str(path), str(path)]
    for name in _CONFIGURATION:
        if (path := Path("/etc") / name).exists():
            arguments += ["--ro-bind", str(path), str(path)]
    return tuple(arguments)


def _check_reachable(path: Path) -> None:
    """A run has a uid of its own: it must be able to reach what is bound into its root."""
    for part in (path, *path.parents):
        if not part.stat().st_mode & stat.S_IXOTH:
            raise SandboxError(
                f"RUNNER_TOOLCHAINS: {part} cannot be entered by other users. Allow it: chmod o+x {part}"
            )
