"""`build`: source → artifact. An artifact already built from the same commit and languages is reused."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from deploy.artifacts.frontend import Named, build_frontend, site_files
from deploy.artifacts.manifest import Manifest, read_manifest
from deploy.artifacts.oci import BlobStore, Layout, write_layout
from deploy.artifacts.selection import ALL, select_languages
from deploy.artifacts.source import Source
from deploy.errors import UsageError
from deploy.lazy import lazy
from deploy.settings.environments import environment_names

if TYPE_CHECKING:
    from deploy.artifacts import backend as images
else:
    images = lazy("deploy.artifacts.backend")  # the Docker SDK is slow to import


def artifact_directory(root: Path, label: str) -> Path:
    """Where the artifact of a commit is kept."""
    return root / "dist" / label


def load_manifest(root: Path, label: str) -> Manifest:
    """The manifest of a commit that was built here; raises UsageError when it was not."""
    file = artifact_directory(root, label) / "manifest.json"
    if not file.exists():
        sha, _, dirty = label.partition("-")
        short = f"{sha[:12]}{'-' if dirty else ''}{dirty}"
        raise UsageError(f"{short} was not built here; check it out and run `invoke build`")
    return read_manifest(file)


def layouts(root: Path, label: str) -> tuple[Layout, Layout]:
    """The backend's and the frontend's image on disk."""
    place = artifact_directory(root, label)
    return Layout(place / "backend"), Layout(place / "frontend")


def build(
    root: Path,
    source: Source,
    environment: str = "",
    languages: str = ALL,
    *,
    host: Callable[[], str],
    tell: Callable[[str], None],
) -> tuple[Manifest, bool]:
    """Build both images of `source` and write `dist/<sha>/manifest.json`; returns it, and whether it was there already.

    The artifact is the same for every environment. `environment` chooses whose page is laid out in `dist/<sha>/site/`
    ("": of all), and names a tag of the backend's image in the engine, if one runs: `codecanvas/runner:<env>-<sha>`.
    `languages` is "all", "core" or names; an artifact of the commit with others is replaced. `host` yields the Docker
    engine's address when one is needed. A dirty tree is always built anew. Raises UsageError for a language that there
    is not, BuildFailed with the log's path; nothing half-built is left under the artifact's name.
    """
    selected = select_languages(languages)
    place = artifact_directory(root, source.label)
    place.parent.mkdir(exist_ok=True)
    with FileLock(place.parent / ".lock"):
        if kept := _kept(place, source, selected):
            lay_out(root, place, kept, environment)
            if environment:
                images.tag_backend(source, environment)
            return kept, True
        engine = host()  # first: without one, a page would be built in vain
        logs = place.parent / "logs"
        logs.mkdir(exist_ok=True)
        store = BlobStore(place.parent / "blobs")
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".building-") as scratch:
            work = Path(scratch) / "artifact"
            work.mkdir()
            page_log, image_log = (logs / f"{source.label}-{name}.log" for name in ("frontend", "backend"))
            for log in (page_log, image_log):
                log.write_text("")
            frontend = build_frontend(root, Path(scratch) / "sites", store, page_log, tell)
            backend, inputs, size = images.build_backend(
                root, source, environment, selected, store, engine, image_log, tell
            )
            write_layout(store, backend, work / "backend")
            write_layout(store, frontend, work / "frontend")
            manifest = Manifest(
                version=source.version,
                sha=source.sha,
                dirty=source.dirty,
                image=backend.digest,
                frontend=frontend.digest,
                built_at=datetime.now(UTC).isoformat(timespec="seconds"),
                languages=selected,
                inputs=inputs,
                sizes={"image": size, "compressed": sum(blob.size for blob in Layout(work / "backend").blobs())},
            )
            lay_out(root, work, manifest, environment)
            manifest.write(work / "manifest.json")
            if place.exists():
                shutil.rmtree(place)
            work.rename(place)
    return manifest, False


def lay_out(root: Path, place: Path, manifest: Manifest, environment: str = "") -> None:
    """Write the page of an environment, or ("") of each, into `site/<name>` of an artifact, where it is not yet.

    These are for people to look at and to serve: what is published is read from the image.
    """
    wanted = {name: place / "site" / name for name in ([environment] if environment else environment_names(root))}
    missing = {name: site for name, site in wanted.items() if not site.is_dir()}
    if not missing:
        return
    image, named = Layout(place / "frontend").files(), Named(manifest.version, manifest.sha)
    for name, site in missing.items():
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            for file, content in site_files(image, name, named).items():
                path = Path(scratch) / "site" / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            site.parent.mkdir(exist_ok=True)
            (Path(scratch) / "site").rename(site)


def _kept(place: Path, source: Source, languages: tuple[str, ...]) -> Manifest | None:
    """The manifest of an artifact in `place` that another build would only repeat."""
    if source.dirty or not (place / "manifest.json").exists():
        return None
    manifest = read_manifest(place / "manifest.json")
    (place / "manifest.json").touch()  # used now: `invoke clean` keeps what was used last
    return manifest if manifest.languages == languages else None
