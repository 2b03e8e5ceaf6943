"""The store of targets: what was built from the same inputs is found, what is damaged is not, and it is bounded."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy.artifacts import outputs
from deploy.artifacts.oci import directory_image
from deploy.artifacts.outputs import unused
from deploy.artifacts.store import Built, Store, default_place

INPUTS = {"a.txt": "sha256:1", "tool": "3"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "store")


def put(store: Store, content: str, *, target: str = "page", used: int = 0) -> Built:
    """Build an image of one file of this content, a day ago, and remember it under inputs of the same name."""
    place = store.place.parent / content[:8]
    place.mkdir()
    (place / "file").write_text(content)
    image = directory_image(store.blobs, place, {})
    inputs = {**INPUTS, "file": content[:8]}
    built = store.put(target, inputs, {"image": image.digest}, store.blobs.all_of(image))
    for path in store.blobs.place.iterdir():
        os.utime(path, (1000, 1000))
    if used:
        (record,) = (store.place / "targets" / target).glob("*.json") if used < 0 else [_newest(store, target)]
        os.utime(record, (used, used))
    return built


def _newest(store: Store, target: str) -> Path:
    return max((store.place / "targets" / target).glob("*.json"), key=lambda file: file.stat().st_mtime_ns)


def test_what_was_built_from_the_same_inputs_is_found_by_another_clone(store: Store) -> None:
    built = put(store, "content")
    assert Store(store.place).find("page", dict(reversed(built.inputs.items()))) == built


@pytest.mark.parametrize(
    "inputs", [{}, {**INPUTS, "file": "other"}, {**INPUTS, "file": "content", "more": "1"}], ids=str
)
def test_other_inputs_find_nothing(store: Store, inputs: dict[str, str]) -> None:
    put(store, "content")
    assert store.find("page", inputs) is None


def test_another_target_with_the_same_inputs_is_another(store: Store) -> None:
    assert store.find("image", put(store, "content").inputs) is None


@pytest.mark.parametrize("damage", ["gone", "truncated", "a byte differs", "longer"])
@pytest.mark.parametrize("which", range(3), ids=["manifest", "configuration", "layer"])
@pytest.mark.parametrize("read_before", [True, False])
def test_a_damaged_blob_is_found_and_its_target_is_made_anew(
    store: Store, which: int, damage: str, read_before: bool
) -> None:
    built = put(store, "content")
    if read_before:
        assert store.find("page", built.inputs) == built
    path = store.blobs.path(built.blobs[which])
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(
            {"truncated": content[:-1], "longer": content + b"x"}.get(damage, content[:-1] + bytes([content[-1] ^ 1]))
        )
    assert store.find("page", built.inputs) is None
    assert not path.exists()  # or the next build would take it for stored
    assert put(store, "content again").blobs
    path.write_bytes(content)
    assert store.find("page", built.inputs) == built


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"target":"page"}', b"\xff\xfe"])
def test_a_damaged_record_is_a_target_that_was_not_built(store: Store, content: bytes) -> None:
    built = put(store, "content")
    _newest(store, "page").write_bytes(content)
    assert store.find("page", built.inputs) is None


def test_a_record_of_other_inputs_under_this_name_is_not_believed(store: Store) -> None:
    built = put(store, "content")
    record = _newest(store, "page")
    record.write_bytes(record.read_bytes().replace(b'"tool":"3"', b'"tool":"4"'))
    assert store.find("page", built.inputs) is None


def gone(store: Store, *, everything: bool = False) -> int:
    """Remove what can go; the bytes that this was said to free."""
    waste = unused(store, everything=everything)
    for one in waste:
        one.remove()
    return sum(one.bytes for one in waste)


def test_beyond_its_bound_what_was_used_longest_ago_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = put(store, "old" * 5000, used=100), put(store, "new" * 5000, used=200)
    assert gone(store) == 0
    kept = sum(store.blobs.path(digest).stat().st_size for digest in new.blobs)
    monkeypatch.setattr(outputs, "MOST_STORED", kept)
    before = sum(path.stat().st_size for path in store.blobs.place.iterdir())
    assert gone(store) == before - kept
    assert (store.find("page", old.inputs), store.find("page", new.inputs)) == (None, new)
    assert gone(store) == 0


def test_a_blob_that_a_build_in_some_clone_has_stays(store: Store) -> None:
    built = put(store, "content")
    layer = store.blobs.path(built.blobs[2])
    os.link(layer, store.place / "a clone's")
    gone(store, everything=True)
    assert layer.exists()
    assert not store.blobs.path(built.blobs[0]).exists()


def test_what_was_stored_just_now_may_be_of_a_build_that_is_under_way(store: Store) -> None:
    blob = store.blobs.put(b"half a build")
    assert gone(store, everything=True) == 0
    assert store.blobs.path(blob.digest).exists()


def test_the_store_is_in_the_persons_cache_unless_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODECANVAS_STORE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert default_place() == Path("/caches/codecanvas/store")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")  # which the specification says to ignore
    monkeypatch.setenv("HOME", "/home/me")
    assert default_place() == Path("/home/me/.cache/codecanvas/store")
    monkeypatch.setenv("CODECANVAS_STORE", "/mine")
    assert default_place() == Path("/mine")
