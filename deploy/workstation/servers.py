"""Finds the server programs that a rehearsal runs: Caddy and the registry.

One on PATH is taken first; else Debian's package, unpacked without its service, which would start a server of its own
on this machine; else, where there is no such package, the program out of its official image, by digest. Both images
hold programs that need no libraries, so that they run on any Linux of the same architecture.
"""

from __future__ import annotations

import platform
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from filelock import FileLock

from deploy.errors import MachineLacks
from deploy.processes import run
from deploy.settings.environments import ROOT
from deploy.workstation.docker_engine import running_host
from deploy.workstation.packages import SYSTEM_PATH, may_install, refresh, stderr

TOOLS = ROOT / ".tools"


@dataclass(frozen=True)
class Server:
    """A program: its Debian package, its official image by digest, its path in there, and what to ask its version by.

    The digests are those of images for several architectures, as docker-library/repo-info lists them.
    """

    package: str
    image: str
    path: str
    version: str


SERVERS: dict[str, Server] = {
    "caddy": Server(
        "caddy",
        "caddy@sha256:25a0097607868fb05a89a5ab9fea2f2ea4cecdc89d887d7dcee8c778a21b9e1f",  # 2.6.2, as Debian's
        "/usr/bin/caddy",
        "version",
    ),
    "docker-registry": Server(
        "docker-registry",
        "registry@sha256:a3d8aaa63ed8681a604f1dea0aa03f100d5895b6a58ace528858a7b332415373",  # 2.8.3
        "/bin/registry",
        "--version",
    ),
}


@dataclass(frozen=True)
class Found:
    """A program that is there, and where it came from."""

    path: Path
    how: str


def find_server(name: str) -> Found | None:
    """The program of that name in SERVERS, if it is there."""
    if found := shutil.which(name, path=SYSTEM_PATH) or shutil.which(name):
        return Found(Path(found), found)
    server = SERVERS[name]
    if (unpacked := _unpacked(name)).exists():
        return Found(unpacked, f"{unpacked} (Debian's package {server.package})")
    if (taken := _taken(server, name)).exists():
        return Found(taken, f"{taken} (the image {server.image})")
    return None


def program(name: str, tell: Callable[[str], None] | None = None) -> Path:
    """Path of a server program, which is fetched if it is not there; raises MachineLacks with what to do."""
    if found := find_server(name):
        return found.path
    tell = tell or stderr
    TOOLS.mkdir(exist_ok=True)
    with FileLock(TOOLS / ".lock"):
        if found := find_server(name):  # another process was first
            return found.path
        no_package = _from_package(name, tell)
        if not no_package:
            return _unpacked(name)
        server = SERVERS[name]
        try:
            return _from_image(server, name, tell)
        except MachineLacks as no_image:
            raise MachineLacks(
                f"{name} is missing: it is not on PATH, {no_package}, and {no_image}. Install it so that it is on "
                "PATH, or open the project in its .devcontainer"
            ) from None


def _unpacked(name: str) -> Path:
    return TOOLS / "usr" / "bin" / name


def _taken(server: Server, name: str) -> Path:
    return TOOLS / "images" / server.image.rpartition(":")[2][:16] / name


def _from_package(name: str, tell: Callable[[str], None]) -> str:
    """Download and unpack the Debian package; returns why that cannot be done, "" when it is done."""
    package = SERVERS[name].package
    if shutil.which("apt-get") is None:
        return "there is no apt-get"
    for old in TOOLS.glob(f"{package}_*.deb"):
        old.unlink()
    download = ["apt-get", "download", "-qq", package]
    if run(download, cwd=TOOLS, capture_output=True).returncode:
        if not may_install():
            return f"apt-get has no package {package} (if it is Debian: sudo apt-get update && {' '.join(download)})"
        refresh()
        if run(download, cwd=TOOLS, capture_output=True).returncode:
            return f"apt-get has no package {package}"
    tell(f"unpacking {package}")
    archive = next(TOOLS.glob(f"{package}_*.deb"))
    run(["dpkg-deb", "-x", archive, TOOLS], check=True)
    archive.unlink()
    return "" if _unpacked(name).exists() else f"the package {package} has no program {name}"


def _from_image(server: Server, name: str, tell: Callable[[str], None]) -> Path:
    """Take the program out of its image; raises MachineLacks that says why it cannot be."""
    host = running_host()
    if platform.system() != "Linux":
        raise MachineLacks(f"programs of images run on Linux only, and this is {platform.system()}")
    if host is None:
        raise MachineLacks(f"no Docker engine answers that could pull {server.image}")
    tell(f"taking {name} out of {server.image}")
    place = _taken(server, name)
    take_out(host, server, place)
    return place


def take_out(host: str, server: Server, place: Path) -> None:
    """Copy the program of `server` to `place`, as `docker create` and `docker cp` do; nothing in the image is run.

    The image is pulled if the engine at `host` has none for this machine's architecture. Raises MachineLacks when it
    cannot be had, or the program does not run here; `place` is written last, and whole.
    """
    import docker  # slow to import
    import docker.errors

    client = docker.DockerClient(base_url=host, timeout=120)
    place.parent.mkdir(parents=True, exist_ok=True)
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    try:
        try:
            client.images.get(server.image)
        except docker.errors.ImageNotFound:
            client.images.pull(server.image, platform=f"linux/{machine}")
        container = client.containers.create(server.image, command=["none"], platform=f"linux/{machine}")
        try:
            chunks, _ = container.get_archive(server.path)
            with tempfile.TemporaryDirectory(dir=place.parent) as made, tempfile.TemporaryFile() as archive:
                for chunk in chunks:
                    archive.write(chunk)
                archive.seek(0)
                _only_file(archive, Path(made) / place.name)
                _require_it_runs(Path(made) / place.name, server)
                (Path(made) / place.name).rename(place)
        finally:
            container.remove(force=True)
    except docker.errors.DockerException as refused:
        raise MachineLacks(f"the engine at {host} gives no {server.path} of {server.image}: {refused}") from None
    finally:
        client.close()


def _only_file(archive: IO[bytes], place: Path) -> None:
    with tarfile.open(fileobj=archive) as tar:
        member = tar.next()
        if member is None or not member.isreg():
            raise MachineLacks(f"{place.name} is no file in its image")
        with place.open("wb") as out:
            shutil.copyfileobj(cast(IO[bytes], tar.extractfile(member)), out)
    place.chmod(0o755)


def _require_it_runs(place: Path, server: Server) -> None:
    try:
        done = run([place, server.version], capture_output=True, text=True, timeout=30)
        problem = "" if done.returncode == 0 else done.stderr.strip()[-200:] or f"exit code {done.returncode}"
    except OSError as wrong:
        problem = str(wrong.strerror)
    if problem:
        raise MachineLacks(f"{place.name} of {server.image} does not run here: {problem}")
