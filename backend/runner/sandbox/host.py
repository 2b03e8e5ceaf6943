"""What this host offers the sandbox: its launcher, the content of the root, and uids."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.sandbox import frames
from backend.runner.sandbox.step import USER

_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# Configuration that programs and toolchains read; nothing that identifies this host or its users.
_CONFIGURATION = (
    "alternatives", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "java-*-openjdk", "mono", "php", "R", "erlang",
    "fpc*.cfg", "python3*", "perl", "ghc", "scala", "swi-prolog", "sbcl.rc", "ldc2.conf", "dmd.conf", "ssl/openssl.cnf",
)  # fmt: skip
_FILES = {
    "/etc/passwd": f"runner:x:{USER}:{USER}::/work:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": f"runner:x:{USER}:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost codecanvas\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
HOSTNAME = "codecanvas"
TEMPLATE_PLACE = "/opt/template"
OUTPUT_PLACE = "/opt/output"
"""Libraries that write a program's lines as they end; see `launcher/lines.c`."""
WARM_PLACE = "/opt/warm"
CACHE_PLACE = "/cache"

Entry = tuple[str, str, str]
"""Kind, source and place of one entry of the root; `launcher/slot.c` defines the kinds."""


@dataclasses.dataclass(frozen=True)
class Host:
    """Facts about this host, found once at start."""

    launcher: Path
    """Directory of the launcher and the Python template."""
    toolchains: tuple[Path, ...]
    """Directories beside /usr whose bin/ programs may use; every user can reach them."""
    choose_uid: bool
    """Whether the service may give each slot a uid of its own."""
    warm: Path | None = None
    """Directory of what warm processes read; programs see it, read-only."""

    @classmethod
    def find(cls, launcher: Path, toolchains: Sequence[Path] = (), warm: Path | None = None) -> Host:
        """Inspect this host. Raises SandboxError if the launcher is missing or a toolchain cannot be reached."""
        if not os.access(launcher / "launcher", os.X_OK):
            raise SandboxError(f"{launcher}/launcher is missing. Build it: make -C {Path(__file__).parent}/launcher")
        for path in toolchains:
            _check_reachable(path, "RUNNER_TOOLCHAINS")
        _check_reachable(launcher, "RUNNER_LAUNCHER")
        return cls(launcher, tuple(toolchains), os.geteuid() == 0, warm)

    @property
    def search_path(self) -> str:
        """PATH of every run."""
        own = [f"/opt/toolchains/{index}/bin" for index in range(len(self.toolchains))]
        return ":".join(["/usr/local/bin", "/usr/bin", "/bin", *own])

    @property
    def outer_search_path(self) -> list[str]:
        """The directories of `search_path` as the service sees them."""
        return ["/usr/local/bin", "/usr/bin", "/bin", *(str(path / "bin") for path in self.toolchains)]

    def setup(self, cache: Path | None, writable_cache: bool) -> bytes:
        """The fields of a setup frame: host name and root, with `cache` as /cache."""
        entries = list(self._entries())
        if cache is not None:
            entries.append(("w" if writable_cache else "r", str(cache), CACHE_PLACE))
        body = [frames.whole(len(entries))]
        for kind, source, place in entries:
            body += [kind.encode(), frames.block(source.encode()), frames.block(place.encode())]
        return frames.block(HOSTNAME.encode()) + b"".join(body)

    def _entries(self) -> Iterator[Entry]:
        yield "r", "/usr", "/usr"
        for name in _SYSTEM:
            path = Path("/") / name
            if path.is_symlink():
                yield "s", str(path.readlink()), str(path)
            elif path.is_dir():
                yield "r", str(path), str(path)
        for pattern in _CONFIGURATION:
            for path in sorted(Path("/etc").glob(pattern)):
                if path.exists():
                    yield "r", str(path), str(path)
        for name, content in _FILES.items():
            yield "f", content, name
        for index, toolchain in enumerate(self.toolchains):
            yield "r", str(toolchain), f"/opt/toolchains/{index}"
        if (self.launcher / "python").is_dir():
            yield "r", str(self.launcher / "python"), TEMPLATE_PLACE
        if (self.launcher / "output").is_dir():
            yield "r", str(self.launcher / "output"), OUTPUT_PLACE
        if self.warm is not None:
            yield "r", str(self.warm), WARM_PLACE
        for device in _DEVICES:
            yield "d", f"/dev/{device}", f"/dev/{device}"
        for name, target in {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                             "stderr": "/proc/self/fd/2"}.items():  # fmt: skip
            yield "s", target, f"/dev/{name}"
        for place in ("/proc", "/work", "/program", "/dev/shm"):  # noqa: S108
            yield "D", "", place
        yield "s", "work", "/tmp"  # noqa: S108


def _check_reachable(path: Path, variable: str) -> None:
    """Raise SandboxError unless every uid can enter `path`: slots have uids of their own, and it is mounted there."""
    for part in (path, *path.parents):
        if not part.stat().st_mode & stat.S_IXOTH:
            raise SandboxError(f"{variable}: {part} cannot be entered by other users. Allow it: chmod o+x {part}")
