"""What one clone built is found by another in an environment's registry: over a real registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.artifacts.inputs import fingerprint
from deploy.artifacts.oci import directory_image
from deploy.artifacts.remote import RECORD, fetch, share, tag_of
from deploy.artifacts.store import Built, Store
from deploy.artifacts.targets import PAGE, Target
from deploy.platforms.errors import PlatformError
from deploy.platforms.registry import MANIFEST, RegistryClient
from deploy.settings.secrets import Secret
from tests.deploy.emulator.support import Emulated


@pytest.fixture
def registry(emulated: Emulated) -> Iterator[RegistryClient]:
    """Staging's repository."""
    with emulated.fly("staging") as fly:  # a repository is an app's
        fly.post("/apps", json={"name": "runner-staging", "org_slug": "staging"})
    client = RegistryClient(
        emulated.running.registry, "runner-staging", Secret(emulated.tokens["staging"]["FLY_API_TOKEN"])
    )
    yield client
    client.close()


@pytest.fixture
def built(registry: RegistryClient, tmp_path: Path) -> Built:
    """A page that was built in one clone, its image pushed; its content is this test's own."""
    store = Store(tmp_path / "here")
    place = tmp_path / "page"
    place.mkdir()
    (place / "index.html").write_text(str(tmp_path))
    image = directory_image(store.blobs, place, {})
    blobs = store.blobs.all_of(image)
    for digest in blobs[1:]:
        content = store.blobs.path(digest).read_bytes()
        registry.push_blob(digest, len(content), lambda content=content: [content])  # type: ignore[misc]
    registry.push_manifest(store.blobs.path(image.digest).read_bytes(), MANIFEST, "a-tag")
    return store.put(PAGE, {"src": str(tmp_path)}, {"image": image.digest}, blobs)


def target(built: Built) -> Target:
    return Target(built.target, built.inputs)


def test_another_clone_has_what_one_shared_and_builds_nothing(
    registry: RegistryClient, built: Built, tmp_path: Path
) -> None:
    there = Store(tmp_path / "there")
    assert fetch(registry, target(built), there) is None
    assert [share(registry, built), share(registry, built)] == [True, False]
    found = fetch(registry, target(built), there)
    assert found is not None
    assert (found.inputs, found.outputs, found.blobs) == (built.inputs, built.outputs, built.blobs)
    assert there.find(PAGE, built.inputs) == found
    assert there.named(PAGE, fingerprint(built.inputs)) == found


def test_other_inputs_find_nothing(registry: RegistryClient, built: Built, tmp_path: Path) -> None:
    share(registry, built)
    assert fetch(registry, Target(PAGE, {**built.inputs, "more": "1"}), Store(tmp_path / "there")) is None


def put(registry: RegistryClient, tag: str, record: bytes, kind: str = RECORD) -> None:
    """Put a record under a tag, as anybody with the repository's token can."""

    def part(content: bytes, media_type: str) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        registry.push_blob(digest, len(content), lambda: [content])
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    config = part(b"{}", "application/vnd.oci.empty.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [part(record, kind)]}
    registry.push_manifest(json.dumps(manifest).encode(), MANIFEST, tag)


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": {"src": "other"}},
        {"target": "image"},
        {"outputs": {}},
        {"outputs": {"image": "a-tag"}},
        {"outputs": {"image": "sha256:" + "0" * 64}},
        {"outputs": {"image": "../../v1"}},
    ],
    ids=str,
)
def test_a_record_that_is_not_of_this_target_is_not_used(
    registry: RegistryClient, built: Built, tmp_path: Path, change: dict[str, Any]
) -> None:
    record = msgspec.json.encode(msgspec.structs.replace(built, **change))
    put(registry, tag_of(PAGE, fingerprint(built.inputs)), record)
    there = Store(tmp_path / "there")
    assert fetch(registry, target(built), there) is None
    assert there.find(PAGE, built.inputs) is None


@pytest.mark.parametrize(
    ("record", "kind"), [(b"", RECORD), (b"{", RECORD), (b"[]", RECORD), (b"\xff", RECORD), (b"{}", "text/plain")]
)
def test_a_damaged_record_is_a_target_that_is_built(
    registry: RegistryClient, built: Built, tmp_path: Path, record: bytes, kind: str
) -> None:
    put(registry, tag_of(PAGE, fingerprint(built.inputs)), record, kind)
    assert fetch(registry, target(built), Store(tmp_path / "there")) is None


def test_what_is_cut_short_on_the_way_is_not_stored(
    registry: RegistryClient, built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(registry, built)
    whole = registry.blob

    def cut(digest: str) -> Iterator[bytes]:
        content = b"".join(whole(digest))
        if digest == built.blobs[-1]:
            yield content[:-1]
            raise PlatformError("read blob", 200, "cut short")
        yield content

    monkeypatch.setattr(registry, "blob", cut)
    there = Store(tmp_path / "there")
    with pytest.raises(PlatformError):
        fetch(registry, target(built), there)
    assert there.find(PAGE, built.inputs) is None
    names = {digest.removeprefix("sha256:") for digest in built.blobs}
    assert {path.name for path in there.blobs.place.iterdir()} <= names - {built.blobs[-1].removeprefix("sha256:")}
