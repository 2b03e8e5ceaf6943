"""Finds what builds and rehearsals leave in a Docker engine, and which of it can be deleted.

In an engine that is somebody's own only images under this project's name are touched. The private one holds nothing but
what the project put there: the stages of earlier builds, which have no name, and what emulators pulled.
"""

from __future__ import annotations

import contextlib
import functools
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import docker
import docker.errors

from deploy.workstation.waste import Waste

OURS = "codecanvas/"
TEST_IMAGES = "cc-emulator-test"
STAGES_KEPT = 6  # the next build uses them again
MOST_BYTES = 20 << 30
"""Bytes beyond which only the newest build's image is kept."""
_NONE = "<none>"


@dataclass(frozen=True)
class Found:
    """An image as the engine lists it. `own` are the bytes that no other image has; `used` counts its containers."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    own: int
    used: int
    touched: str
    """When it was last named, in a form that sorts."""


def removable(host: str, *, keep: int, private: bool, orphans: bool) -> list[Waste]:
    """Images that can be deleted: not those of the `keep` builds used last, nor any that a container uses.

    `private` says that the engine is the project's own. `orphans` asks for what emulators pulled that do not run: they
    pull it again when they start.
    """
    client = docker.DockerClient(base_url=host, timeout=120)
    try:
        report = client.api.df()
        if report["LayersSize"] > MOST_BYTES:
            keep = min(keep, 1)
        images = [_found(client, raw) for raw in report["Images"] or []]
    finally:
        client.close()
    waste = _builds(host, images, keep)
    if private:
        waste += _stages(host, images, keep)
        waste += _tests(host, images)
        waste += _orphans(host, images) if orphans else []
    return waste


def _found(client: docker.DockerClient, raw: dict[str, Any]) -> Found:
    known: dict[str, Any] = {}
    with contextlib.suppress(docker.errors.NotFound):  # somebody else has removed it
        known = client.api.inspect_image(raw["Id"])  # type: ignore[no-untyped-call]
    touched = max((known.get("Metadata") or {}).get("LastTagTime") or "", known.get("Created") or "")
    return Found(
        id=raw["Id"],
        tags=tuple(tag for tag in raw["RepoTags"] or () if _NONE not in tag),
        digests=tuple(digest for digest in raw["RepoDigests"] or () if _NONE not in digest),
        own=max(raw["Size"] - max(raw["SharedSize"], 0), 0),
        used=max(raw["Containers"], 0),
        touched=touched,
    )


def _builds(host: str, images: list[Found], keep: int) -> list[Waste]:
    builds = sorted((one for one in images if one.tags and _all(one.tags, OURS)), key=lambda one: one.touched)
    old = [one for one in builds[: len(builds) - keep] if not one.used]
    why = f"not among the {keep} builds used last" if keep else "all builds were asked for"
    return [_waste(host, "image", one, one.tags, why) for one in old]


def _stages(host: str, images: list[Found], keep: int) -> list[Waste]:
    """Images without a name: stages of builds. Docker removes with them what nothing else is made of."""
    stages = sorted((one for one in images if not one.tags and not one.digests), key=lambda one: one.touched)
    kept = STAGES_KEPT if keep else 0
    old = [one for one in stages[: len(stages) - kept] if not one.used]
    return [_waste(host, "image", one, (one.id[7:19],), "a stage of an earlier build") for one in old]


def _tests(host: str, images: list[Found]) -> list[Waste]:
    """All but the newest of the images that the emulator's tests make; a young one may be another clone's, in use."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    made = sorted((one for one in images if one.tags and _all(one.tags, TEST_IMAGES)), key=lambda one: one.touched)
    return [
        _waste(host, "image", one, one.tags, "an earlier image of tests")
        for one in made[:-1]
        if one.touched < yesterday and not one.used
    ]


def _orphans(host: str, images: list[Found]) -> list[Waste]:
    """What was pulled from a registry of this machine that does not answer any more."""
    waste = []
    for one in images:
        names = one.digests + one.tags
        if names and _all(names, "127.0.0.1:") and not one.used and not any(map(_answers, names)):
            waste.append(_waste(host, "image", one, names, "pulled by an emulator that does not run"))
    return waste


def _all(names: tuple[str, ...], start: str) -> bool:
    return all(name.startswith(start) for name in names)


@functools.lru_cache(maxsize=256)
def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2):
        return True
    return False


def _answers(name: str) -> bool:
    port = name.partition("/")[0].rpartition(":")[2]
    return port.isdecimal() and _listens(int(port))


def _waste(host: str, kind: str, image: Found, names: tuple[str, ...], why: str) -> Waste:
    return Waste(kind, names[0], image.own, why, lambda: _remove(host, image))


def _remove(host: str, image: Found) -> None:
    """Take its names away, the last of which takes the image; one that came into use meanwhile stays."""
    client = docker.DockerClient(base_url=host, timeout=120)
    try:
        for name in (*image.tags, *image.digests) or (image.id,):
            with contextlib.suppress(docker.errors.ImageNotFound):
                client.images.remove(name)
    except docker.errors.APIError as refused:
        if refused.status_code != 409:  # 409: a container uses it, or another image is made of it
            raise
    finally:
        client.close()
