"""Publishing a page: an earlier publication brought back, or the files anew, with those that people have open."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from typing import Any

import pytest

from deploy.ledger import DeploymentInfo
from deploy.platforms.errors import PlatformError
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.rollout.platform import CloudPlatform
from tests.unit.deploy.release.rollout.wired import PAGE, RELEASE, Wire


def published(message: str, status: str = "success") -> dict[str, Any]:
    stage = {"name": "deploy", "status": status}
    return {"id": "p1", "latest_stage": stage, "deployment_trigger": {"metadata": {"commit_message": message}}}


def test_the_page_is_known_by_the_version_and_the_digest_in_its_message(wire: Wire, platform: CloudPlatform) -> None:
    project: dict[str, Any] = {"canonical_deployment": published(f"codecanvas {RELEASE.page}")}
    wire.on("GET", "/site", 200, {"success": True, "result": project})
    assert platform.page() == RELEASE.page
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": published("by hand")}})
    assert platform.page() == ""
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": None}})
    assert platform.page() == ""


def test_a_page_that_was_published_before_is_brought_back_at_once(wire: Wire, platform: CloudPlatform) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [published("other"), earlier]})
    wire.on("POST", "/p1/rollback", 200, {"success": True, "result": earlier})
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": earlier}})
    platform.publish(RELEASE)
    assert [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"] == ["rollback"]


def test_the_same_files_of_another_commit_are_published_under_this_ones_name(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]]
) -> None:
    other = published(f"codecanvas 0.0.9+bbbb {PAGE}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [other]})
    platform.publish(RELEASE)
    assert "rollback" not in [path.rpartition("/")[2] for _, path, _ in wire.sent]
    (files,) = pages_by_digest
    assert f'"version":"{RELEASE.version}"'.encode() in files["config.js"]


def test_where_going_back_is_refused_the_page_is_published_anew(
    wire: Wire, platform: CloudPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [earlier]})
    wire.on("POST", "/p1/rollback", 400, {"success": False, "errors": [{"message": "not a production deployment"}]})
    monkeypatch.setattr("deploy.release.rollout.platform.read_page", lambda *_: {})
    monkeypatch.setattr("deploy.release.rollout.platform.site_files", lambda *_: {"index.html": b"x"})
    sent: list[str] = []
    monkeypatch.setattr(PagesClient, "publish", lambda self, files, **more: sent.append(more["message"]))
    platform.publish(RELEASE)
    assert sent == [f"codecanvas 0.1.0+aaaa {PAGE}"]


EARLIER = ["sha256:" + "8" * 64, "sha256:" + "9" * 64]


@pytest.fixture(
    params=[PlatformError("read the page", 404, "no such manifest"), KeyError("layers"), tarfile.ReadError("no tar")],
    ids=["gone", "odd", "damaged"],
)
def pages_by_digest(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, platform: CloudPlatform
) -> list[dict[str, bytes]]:
    """A registry of three pages, of which the oldest cannot be read; returns what is published."""
    config = b'globalThis.CODECANVAS_CONFIG = {"environments":{"production":{"url":"https://p/"}}};\n'

    def read(_: RegistryClient, digest: str) -> dict[str, bytes]:
        if digest == EARLIER[1]:
            raise request.param
        name = f"site/assets/main.{digest[-10:]}.js"
        return {name: digest.encode(), "site/index.html": digest.encode(), "config/production/config.js": config}

    monkeypatch.setattr("deploy.release.rollout.platform.read_page", read)
    sent: list[dict[str, bytes]] = []
    monkeypatch.setattr(PagesClient, "publish", lambda self, files, **more: sent.append(files))
    platform._former = lambda release: [EARLIER[1], EARLIER[0]] if release is RELEASE else []
    return sent


OPEN = {f"assets/main.{PAGE[-10:]}.js", f"assets/main.{EARLIER[0][-10:]}.js", "index.html", "config.js"}


def test_a_page_is_published_with_what_is_loaded_by_those_who_have_an_earlier_one_open(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]]
) -> None:
    wire.on("GET", "/deployments", 200, {"success": True, "result": []})
    platform.publish(RELEASE)
    (files,) = pages_by_digest
    assert set(files) == OPEN
    assert files["index.html"] == PAGE.encode()


def test_a_page_that_is_brought_back_serves_at_once_and_then_with_what_came_after_it(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [earlier]})
    wire.on("POST", "/p1/rollback", 200, {"success": True, "result": earlier})
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": earlier}})
    known, served_by_then = platform._former, []

    def asked(release: DeploymentInfo) -> Sequence[str]:
        served_by_then.append([path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"])
        return known(release)

    platform._former = asked
    platform.publish(RELEASE)
    assert served_by_then == [["rollback"]]  # nothing is looked for before the page serves
    assert [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"] == ["rollback"]
    assert [set(files) for files in pages_by_digest] == [OPEN]

    def refuse(*_: Any, **__: Any) -> None:
        raise PlatformError("publish", 500, "no")

    monkeypatch.setattr(PagesClient, "publish", refuse)
    platform.publish(RELEASE)  # the page serves already: that is no failure
