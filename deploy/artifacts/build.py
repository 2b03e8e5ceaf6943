"""`build`: source → artifact. What was built from the same inputs, whichever commit they are of, is used again."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from filelock import FileLock

from deploy.artifacts.aside import Aside
from deploy.artifacts.frontend import Named, build_frontend, site_files
from deploy.artifacts.inputs import changes, fingerprint
from deploy.artifacts.manifest import Manifest, read_manifest
from deploy.artifacts.oci import Layout, write_layout
from deploy.artifacts.selection import ALL, select_languages
from deploy.artifacts.source import Source
from deploy.artifacts.store import Built, Store, default_place
from deploy.artifacts.targets import IMAGE, PAGE, Target, targets
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


Elsewhere = Callable[[Target, Store], Built | None]
"""Brings a target into the store from where others put it, if it can."""


def nowhere(target: Target, store: Store) -> Built | None:
    """There is nowhere else to ask."""
    return None


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


@dataclass(frozen=True)
class Step:
    """What a build did, or (a dry run) would do, with a target, and why; `seconds` that it took."""

    target: str
    made: bool
    why: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """The artifact of a commit, and what was done for it."""

    manifest: Manifest
    steps: tuple[Step, ...]

    @property
    def made(self) -> int:
        """How many targets were made; 0 where everything was there already."""
        return sum(step.made for step in self.steps)


def look(root: Path, languages: str = ALL, store: Store | None = None) -> tuple[Step, ...]:
    """What `build` would make, and what of its inputs is why; nothing is built."""
    store = store or Store(default_place())
    found = {
        target.name: _lookup(root, store, target) for target in targets(root, select_languages(languages)).values()
    }
    return tuple(Step(name, built is None, why) for name, (built, why) in found.items())


def build(
    root: Path,
    source: Source,
    environment: str = "",
    languages: str = ALL,
    *,
    host: Callable[[], str],
    tell: Callable[[str], None],
    store: Store | None = None,
    elsewhere: Elsewhere = nowhere,
) -> Outcome:
    """Build both images of `source` and write `dist/<label>/manifest.json`.

    A target whose inputs were built before, in any clone that shares the `store`, is taken from there. The artifact is
    the same for every environment. `environment` chooses whose page is laid out in `dist/<label>/site/` ("": of all),
    and names a tag of the backend's image in the engine, if one runs: `codecanvas/runner:<env>-<label>`. `languages`
    is "all", "core" or names; an artifact of the commit with others is replaced. `elsewhere` may bring a target into
    the store; `host` yields the Docker engine's address where the image must be made. Raises UsageError for a language
    that there is not, BuildFailed with the log's path; nothing half-built is left under the artifact's name.
    """
    selected = select_languages(languages)
    place = artifact_directory(root, source.label)
    place.parent.mkdir(exist_ok=True)
    store = store or Store(default_place())
    declared = targets(root, selected)
    with FileLock(place.parent / ".lock"):
        makers = _Makers(root, source, selected, store, host, tell, elsewhere)
        results = _made(root, store, declared, makers)
        page, image = results[PAGE][0], results[IMAGE][0]
        steps = tuple(step for _, step in results.values())
        kept = None if any(step.made for step in steps) else _kept(place, page, image, selected)
        manifest = kept or _assembled(place, source, selected, store, page, image, declared)
        _tag(place, image, source, environment)
        lay_out(root, place, manifest, environment)
    return Outcome(manifest, steps)


def _assembled(
    place: Path, source: Source, languages: tuple[str, ...], store: Store, page: Built, image: Built,
    declared: Mapping[str, Target],
) -> Manifest:  # fmt: skip
    """Write the artifact of these two into `place`, whole, and instead of another one."""
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=".building-") as scratch:
        work = Path(scratch) / "artifact"
        work.mkdir()
        for built, name in ((image, "backend"), (page, "frontend")):
            write_layout(store.blobs, store.blobs.blob(built.outputs["image"]), work / name)
        manifest = Manifest(
            version=source.version,
            sha=source.sha,
            dirty=source.dirty,
            image=image.outputs["image"],
            frontend=page.outputs["image"],
            built_at=max(page.at, image.at),
            languages=languages,
            inputs={"base": image.outputs["base"]} | {name: fingerprint(t.inputs) for name, t in declared.items()},
            sizes={
                "image": int(image.outputs["size"]),
                "compressed": sum(blob.size for blob in Layout(work / "backend").blobs()),
            },
        )
        manifest.write(work / "manifest.json")
        if place.exists():
            shutil.rmtree(place)
        work.rename(place)
    return manifest


def _tag(place: Path, image: Built, source: Source, environment: str) -> None:
    """Have the image's tags in the engine, if one runs; what was tagged is noted, since asking the engine is slow."""
    note = place / "tagged" / (environment or "commit")
    if note.exists():
        return
    images.tag_backend(image.outputs["engine"], source, environment)
    note.parent.mkdir(exist_ok=True)
    note.touch()


Result = tuple[Built, Step]


@dataclass(frozen=True)
class _Makers:
    """Makes the targets of one artifact, each with a log of its own: `dist/logs/<label>-<target>.log`."""

    root: Path
    source: Source
    languages: tuple[str, ...]
    store: Store
    host: Callable[[], str]
    tell: Callable[[str], None]
    elsewhere: Elsewhere

    def log(self, name: str) -> Path:
        """An empty log."""
        file = self.root / "dist" / "logs" / f"{self.source.label}-{name}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        return file

    def page(self, target: Target) -> Built:
        """The page's image."""
        blobs = self.store.blobs
        with tempfile.TemporaryDirectory(dir=self.root / "dist", prefix=".building-") as scratch:
            image = build_frontend(self.root, Path(scratch), blobs, self.log("frontend"), self.tell)
        return self.store.put(PAGE, target.inputs, {"image": image.digest}, blobs.all_of(image))

    def image(self, target: Target) -> Built:
        """The backend's image."""
        blobs, log = self.store.blobs, self.log("backend")
        image, known = images.build_backend(self.root, self.source, self.languages, blobs, self.host(), log, self.tell)
        return self.store.put(IMAGE, target.inputs, {"image": image.digest} | known, blobs.all_of(image))


def _made(root: Path, store: Store, declared: Mapping[str, Target], makers: _Makers) -> dict[str, Result]:
    """Every target, made where it is not in the store; side by side, as neither needs the other."""
    makes = {PAGE: makers.page, IMAGE: makers.image}
    found = {name: _lookup(root, store, declared[name]) for name in makes}
    results = {name: (built, Step(name, made=False, why=why)) for name, (built, why) in found.items() if built}
    for name, (_, why) in found.items():
        if name not in results and (brought := makers.elsewhere(declared[name], store)):
            results[name] = (brought, Step(name, made=False, why=f"brought from an environment's registry ({why})"))
    for name in results:
        _note(root, declared[name])
    missing = [name for name in makes if name not in results]
    if IMAGE in missing:
        makers.host()  # first: without an engine, a page would be built in vain

    def make(name: str) -> Result:
        begun = time.monotonic()
        built = makes[name](declared[name])
        _note(root, declared[name])
        return built, Step(name, made=True, why=found[name][1], seconds=round(time.monotonic() - begun, 3))

    if len(missing) < 2:
        return results | {name: make(name) for name in missing}
    with Aside(lambda: make(PAGE)) as page:
        image = make(IMAGE)
    return {PAGE: page.result(), IMAGE: image}


def _lookup(root: Path, store: Store, target: Target) -> tuple[Built | None, str]:
    """A target from the store, None where it must be made; and why."""
    built = store.find(target.name, target.inputs)
    if built:
        return built, f"nothing changed that it is made from ({len(target.inputs)} inputs)"
    try:
        before = msgspec.json.decode(_last(root, target.name).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeError):
        before = None
    return None, changes(before, target.inputs)


def _last(root: Path, name: str) -> Path:
    return root / "dist" / "last" / f"{name}.json"


def _note(root: Path, target: Target) -> None:
    """Remember the inputs of what this clone has, so that the next build can say what changed."""
    file, content = _last(root, target.name), msgspec.json.encode(target.inputs)
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_bytes() != content:
        file.write_bytes(content)


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


def _kept(place: Path, page: Built, image: Built, languages: tuple[str, ...]) -> Manifest | None:
    """The manifest of an artifact in `place` that is made of these two."""
    file = place / "manifest.json"
    if not file.exists():
        return None
    manifest = read_manifest(file)
    file.touch()  # used now: `invoke clean` keeps what was used last
    same = (manifest.image, manifest.frontend) == (image.outputs["image"], page.outputs["image"])
    return manifest if same and manifest.languages == languages else None
