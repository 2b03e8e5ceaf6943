"""Which of `dist/` can go: real files, with the links that builds make."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.artifacts import outputs
from deploy.artifacts.outputs import removable, size

SHARED, OWN = b"s" * 8192, b"o" * 4096


def build(dist: Path, label: str, used: int) -> Path:
    """A build as `invoke build` leaves it: a blob of its own, and one that all builds have."""
    place = dist / label
    (place / "backend" / "blobs").mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    for name, content in (("shared", SHARED), (f"own-{label}", OWN)):
        blob = dist.parent / "store" / name
        blob.parent.mkdir(parents=True, exist_ok=True)
        if not blob.exists():
            blob.write_bytes(content)
        os.link(blob, place / "backend" / "blobs" / name)
    (dist / "logs").mkdir(exist_ok=True)
    (dist / "logs" / f"{label}-backend.log").write_text("log")
    os.utime(place / "manifest.json", (used, used))
    return place


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """Three builds, the oldest used last."""
    for label, used in (("a", 900), ("b", 200), ("c", 300)):
        build(tmp_path / "dist", label, used)
    return tmp_path / "dist"


def remove(dist: Path, keep: int, current: str = "") -> dict[str, int]:
    """Remove what can go; bytes by name."""
    waste = removable(dist, keep=keep, current=current)
    for one in waste:
        one.remove()
    return {one.name: one.bytes for one in waste}


def test_the_builds_that_were_used_last_are_kept(dist: Path) -> None:
    before = size(dist)
    gone = remove(dist, keep=2)
    assert gone == {"dist/b": 2}
    assert {one.name for one in dist.iterdir()} == {"a", "c", "logs"}
    assert not (dist / "logs/b-backend.log").exists()
    assert before - size(dist) >= len(OWN)
    assert (dist.parent / "store/own-b").read_bytes() == OWN  # the store has a bound of its own
    assert remove(dist, keep=2) == {}


def test_the_commit_that_is_checked_out_is_kept(dist: Path) -> None:
    assert remove(dist, keep=1, current="b").keys() == {"dist/c"}
    assert (dist / "b/backend/blobs/own-b").read_bytes() == OWN


def test_looking_removes_nothing(dist: Path) -> None:
    before = sorted(dist.rglob("*"))
    assert removable(dist, keep=0)
    assert sorted(dist.rglob("*")) == before


def test_everything_goes_when_asked_for(dist: Path) -> None:
    (dist / "site-packages-1").mkdir()
    (dist / "baselines").mkdir()  # figures to compare with, which no build makes anew
    gone = remove(dist, keep=0, current="a")
    assert gone.keys() == {"dist/a", "dist/b", "dist/c", "dist/site-packages-1", "dist/logs"}
    assert {one.name for one in dist.iterdir()} == {"baselines"}


def test_blobs_of_an_earlier_version_go_and_the_builds_keep_theirs(dist: Path) -> None:
    (dist / "blobs").mkdir()
    os.link(dist / "a/backend/blobs/own-a", dist / "blobs/own-a")
    assert remove(dist, keep=9).keys() == {"dist/blobs"}
    assert (dist / "a/backend/blobs/own-a").read_bytes() == OWN


def test_a_killed_build_and_packages_of_an_earlier_lock_go(dist: Path) -> None:
    for name, at in (("site-packages-old", 100), ("site-packages-new", 200), (".building-x", 300)):
        (dist / name).mkdir()
        os.utime(dist / name, (at, at))
    assert remove(dist, keep=9).keys() == {"dist/site-packages-old", "dist/.building-x"}


def test_beyond_its_bound_only_the_newest_build_is_kept(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "MOST_BYTES", 1000)
    assert remove(dist, keep=3).keys() == {"dist/b", "dist/c"}
