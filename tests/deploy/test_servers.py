"""A server program is taken out of an image of a real engine, as it is out of the official ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deploy import workstation
from deploy.errors import MachineLacks
from deploy.workstation import servers
from tests.deploy.emulator.support import context

FILES = {
    "Dockerfile": "FROM scratch\nCOPY good /usr/bin/caddy\nCOPY bad /usr/bin/bad\nLABEL purpose=emulator-test\n",
    "good": "#!/bin/sh\necho of an image $1\n",
    "bad": "#!/bin/sh\necho wrong machine >&2; exit 126\n",
}


@pytest.fixture
def engine() -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=workstation.docker_host())
    yield client
    client.close()


@pytest.fixture
def image(engine: docker.DockerClient) -> Iterator[str]:
    made, _ = engine.images.build(fileobj=context(FILES), custom_context=True, rm=True)
    yield str(made.id)
    engine.images.remove(str(made.id), force=True)


def test_a_program_is_taken_out_of_an_image_where_there_is_no_package(
    engine: docker.DockerClient, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = servers.Server("caddy", image, "/usr/bin/caddy", "version")
    monkeypatch.setattr(servers, "SYSTEM_PATH", str(tmp_path / "none"))
    monkeypatch.setattr(servers, "TOOLS", tmp_path / "tools")
    monkeypatch.setitem(servers.SERVERS, "caddy", server)
    monkeypatch.setenv("PATH", str(tmp_path / "none"))  # no apt-get
    before = {container.id for container in engine.containers.list(all=True, filters={"ancestor": image})}
    told: list[str] = []
    found = servers.program("caddy", told.append)
    assert told == [f"taking caddy out of {image}"]
    assert found.read_text() == FILES["good"]
    assert found.stat().st_mode & 0o777 == 0o755
    assert servers.find_server("caddy") == servers.Found(found, f"{found} (the image {image})")
    assert servers.program("caddy", told.append) == found
    assert len(told) == 1
    after = {container.id for container in engine.containers.list(all=True, filters={"ancestor": image})}
    assert after == before


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/usr/bin/bad", "does not run here: wrong machine"),
        ("/usr/bin", "is no file in its image"),
        ("/a", "gives no /a"),
    ],
)
def test_what_cannot_be_used_is_said_and_not_kept(image: str, tmp_path: Path, path: str, said: str) -> None:
    place = tmp_path / "images" / "caddy"
    with pytest.raises(MachineLacks, match=said):
        servers.take_out(workstation.docker_host(), servers.Server("caddy", image, path, "version"), place)
    assert list(place.parent.iterdir()) == []


def test_an_image_that_no_registry_has(tmp_path: Path) -> None:
    missing = servers.Server("caddy", "127.0.0.1:1/none@sha256:" + "0" * 64, "/a", "version")
    with pytest.raises(MachineLacks, match=r"gives no /a of 127\.0\.0\.1:1/none@sha256"):
        servers.take_out(workstation.docker_host(), missing, tmp_path / "images" / "caddy")
    shutil.rmtree(tmp_path / "images")
