"""OCI images as files: blobs by digest, deterministic layers, image layouts.

A layout directory can be read by any OCI tool. Blobs are kept once in a store and linked into each layout.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
CHUNK = 1 << 20
LEVEL = 3  # of gzip: layers are large and cross a network once


@dataclass(frozen=True)
class Blob:
    """Content by digest; `size` in bytes."""

    digest: str
    size: int

    def descriptor(self, media_type: str) -> dict[str, Any]:
        """As a manifest names it."""
        return {"mediaType": media_type, "digest": self.digest, "size": self.size}


class BlobStore:
    """Blobs in a directory, by digest, written atomically; remembers which blob a layer was compressed into.

    What was damaged counts as not there, and is written anew.
    """

    def __init__(self, place: Path) -> None:
        self.place = place / "sha256"
        self._layers, self._checked = place / "layers", place / "checked"
        for directory in (self.place, self._layers, self._checked):
            directory.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where the blob is."""
        return self.place / digest.removeprefix("sha256:")

    def has(self, digest: str) -> bool:
        """Whether a blob is there and is what its digest says; one that is not is removed.

        It is read once, and again when its file was written since.
        """
        path = self.path(digest)
        try:
            seen = _state(path)
        except OSError:
            return False
        with contextlib.suppress(OSError, UnicodeError):
            if (self._checked / path.name).read_text() == seen:
                return True
        if _digest_of(path) != f"sha256:{path.name}":
            path.unlink(missing_ok=True)
            return False
        self._note(path)
        return True

    def put(self, content: bytes) -> Blob:
        """Store bytes."""
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if not self.has(digest):
            with self._writing() as file:
                file.write(content)
            self._keep(file, digest)
        return Blob(digest, len(content))

    def receive(self, digest: str, content: Iterable[bytes]) -> None:
        """Store a blob that comes in pieces, unless it is there. That it is what its digest says is seen by `has`."""
        if not self.has(digest):
            with self._writing() as file:
                file.writelines(content)
            Path(file.name).rename(self.path(digest))

    def stale(self, unused: Path) -> list[Path]:
        """The files that go with a blob."""
        return [unused, self._checked / unused.name]

    @contextlib.contextmanager
    def _writing(self) -> Iterator[IO[bytes]]:
        """A file beside the blobs, which is removed when it cannot be written whole."""
        with tempfile.NamedTemporaryFile(dir=self.place, delete=False) as file:
            try:
                yield file
            except BaseException:
                Path(file.name).unlink()
                raise

    def _keep(self, file: IO[bytes], digest: str) -> None:
        """What was just written is the blob of this digest."""
        Path(file.name).rename(self.path(digest))
        self._note(self.path(digest))

    def _note(self, path: Path) -> None:
        (self._checked / path.name).write_text(_state(path))

    def blob(self, digest: str) -> Blob:
        """A blob that is there."""
        return Blob(digest, self.path(digest).stat().st_size)

    def all_of(self, image: Blob) -> list[str]:
        """The digests of an image: manifest, configuration and layers."""
        manifest = json.loads(self.path(image.digest).read_bytes())
        return [image.digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]

    def layer(self, diff_id: str) -> Blob | None:
        """The blob that a layer was compressed into; None where it is not in the store."""
        known = self._layers / diff_id.removeprefix("sha256:")
        digest = known.read_text().strip() if known.exists() else ""
        return self.blob(digest) if digest and self.has(digest) else None

    def put_layer(self, tar: IO[bytes]) -> tuple[str, Blob]:
        """Compress and store a layer's tar; returns its diff id and blob. One met before is not compressed again."""
        diff_id = "sha256:" + hashlib.file_digest(tar, "sha256").hexdigest()  # type: ignore[arg-type]
        if known := self.layer(diff_id):
            return diff_id, known
        tar.seek(0)
        # No name and no time in the header: the same layer gives the same blob.
        with (
            self._writing() as file,
            gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed,
        ):
            shutil.copyfileobj(tar, packed, CHUNK)
        digest = _digest_of(Path(file.name))
        self._keep(file, digest)
        (self._layers / diff_id.removeprefix("sha256:")).write_text(digest)
        return diff_id, self.blob(digest)


def _digest_of(file: Path) -> str:
    with file.open("rb") as content:
        return "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()


def _state(file: Path) -> str:
    """Differs once a file was written again."""
    status = file.stat()
    return f"{status.st_ino} {status.st_size} {status.st_mtime_ns}"


def put_image(
    store: BlobStore, config: bytes, layers: list[Blob], annotations: Mapping[str, str] | None = None
) -> Blob:
    """Store an image's manifest; its digest is the image's."""
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store.put(config).descriptor(CONFIG),
        "layers": [layer.descriptor(LAYER) for layer in layers],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return store.put(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())


def directory_image(store: BlobStore, root: Path, labels: Mapping[str, str]) -> Blob:
    """An image `FROM scratch` that holds the files of `root`; the same files and labels give the same digest."""
    diff_id, layer = store.put_layer(_tar_of(root))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Labels": dict(labels)},
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "history": [{"created_by": "COPY . /", "comment": "FROM scratch"}],
    }
    return put_image(store, json.dumps(config, sort_keys=True, separators=(",", ":")).encode(), [layer])


def _tar_of(root: Path) -> IO[bytes]:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            info = tarfile.TarInfo(path.relative_to(root).as_posix())
            info.mtime = 0
            if path.is_dir():
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            else:
                content = path.read_bytes()
                info.size, info.mode = len(content), 0o644
                tar.addfile(info, io.BytesIO(content))
    stream.seek(0)
    return stream


def files_of_layers(layers: list[bytes]) -> dict[str, bytes]:
    """Files of an image made by `directory_image`, from its compressed layers: path → contents."""
    files: dict[str, bytes] = {}
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(layer), mode="r:gz") as tar:
            for member in tar:
                if member.isfile() and (stream := tar.extractfile(member)):
                    files[member.name] = stream.read()
    return files


def write_layout(store: BlobStore, image: Blob, place: Path) -> None:
    """Write an OCI image layout that holds one image; its blobs are hard links into the store, else copies."""
    blobs = place / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for digest in store.all_of(image):
        target = blobs / digest.removeprefix("sha256:")
        if not target.exists():
            try:
                os.link(store.path(digest), target)
            except OSError:  # on another file system, or one that has no links
                shutil.copyfile(store.path(digest), target)
    (place / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    index = {"schemaVersion": 2, "manifests": [image.descriptor(MANIFEST)]}
    (place / "index.json").write_text(json.dumps(index))


@dataclass(frozen=True)
class Layout:
    """An image layout on disk."""

    place: Path

    @property
    def digest(self) -> str:
        """The image's digest."""
        index = json.loads((self.place / "index.json").read_text())
        return str(index["manifests"][0]["digest"])

    @property
    def manifest(self) -> bytes:
        """The manifest's exact bytes."""
        return self.blob_path(self.digest).read_bytes()

    def blobs(self) -> list[Blob]:
        """Configuration and layers."""
        manifest = json.loads(self.manifest)
        return [Blob(part["digest"], int(part["size"])) for part in (manifest["config"], *manifest["layers"])]

    def blob_path(self, digest: str) -> Path:
        """Where a blob is."""
        return self.place / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def read(self, digest: str) -> Iterator[bytes]:
        """A blob's bytes in chunks."""
        with self.blob_path(digest).open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    def files(self) -> dict[str, bytes]:
        """Files of an image made by `directory_image`: path → contents."""
        manifest = json.loads(self.manifest)
        return files_of_layers([b"".join(self.read(layer["digest"])) for layer in manifest["layers"]])
