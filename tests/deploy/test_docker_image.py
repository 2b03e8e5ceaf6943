"""An image of a real engine as blobs: whole, and made anew only where it changed."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from docker.models.images import Image

from deploy import workstation
from deploy.artifacts.docker_image import export
from deploy.artifacts.oci import BlobStore
from tests.deploy.emulator.support import context

DOCKERFILE = """FROM scratch
COPY shared /shared
COPY service /opt/codecanvas/backend/service
COPY bytecode /opt/codecanvas/backend/bytecode
LABEL purpose=emulator-test
ENV COLOUR=green
CMD ["/shared"]
"""


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    """This machine's engine."""
    client = docker.DockerClient(base_url=workstation.docker_host())
    yield client
    client.close()


@pytest.fixture
def images(engine: docker.DockerClient) -> Iterator[list[Image]]:
    """Two images that differ in the service alone."""
    made = []
    for service in ("one", "two"):
        files = {"Dockerfile": DOCKERFILE, "shared": "for all\n", "service": service, "bytecode": "compiled"}
        image, _ = engine.images.build(fileobj=context(files), custom_context=True, rm=True)
        made.append(image)
    yield made
    for image in made:
        engine.images.remove(str(image.id), force=True)


def test_an_image_is_stored_whole_and_its_next_release_differs_in_one_small_layer(
    engine: docker.DockerClient, images: list[Image], tmp_path: Path
) -> None:
    store = BlobStore(tmp_path)
    manifests = [json.loads(store.path(export(engine, image, store).digest).read_bytes()) for image in images]
    config = json.loads(store.path(manifests[1]["config"]["digest"]).read_bytes())
    assert (config["config"]["Cmd"], "COLOUR=green" in config["config"]["Env"]) == (["/shared"], True)
    found: dict[str, bytes] = {}
    for layer in manifests[1]["layers"]:
        with tarfile.open(store.path(layer["digest"])) as tar:
            found |= {file.name: tar.extractfile(file).read() for file in tar if file.isfile()}  # type: ignore[union-attr]
    backend = "opt/codecanvas/backend"
    assert found == {"shared": b"for all\n", f"{backend}/service": b"two", f"{backend}/bytecode": b"compiled"}
    first, second = (manifest["layers"] for manifest in manifests)
    assert (len(first), first[:-1] == second[:-1], first[-1] == second[-1]) == (2, True, False)
    elsewhere = BlobStore(tmp_path / "elsewhere")
    assert export(engine, images[0], elsewhere).digest == export(engine, images[0], store).digest
