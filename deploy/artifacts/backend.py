"""Builds the backend image with the Docker engine and writes it as OCI blobs: its digest is known at once."""

from __future__ import annotations

import contextlib
import io
import sys
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import docker
import docker.errors
from docker.models.images import Image

from deploy.artifacts.docker_image import export
from deploy.artifacts.inputs import fingerprint
from deploy.artifacts.oci import Blob, BlobStore
from deploy.artifacts.selection import with_languages
from deploy.artifacts.source import Source
from deploy.artifacts.targets import LOCK, PLATFORM, PYTHON, packages_inputs
from deploy.errors import BuildFailed
from deploy.processes import run
from deploy.workstation.base_image import ensure_base
from deploy.workstation.docker_engine import running_host

REPOSITORY = "codecanvas/runner"


def build_backend(
    root: Path,
    source: Source,
    languages: Collection[str],
    store: BlobStore,
    host: str,
    log: Path,
    tell: Callable[[str], None],
) -> tuple[Blob, dict[str, str]]:
    """Build the image with `languages`; returns its blob, and what else is worth knowing: base, size, engine's id.

    Raises BuildFailed with the log's path.
    """
    with _engine(host, log) as client:
        base = ensure_base(client, tell)
        image = _make(client, root, source, languages, log, tell)
        tell("writing the image's layers")
        blob = export(client, image, store)
        known = {"base": f"{base.name} {base.origin} {base.id}", "size": str(image.attrs["Size"])}
        return blob, known | {"engine": str(image.id)}


def tag_backend(image: str, source: Source, environment: str) -> None:
    """Tag an image for a commit and an environment, where an engine that runs has it; `image` is its id there."""
    host = running_host()
    if host is None:
        return
    client = docker.DockerClient(base_url=host, timeout=30)
    with contextlib.closing(client), contextlib.suppress(docker.errors.DockerException):
        found = client.images.get(image)
        for tag in (source.label, *([f"{environment}-{source.label}"] if environment else [])):
            found.tag(REPOSITORY, tag)


def _name(source: Source) -> str:
    """What the image of a commit is called in the engine."""
    return f"{REPOSITORY}:{source.label}"


def make_backend(
    root: Path, source: Source, languages: Collection[str], host: str, log: Path, tell: Callable[[str], None]
) -> str:
    """Have the image with `languages` in the engine alone, as a container is started from it; returns its name.

    Raises BuildFailed with the log's path.
    """
    with _engine(host, log) as client:
        ensure_base(client, tell)
        _make(client, root, source, languages, log, tell)
    return _name(source)


@contextlib.contextmanager
def _engine(host: str, log: Path) -> Iterator[docker.DockerClient]:
    """A client of the engine. Raises BuildFailed for what fails there."""
    client = docker.DockerClient(base_url=host, timeout=1800)
    try:
        yield client
    except docker.errors.DockerException as failed:
        raise BuildFailed(f"the Docker engine at {host} failed: {failed}; see `docker info`", log=log) from failed
    finally:
        client.close()


def _make(
    client: docker.DockerClient, root: Path, source: Source, languages: Collection[str],
    log: Path, tell: Callable[[str], None],
) -> Image:  # fmt: skip
    packages = _site_packages(root, root / "dist", log)
    tell("building the backend image")
    return client.images.get(_build(client, _context(root, packages, languages), _name(source), log, tell))


def _site_packages(root: Path, cache: Path, log: Path) -> Path:
    """The service's dependencies, installed by hash for the image's Python; made once for each lock file."""
    place = cache / f"site-packages-{fingerprint(packages_inputs(root))[:16]}"
    if place.exists():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        target = Path(scratch) / "packages"
        command = [Path(sys.executable).with_name("uv"), "pip", "install", "--quiet", "--target", target]
        command += ["--python-version", PYTHON, "--python-platform", PLATFORM, "--only-binary", ":all:"]
        command += ["--link-mode", "copy", "--require-hashes", "-r", root / LOCK]
        done = run(command, capture_output=True, text=True)
        if done.returncode:
            log.write_text(done.stderr)
            raise BuildFailed(
                f"the service's dependencies could not be installed: {done.stderr.strip()[-300:]}", log=log
            )
        target.rename(place)
    return place


def _context(root: Path, packages: Path, languages: Collection[str]) -> io.BytesIO:
    """The build context: Dockerfile, site-packages and the service; owners, modes and times the same everywhere."""
    stream = io.BytesIO()

    def normal(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if "__pycache__" in info.name or info.name.endswith(".pyc"):
            return None
        info.uid = info.gid = info.mtime = 0
        info.uname = info.gname = ""
        info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
        return info

    with tarfile.open(fileobj=stream, mode="w") as tar:
        dockerfile = with_languages((root / "backend/Dockerfile").read_text(encoding="utf-8"), languages).encode()
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
        tar.add(packages, "site-packages", filter=normal)
        tar.add(root / "backend/runner", "backend/runner", filter=normal)
    stream.seek(0)
    return stream


def _build(client: docker.DockerClient, context: io.BytesIO, tag: str, log: Path, tell: Callable[[str], None]) -> str:
    lines = client.api.build(fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True)
    image_id = ""
    with log.open("a") as file:
        for line in lines:
            text = line.get("stream") or line.get("error") or ""
            file.write(text)
            file.flush()
            if text.startswith("Step "):
                tell(text.strip()[:100])
            if "error" in line:
                raise BuildFailed(f"the backend image could not be built: {text.strip()[-300:]}", log=log)
            image_id = (line.get("aux") or {}).get("ID", image_id)
    if not image_id:
        raise BuildFailed("the engine named no image at the end of the build", log=log)
    return image_id
