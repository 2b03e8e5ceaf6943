"""Images as files: the same input gives the same digest, and nothing is lost on the way."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from deploy.artifacts.oci import BlobStore, Layout, directory_image, files_of_layers, write_layout


def tree(place: Path) -> Path:
    (place / "site/assets").mkdir(parents=True)
    (place / "site/index.html").write_text("<!doctype html>")
    (place / "site/assets/main.js").write_bytes(bytes(range(256)) * 50)
    return place


def test_the_same_files_give_the_same_digest_whatever_their_times(tmp_path: Path) -> None:
    one, other = tree(tmp_path / "one"), tree(tmp_path / "other")
    os.utime(other / "site/index.html", (1, 1))
    (other / "site/index.html").chmod(0o600)
    stores = [BlobStore(tmp_path / name) for name in ("a", "b")]
    digests = {
        directory_image(store, root, {"l": "1"}).digest for store, root in zip(stores, (one, other), strict=True)
    }
    assert len(digests) == 1
    (other / "site/index.html").write_text("changed")
    assert directory_image(stores[0], other, {"l": "1"}).digest not in digests


def test_a_layout_holds_the_files_that_went_in(tmp_path: Path) -> None:
    store = BlobStore(tmp_path / "store")
    image = directory_image(store, tree(tmp_path / "tree"), {})
    write_layout(store, image, tmp_path / "layout")
    layout = Layout(tmp_path / "layout")
    assert layout.digest == image.digest == "sha256:" + hashlib.sha256(layout.manifest).hexdigest()
    layers = [b"".join(layout.read(layer["digest"])) for layer in json.loads(layout.manifest)["layers"]]
    files = files_of_layers(layers)
    assert files["site/assets/main.js"] == bytes(range(256)) * 50
    assert set(files) == {"site/index.html", "site/assets/main.js"}
    for blob in layout.blobs():
        assert "sha256:" + hashlib.sha256(b"".join(layout.read(blob.digest))).hexdigest() == blob.digest


def test_a_layer_is_compressed_once(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    stream.seek(0)
    diff_id, blob = store.put_layer(stream)
    assert diff_id == "sha256:" + hashlib.sha256(stream.getvalue()).hexdigest()
    written = store.path(blob.digest).stat().st_mtime_ns
    stream.seek(0)
    assert store.put_layer(stream) == (diff_id, blob)
    assert store.path(blob.digest).stat().st_mtime_ns == written


@pytest.mark.parametrize("damage", [b"", b"other"])
def test_what_was_damaged_in_a_store_is_written_anew_and_never_taken(tmp_path: Path, damage: bytes) -> None:
    store, place = BlobStore(tmp_path / "store"), tmp_path / "page"
    place.mkdir()
    (place / "index.html").write_text("page")
    digests = store.all_of(directory_image(store, place, {}))
    whole = {digest: store.path(digest).read_bytes() for digest in digests}
    for digest in digests:
        store.path(digest).write_bytes(damage)
    directory_image(store, place, {})
    assert {digest: store.path(digest).read_bytes() for digest in digests} == whole
