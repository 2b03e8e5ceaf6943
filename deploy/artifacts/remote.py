"""Targets in an environment's registry: what one clone built and deployed, no other has to build.

Each is an OCI artifact under the tag `target-<name>-<fingerprint>`. It holds the record of what the target was made
from and became, and refers to the image, which is there under its own digest.
"""

from __future__ import annotations

import hashlib
import json

import msgspec

from deploy.artifacts.inputs import fingerprint
from deploy.artifacts.oci import Blob
from deploy.artifacts.store import Built, Store
from deploy.artifacts.targets import OUTPUTS, Target
from deploy.platforms.errors import NotFound
from deploy.platforms.registry import MANIFEST, RegistryClient

RECORD = "application/vnd.codecanvas.target.v1+json"
EMPTY, EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"
MOST_BYTES = 4 << 20  # of a record, which anybody who may push can write


def tag_of(name: str, digits: str) -> str:
    """The tag of a target by its fingerprint."""
    return f"target-{name}-{digits}"


def share(registry: RegistryClient, built: Built) -> bool:
    """Put a target's record beside its image, which is in the repository already; whether it was not there before."""
    tag = tag_of(built.target, fingerprint(built.inputs))
    if registry.has_manifest(tag):
        return False
    record = msgspec.json.encode(built)
    parts = [(_blob(EMPTY), EMPTY, EMPTY_TYPE), (_blob(record), record, RECORD)]
    for blob, content, _ in parts:
        registry.push_blob(blob.digest, blob.size, lambda content=content: [content])  # type: ignore[misc]
    config, layer = (blob.descriptor(kind) for blob, _, kind in parts)
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": RECORD, "config": config, "layers": [layer]}
    registry.push_manifest(json.dumps(manifest, sort_keys=True).encode(), MANIFEST, tag)
    return True


def fetch(registry: RegistryClient, target: Target, store: Store) -> Built | None:
    """Bring a target with these very inputs into the store; None when the repository has none that is whole.

    What is fetched is compared with its digest. That the record is true is the word of who may push to the repository,
    and so is every image there. Raises PlatformError when the repository does not answer.
    """
    try:
        _, manifest, _ = registry.manifest(tag_of(target.name, fingerprint(target.inputs)))
    except NotFound:
        return None
    layers = [layer for layer in manifest.get("layers", []) if layer.get("mediaType") == RECORD]
    if len(layers) != 1 or not 0 < int(layers[0].get("size", 0)) <= MOST_BYTES:
        return None
    try:
        built = msgspec.json.decode(b"".join(registry.blob(str(layers[0]["digest"]))), type=Built)
    except (msgspec.DecodeError, UnicodeError):
        return None
    image = built.outputs.get("image", "")
    ours = (built.target, built.inputs) == (target.name, target.inputs) and OUTPUTS[target.name] <= built.outputs.keys()
    if not ours or not image.startswith("sha256:"):
        return None
    try:
        _, body, content = registry.manifest(image)
    except NotFound:
        return None
    blobs = [str(part["digest"]) for part in (body["config"], *body["layers"])]
    for digest in blobs:
        store.blobs.receive(digest, registry.blob(digest))
    store.blobs.put(content)
    return store.put(target.name, target.inputs, built.outputs, [image, *blobs])


def _blob(content: bytes) -> Blob:
    return Blob("sha256:" + hashlib.sha256(content).hexdigest(), len(content))
