"""Parity of the pages, and what is published for an environment."""

import json
from collections.abc import Iterator

import pytest

from deploy.artifacts import frontend
from deploy.artifacts.frontend import PREFIX, SUFFIX, Named, former_assets, site_files

NAMES = ("local", "production", "staging")


def test_what_is_published_is_the_shared_files_and_this_environments_configuration() -> None:
    def config(name: str) -> bytes:
        body = {
            "environment": name,
            "environments": {"staging": {"url": "https://real/"}, "production": {"url": "https://p/"}},
        }
        return (PREFIX + json.dumps(body) + SUFFIX).encode()

    image = {
        "site/index.html": b"i",
        "config/staging/config.js": config("staging"),
        "config/production/config.js": config("production"),
    }
    files = site_files(image, "staging", Named("1.2", "f" * 40), "http://localhost:1/api/v1/")
    assert set(files) == {"index.html", "config.js"}
    body = json.loads(files["config.js"].decode().removeprefix(PREFIX).removesuffix(SUFFIX))
    assert (body["environment"], body["version"], body["sha"]) == ("staging", "1.2", "f" * 40)
    assert body["environments"]["staging"]["url"] == "http://localhost:1/api/v1/"
    assert body["environments"]["production"]["url"] == "https://p/"


def image(release: str, **more: bytes) -> dict[str, bytes]:
    """A release's page: a script of its own, one that all share, and what has no hash in its name."""
    own = {f"site/assets/main.{release * 10}.js": release.encode(), "site/assets/mode.0123456789.js": b"mode"}
    return {**own, "site/index.html": b"<p>", "site/_headers": b"/*", "config/staging/config.js": b"c", **more}


def test_hashed_files_of_earlier_releases_are_added_and_nothing_else_of_them() -> None:
    files = {"index.html": b"new", "assets/main.cccccccccc.js": b"c", "assets/mode.0123456789.js": b"mode"}
    kept = former_assets(files, [image("b"), image("a")])
    assert kept == {"assets/main.bbbbbbbbbb.js": b"b", "assets/main.aaaaaaaaaa.js": b"a"}


def test_a_file_of_the_release_itself_is_never_replaced() -> None:
    files = {"assets/main.bbbbbbbbbb.js": b"mine"}
    assert "assets/main.bbbbbbbbbb.js" not in former_assets(files, [image("b")])


@pytest.mark.parametrize(("limit", "value"), [("FORMER_FILES", 3), ("FORMER_BYTES", 8)])
def test_what_is_added_is_bounded_and_of_a_release_it_is_all_or_nothing(
    monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(frontend, limit, value)
    second = {"site/assets/tools.aaaaaaaaaa.js": b"tools"}
    kept = former_assets({}, [image("b"), image("a", **second), image("d")])
    assert set(kept) == {"assets/main.bbbbbbbbbb.js", "assets/mode.0123456789.js"}


def test_no_more_releases_are_read_than_have_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frontend, "FORMER_FILES", 2)
    read: list[str] = []

    def images() -> Iterator[dict[str, bytes]]:
        for release in "bad":
            read.append(release)
            yield image(release)

    former_assets({}, images())
    assert read == ["b", "a"]
