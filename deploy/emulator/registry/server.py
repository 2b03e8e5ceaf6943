"""Debian's docker-registry as a child on a unix socket, and what the emulator asks it itself."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from deploy.emulator.children import Child
from deploy.emulator.edge.config import REGISTRY_SOCKET
from deploy.emulator.files import write_json
from deploy.emulator.plain import plain_client

MANIFEST_TYPES = ", ".join(
    [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.index.v1+json",
    ]
)
_IMAGE = re.compile(
    r"(?P<registry>registry\.fly\.io|(?:127\.0\.0\.1|localhost):\d+)/(?P<repository>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class ImageName:
    """An image as machine configurations name it. `digest` is empty when only a tag was given."""

    repository: str
    tag: str
    digest: str

    @property
    def reference(self) -> str:
        """What names the manifest: the digest when there is one, else the tag."""
        return self.digest or self.tag


def parse_image(text: str) -> ImageName | None:
    """`registry.fly.io/APP[:TAG][@DIGEST]`, or the same at the emulator's own address; None for anything else."""
    match = _IMAGE.fullmatch(text)
    if not match:
        return None
    digest = match["digest"] or ""
    return ImageName(match["repository"], match["tag"] or ("" if digest else "latest"), digest)


class Registry:
    """The registry. It holds what was pushed until it is told to prune, and lets nobody in by itself."""

    def __init__(self, program: Path, directory: Path) -> None:
        self._directory = directory
        self._config = directory / "registry.json"
        self._socket = directory / REGISTRY_SOCKET
        self.child = Child("registry", [str(program), "serve", str(self._config)], directory)

    async def start(self) -> None:
        """Start it and wait for its socket."""
        self._socket.unlink(missing_ok=True)
        write_json(
            self._config,
            {
                "version": "0.1",
                "log": {"level": "warn", "accesslog": {"disabled": True}},
                "storage": {
                    "filesystem": {"rootdirectory": "registry"},
                    "delete": {"enabled": False},
                    "cache": {"blobdescriptor": "inmemory"},
                },
                "http": {"net": "unix", "addr": REGISTRY_SOCKET},
            },
        )
        await self.child.start()
        await self.child.answers(_connect)

    async def resolve(self, image: ImageName) -> str | None:
        """The digest that the image has here; None when it was never pushed."""
        async with plain_client(30, socket=REGISTRY_SOCKET) as client:
            url = f"http://registry/v2/{image.repository}/manifests/{image.reference}"
            answer = await client.head(url, headers={"Accept": MANIFEST_TYPES})
        return answer.headers["Docker-Content-Digest"] if answer.status_code == 200 else None

    async def prune(self, repository: str, used: frozenset[str]) -> list[str]:
        """Forget the repository's manifests but those of `used`, as the provider does with what no machine uses.

        Returns the digests that are gone. Blobs stay: other repositories may share them.
        """
        return await asyncio.to_thread(_pruned, self._directory / "registry", repository, used)


def _pruned(place: Path, repository: str, used: frozenset[str]) -> list[str]:
    manifests = place / "docker/registry/v2/repositories" / repository / "_manifests"
    gone = []
    for revision in sorted((manifests / "revisions/sha256").glob("*")):
        if (digest := f"sha256:{revision.name}") not in used:
            shutil.rmtree(revision)
            gone.append(digest)
    for tag in manifests.glob("tags/*/current/link"):
        if tag.read_text() in gone:
            shutil.rmtree(tag.parents[1])
    return gone


def _connect() -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(REGISTRY_SOCKET)
