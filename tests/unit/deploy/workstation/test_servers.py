"""Which Caddy and which registry are taken, on machines that have different ones."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from deploy.errors import MachineLacks
from deploy.workstation import servers


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH, on a machine without apt-get and without a Docker engine."""
    there = tmp_path / "bin"
    there.mkdir()
    monkeypatch.setattr(servers, "SYSTEM_PATH", str(there))
    monkeypatch.setattr(servers, "TOOLS", tmp_path / "tools")
    monkeypatch.setattr(servers, "running_host", lambda: None)
    monkeypatch.setenv("PATH", str(there))
    return there


def program(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("#!/bin/sh\nexec true\n")
    place.chmod(0o755)
    return place


@pytest.mark.parametrize("name", servers.SERVERS)
def test_path_comes_before_the_package_and_the_package_before_the_image(bare: Path, name: str) -> None:
    server = servers.SERVERS[name]
    image = program(servers._taken(server, name))
    assert servers.find_server(name) == servers.Found(image, f"{image} (the image {server.image})")
    package = program(bare.parent / "tools/usr/bin" / name)
    assert servers.find_server(name) == servers.Found(package, f"{package} (Debian's package {server.package})")
    there = program(bare / name)
    assert servers.find_server(name) == servers.Found(there, str(there))
    assert servers.program(name) == there


def test_a_program_of_another_image_is_not_taken(bare: Path) -> None:
    old = servers.Server("caddy", "caddy@sha256:" + "0" * 64, "/usr/bin/caddy", "version")
    program(servers._taken(old, "caddy"))
    assert servers.find_server("caddy") is None


def test_what_is_missing_says_all_ways_to_get_it(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        MachineLacks, match=r"there is no apt-get.*no Docker engine answers.*Install it.*\.devcontainer"
    ):
        servers.program("caddy")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(MachineLacks, match=r"on Linux only, and this is Darwin.*\.devcontainer"):
        servers.program("docker-registry")


def test_a_distribution_whose_apt_get_lacks_the_package(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    (bare / "apt-get").chmod(0o755)
    monkeypatch.setattr(servers, "may_install", lambda: False)
    with pytest.raises(MachineLacks, match=r"apt-get has no package caddy.*no Docker engine"):
        servers.program("caddy")


@pytest.mark.parametrize("server", servers.SERVERS.values(), ids=list(servers.SERVERS))
def test_images_are_named_by_digest_alone(server: servers.Server) -> None:
    name, _, digest = server.image.partition("@sha256:")
    assert name.isalpha()
    assert len(bytes.fromhex(digest)) == 32
