"""`invoke clean` on a real engine: what can go, and what stays."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator

import docker
import docker.errors
import pytest

from deploy import workstation
from deploy.settings.environments import ROOT
from deploy.workstation.docker_engine import SOCKET
from deploy.workstation.images import removable

REPOSITORY = "codecanvas/clean-test"


@pytest.fixture(scope="module")
def host() -> str:
    """The engine's address."""
    return workstation.docker_host()


@pytest.fixture
def client(host: str) -> Iterator[docker.DockerClient]:
    """The engine, without this file's images before and after."""
    found = docker.DockerClient(base_url=host)
    _forget(found)
    yield found
    _forget(found)
    found.close()


def _forget(client: docker.DockerClient) -> None:
    for image in client.images.list():
        for tag in image.tags:
            if tag.startswith((REPOSITORY, "127.0.0.1:9/")):
                client.images.remove(tag, force=True)


def _image(client: docker.DockerClient, *names: str) -> None:
    """A tiny image of those names; no two are alike."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("name")
        entry.size = len(names[0])
        tar.addfile(entry, io.BytesIO(names[0].encode()))
    first, tag = names[0].rsplit(":", 1)
    client.api.import_image_from_data(archive.getvalue(), repository=first, tag=tag, changes=["CMD x"])
    for name in names[1:]:
        client.images.get(names[0]).tag(*name.rsplit(":", 1))


def _there(client: docker.DockerClient, name: str) -> bool:
    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def test_the_images_that_were_used_last_stay_and_the_others_go(client: docker.DockerClient, host: str) -> None:
    older, newer = f"{REPOSITORY}:older", f"{REPOSITORY}:newer"
    _image(client, older, f"{REPOSITORY}:staging-older")
    _image(client, newer)
    waste = {one.name: one for one in removable(host, keep=1, private=False, orphans=False)}
    assert newer not in waste
    found = waste.get(older) or waste[f"{REPOSITORY}:staging-older"]
    assert found.bytes > 0
    found.remove()
    assert (_there(client, older), _there(client, f"{REPOSITORY}:staging-older")) == (False, False)
    client.images.get(newer).tag(REPOSITORY, "again")
    assert _there(client, newer)


def test_an_image_that_a_container_uses_stays(client: docker.DockerClient, host: str) -> None:
    used = f"{REPOSITORY}:used"
    _image(client, used)
    container = client.containers.create(used, "x")
    try:
        assert used not in {one.name for one in removable(host, keep=0, private=False, orphans=False)}
    finally:
        container.remove()
    found = next(one for one in removable(host, keep=0, private=False, orphans=False) if one.name == used)
    container = client.containers.create(used, "x")  # since it was looked at
    try:
        found.remove()
        assert _there(client, used)
    finally:
        container.remove()


def test_what_a_dead_emulator_pulled_goes_from_the_private_engine_alone(client: docker.DockerClient, host: str) -> None:
    pulled = "127.0.0.1:9/runner-staging:v1"
    _image(client, pulled)
    assert pulled not in {one.name for one in removable(host, keep=1, private=False, orphans=True)}
    assert pulled not in {one.name for one in removable(host, keep=1, private=True, orphans=False)}
    found = [one for one in removable(host, keep=1, private=True, orphans=True) if one.name == pulled]
    assert [one.why for one in found] == ["pulled by an emulator that does not run"]
    found[0].remove()
    assert not _there(client, pulled)


def test_the_verb_shows_what_would_go_and_removes_nothing(host: str) -> None:
    def dry(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.cli", "clean", "--dry", *more]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    found = json.loads(dry("--json", "--all").stdout)
    assert (found["dry"], found["keep"]) == (True, 0)
    assert found["bytes"] == sum(one["bytes"] for one in found["waste"])
    assert all(set(one) == {"kind", "name", "bytes", "why"} for one in found["waste"])
    assert json.loads(dry("--json", "--all").stdout)["waste"] == found["waste"]
    if found["waste"] and host == SOCKET:
        assert "nothing was removed. To remove it: invoke clean --all" in dry("--all").stderr
