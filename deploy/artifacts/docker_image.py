"""An image that the engine built, as blobs in a store: the layers that releases share, and one of the service's own.

The engine sends an image whole or not at all: two gigabytes, half a minute. So it is asked for that only when a shared
layer is new to the store. The service lies in the last layers alone; it is read as files, and its layer made here, the
same bytes for the same files.
"""

from __future__ import annotations

import io
import json
import tarfile
import tempfile
from collections.abc import Sequence
from typing import Any

import docker
from docker.models.images import Image

from deploy.artifacts.oci import Blob, BlobStore, put_image
from deploy.errors import BuildFailed

SERVICE = "opt/codecanvas/backend"
"""All that the last layers hold."""
_SERVICE_LAYERS = 2  # of backend/Dockerfile: the service, and its bytecode
_SETTINGS = ("User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal")


def export(client: docker.DockerClient, image: Image, store: BlobStore) -> Blob:
    """Store the image; returns its manifest's blob. Raises BuildFailed if the engine sends other layers than listed."""
    shared = image.attrs["RootFS"]["Layers"][:-_SERVICE_LAYERS]
    if any(store.layer(diff_id) is None for diff_id in shared):
        _fetch(client, image, shared, store)
    layers = [layer for diff_id in shared if (layer := store.layer(diff_id))]
    if len(layers) != len(shared):
        raise BuildFailed(f"the engine sent {len(layers)} of {len(shared)} layers of {image.id}; see `docker info`")
    own, layer = store.put_layer(_service(client, image))
    return put_image(store, _config(image.attrs, [*shared, own]), [*layers, layer])


def _fetch(client: docker.DockerClient, image: Image, shared: Sequence[str], store: BlobStore) -> None:
    """Store the shared layers. The engine sends layers as plain tars; ours are compressed, once each."""
    with tempfile.TemporaryFile() as archive:
        for chunk in client.api.get_image(str(image.id)):
            archive.write(chunk)
        archive.seek(0)
        with tarfile.open(fileobj=archive, mode="r:") as tar:
            index = tar.extractfile("manifest.json")
            names = json.load(index)[0]["Layers"] if index else []
            for diff_id, name in zip(shared, names, strict=False):  # the service's own come last
                stream = tar.extractfile(_resolved(tar, name))
                if stream is None or (store.layer(diff_id) is None and store.put_layer(stream)[0] != diff_id):
                    raise BuildFailed(f"what the engine sends as layer {name} is not {diff_id}")


def _resolved(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    """A member, following the link that stands for a layer which occurs twice."""
    member = tar.getmember(name)
    while member.issym() or member.islnk():
        parts = name.split("/")[:-1] if member.issym() else []
        for part in member.linkname.split("/"):
            parts = parts[:-1] if part == ".." else [*parts, part]
        name = "/".join(parts)
        member = tar.getmember(name)
    return member


def _service(client: docker.DockerClient, image: Image) -> io.BytesIO:
    """The service's files as a layer's tar; names in order, and no times, which would differ with each build."""
    container = client.containers.create(image)
    try:
        chunks, _ = container.get_archive(f"/{SERVICE}")
        archive = io.BytesIO(b"".join(chunks))
    finally:
        container.remove()
    above, _, _ = SERVICE.rpartition("/")
    layer = io.BytesIO()
    with tarfile.open(fileobj=archive) as files, tarfile.open(fileobj=layer, mode="w") as tar:
        for member in sorted(files.getmembers(), key=lambda member: member.name):
            content = files.extractfile(member) if member.isfile() else None
            member.name, member.mtime, member.pax_headers = f"{above}/{member.name}", 0, {}
            tar.addfile(member, content)
    layer.seek(0)
    return layer


def _config(attributes: dict[str, Any], diff_ids: list[str]) -> bytes:
    """The image's configuration as OCI has it, from what the engine says of it."""
    settings = {name: value for name in _SETTINGS if (value := attributes["Config"].get(name))}
    config = {
        "architecture": attributes["Architecture"],
        "os": attributes["Os"],
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    if attributes.get("Variant"):
        config["variant"] = attributes["Variant"]
    return json.dumps(config, sort_keys=True, separators=(",", ":")).encode()
