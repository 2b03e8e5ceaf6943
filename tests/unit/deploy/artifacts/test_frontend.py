"""Parity of the pages, and what is published for an environment."""

import json
from pathlib import Path

import pytest

from deploy.artifacts.frontend import PREFIX, SUFFIX, check_parity, site_files
from deploy.errors import BuildFailed

NAMES = ("local", "production", "staging")


def pages(place: Path) -> Path:
    for name in NAMES:
        (place / name).mkdir()
        (place / name / "index.html").write_text("same")
        (place / name / "config.js").write_text(name)
    return place


def test_pages_that_differ_in_their_configuration_alone_pass(tmp_path: Path) -> None:
    check_parity(pages(tmp_path), NAMES)


def test_another_difference_is_refused_by_name(tmp_path: Path) -> None:
    (pages(tmp_path) / "production/index.html").write_text("other")
    with pytest.raises(BuildFailed, match=r"index\.html"):
        check_parity(tmp_path, NAMES)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    (pages(tmp_path) / "staging/extra.js").write_text("x")
    with pytest.raises(BuildFailed, match=r"extra\.js"):
        check_parity(tmp_path, NAMES)


def test_the_same_configuration_everywhere_is_refused(tmp_path: Path) -> None:
    for name in NAMES:
        (pages(tmp_path) if name == NAMES[0] else tmp_path).joinpath(name, "config.js").write_text("x")
    with pytest.raises(BuildFailed, match=r"config\.js is the same"):
        check_parity(tmp_path, NAMES)


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
    files = site_files(image, "staging", "http://localhost:1/api/v1/")
    assert set(files) == {"index.html", "config.js"}
    body = json.loads(files["config.js"].decode().removeprefix(PREFIX).removesuffix(SUFFIX))
    assert body["environment"] == "staging"
    assert body["environments"]["staging"]["url"] == "http://localhost:1/api/v1/"
    assert body["environments"]["production"]["url"] == "https://p/"
