"""The base image: pulled where an image registry answers, else made from Debian's packages under the same name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import docker
import docker.errors
from docker.models.images import Image

from deploy.errors import BuildFailed
from deploy.processes import run
from deploy.workstation.packages import need

NAME, TAG, SUITE = "debian", "trixie-slim", "trixie"
STAND_IN = "codecanvas.base=mmdebstrap"


@dataclass(frozen=True)
class BaseImage:
    """What the image is built from; `origin` is `registry` or `mmdebstrap`."""

    name: str
    id: str
    origin: str


def ensure_base(client: docker.DockerClient, tell: Callable[[str], None]) -> BaseImage:
    """The base image in this engine; raises BuildFailed when it can be neither pulled nor made."""
    reference = f"{NAME}:{TAG}"
    try:
        image = client.images.get(reference)
    except docker.errors.ImageNotFound:
        try:
            tell(f"pulling {reference}")
            image = client.images.pull(NAME, tag=TAG)
        except docker.errors.APIError:
            tell(f"no image registry answers; making {reference} from Debian's packages")
            image = _make(client)
    origin = "mmdebstrap" if image.labels.get("codecanvas.base") else "registry"
    if origin == "registry" and not image.attrs.get("RepoDigests"):
        origin = "local"  # someone put an image of this name here
    return BaseImage(reference, str(image.id), origin)


def _make(client: docker.DockerClient) -> Image:
    need("base")
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "base.tar"
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", SUITE, str(archive)]
        done = run(command, capture_output=True, text=True)
        if done.returncode:
            raise BuildFailed(
                f"{' '.join(command)} failed:\n{done.stderr[-600:]}\nCheck that Debian's packages can be reached"
            )
        changes = [f"LABEL {STAND_IN}"]
        try:
            client.api.import_image_from_file(str(archive), repository=NAME, tag=TAG, changes=changes)
        except docker.errors.APIError as refused:
            raise BuildFailed(f"the engine did not take {NAME}:{TAG}: {refused.explanation or refused}") from refused
    return client.images.get(f"{NAME}:{TAG}")
