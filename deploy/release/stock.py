"""Sees to it that a release's images are in the environment's repository before anything is changed for it.

A registry may remove images that no machine uses, and a rollback wants an old one. So it looks first: by digest, since
a tag may have moved. What is missing is pushed again from `dist/`, or copied from another environment's repository.
Where neither has it, the release can come back only if all of it is there already: its machines asleep, its page among
the publications. Otherwise the rollback is refused, and nothing was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from deploy.artifacts.build import artifact_directory, layouts
from deploy.artifacts.manifest import Manifest, read_manifest
from deploy.artifacts.oci import Layout
from deploy.artifacts.remote import share
from deploy.artifacts.store import Store, default_place
from deploy.artifacts.targets import IMAGE, PAGE
from deploy.errors import DeployError
from deploy.events.events import ImageCopied, ImagePushed
from deploy.ledger import DeploymentInfo
from deploy.platforms.errors import PlatformError
from deploy.platforms.http import Patience
from deploy.platforms.registry import MANIFEST, copy_image
from deploy.release.desk import Desk
from deploy.release.rollout.platform import page_of
from deploy.settings.environments import ROOT
from deploy.target import Target

HASTE = Patience(attempts=2)


def push(desk: Desk, layout: Layout, tag: str) -> None:
    """Push an image into the environment's repository, unless it is there; only parts that the repository lacks."""
    registry, there, sent = desk.registry, desk.registry.has_manifest(layout.digest), 0
    parts = layout.blobs()
    if there and not registry.has_manifest(tag):  # of another commit: the same artifact under this one's name
        registry.push_manifest(layout.manifest, MANIFEST, tag)
    if not there:
        for blob in parts:
            new = registry.push_blob(blob.digest, blob.size, lambda blob=blob: layout.read(blob.digest))  # type: ignore[misc]
            sent += blob.size if new else 0
        registry.push_manifest(layout.manifest, MANIFEST, tag)
    total = sum(blob.size for blob in parts)
    desk.bus.note(f"{tag}: {sent / 1e6:.1f} of {total / 1e6:.1f} MB sent")
    desk.bus.emit(ImagePushed(image=layout.digest, tag=tag, there=there, bytes=total, sent=sent))


def share_targets(desk: Desk, manifest: Manifest, store: Store | None = None) -> None:
    """Let other clones find what was built: the records of the artifact's targets, beside its images.

    It serves later builds and is no part of a release: what fails here is noted, and stops nothing.
    """
    store = store or Store(default_place())
    with desk.bus.step("share what was built"):
        for name in (PAGE, IMAGE):
            built = store.named(name, manifest.inputs.get(name, ""))
            try:
                if built:
                    share(desk.registry, built)
            except DeployError as failed:
                desk.bus.note(f"other clones will build {name} anew: {str(failed)[:200]}")


def restock(
    desk: Desk, release: DeploymentInfo | None, count: int, others: Sequence[Target] = (), root: Path = ROOT
) -> None:
    """See to it that both images of `release` are in the repository of `desk`, or are not needed.

    `count`: how many machines it is to have; `others`: the other environments, whose repositories may have the images.
    Raises DeployError, with nothing changed but the repository, if the release cannot be brought back.
    """
    if release is None:
        return
    sha = release.commit_sha
    wanted = {release.image: ("image", sha), release.frontend: ("page", f"frontend-{sha}")}
    for digest in _absent(desk, filter(None, wanted)):  # a release that was adopted may have had no page
        what, tag = wanted[digest]
        if _pushed(desk, digest, tag, root) or any(_copied(desk, digest, tag, other) for other in others):
            continue
        if not (_asleep(desk, release, count) if what == "image" else _published(desk, release.page)):
            raise _refusal(desk, release, what, digest, others)
        desk.bus.note(f"the {what} of {release.version} is no longer in the registry; what is there of it is used")


def _absent(desk: Desk, digests: Iterable[str]) -> list[str]:
    """Which images the repository lacks. None, when it does not answer soon: that must not hold a rollback up."""
    try:
        with desk.target.registry(HASTE) as registry:
            return [digest for digest in digests if not registry.has_manifest(digest)]
    except PlatformError as failed:
        desk.bus.note(f"nobody knows whether the release's images are in the registry: {str(failed)[:200]}")
        return []


def _pushed(desk: Desk, digest: str, tag: str, root: Path) -> bool:
    for layout in _built(root, digest):
        try:
            with desk.bus.step(f"push {tag} again"):
                push(desk, layout, tag)
        except (PlatformError, OSError) as failed:
            desk.bus.note(f"{tag} could not be pushed again: {str(failed)[:200]}")
        else:
            return True
    return False


def _built(root: Path, digest: str) -> Iterator[Layout]:
    """The image of this digest among what was built in this clone."""
    for file in sorted(artifact_directory(root, "").glob("*/manifest.json")):
        try:
            manifest = read_manifest(file)
            found = dict(zip((manifest.image, manifest.frontend), layouts(root, file.parent.name), strict=True))
        except (DeployError, OSError, ValueError, KeyError):
            continue  # a build that was damaged or is being removed is as good as none
        if digest in found and found[digest].digest == digest:
            yield found[digest]


def _copied(desk: Desk, digest: str, tag: str, other: Target) -> bool:
    try:
        with other.registry() as origin:
            if not origin.has_manifest(digest):
                return False
            with desk.bus.step(f"copy {tag} from {other.name} again"):
                copy_image(origin, desk.registry, digest, tag)
    except DeployError as failed:  # no token, no answer, or a part of it is gone there too
        desk.bus.note(f"{tag} could not be copied from {other.name}: {str(failed)[:200]}")
        return False
    desk.bus.emit(ImageCopied(image=digest, source=other.name))
    return True


def _asleep(desk: Desk, release: DeploymentInfo, count: int) -> bool:
    """Whether a machine of the release is there for each place: started or not, none has to be created."""
    there = [each for each in desk.platform.machines() if each.launch == release.launch]
    usable = {each.number for each in there if each.reachable and not each.failed}
    return usable >= set(range(1, count + 1))


def _published(desk: Desk, page: str) -> bool:
    """Whether an earlier publication of the page can be brought back."""
    return any(page_of(each.message) == page and each.succeeded for each in desk.pages.deployments())


def _refusal(desk: Desk, release: DeploymentInfo, what: str, digest: str, others: Sequence[Target]) -> DeployError:
    name, flag = desk.target.name, desk.target.flag
    places = ", ".join(f"the repository of {each}" for each in (name, *(other.name for other in others)))
    return DeployError(
        f"{name}: the {what} of {release.version} ({digest}) is gone: neither {places} nor dist/ of this clone has it. "
        f"Nothing was changed. Run the same command in a clone that still has dist/{release.commit_sha[:12]}…, go to "
        f"another release (see: invoke history --env {name}{flag}; then: invoke rollback --env {name} --to SHA{flag}), "
        f"or deploy that commit anew"
    )
