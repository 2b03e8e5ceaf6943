"""When what was built before is used again; nothing here needs an engine, which is how it is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deploy.artifacts.build import Outcome, build, look
from deploy.artifacts.oci import directory_image
from deploy.artifacts.source import Source
from deploy.artifacts.store import Store
from deploy.artifacts.targets import IMAGE, PAGE, targets
from tests.unit.deploy.artifacts.project import write

LABELS = ("a" * 40, "b" * 40)


class EngineWanted(Exception):
    """A build needs the engine; these tests end there."""


def _no_engine() -> str:
    raise EngineWanted


@pytest.fixture
def store(root: Path) -> Store:
    """A store that has the page and the image, with C alone, of the project as it is."""
    store = Store(root / "store")
    config = {"environment": "staging", "environments": {"staging": {"url": "https://host/api/v1/"}}}
    write(root, "made/site/index.html", "page")
    write(root, "made/config/staging/config.js", f"globalThis.CODECANVAS_CONFIG = {json.dumps(config)};\n")
    page = directory_image(store.blobs, root / "made", {})
    declared = targets(root, ["c"])
    store.put(PAGE, declared[PAGE].inputs, {"image": page.digest}, store.blobs.all_of(page))
    write(root, "service/service.py", "service")
    image = directory_image(store.blobs, root / "service", {})
    known = {"base": "debian registry sha256:1", "size": "1000", "engine": "sha256:nothing"}
    store.put(IMAGE, declared[IMAGE].inputs, {"image": image.digest} | known, store.blobs.all_of(image))
    return store


def _build(root: Path, store: Store, label: str = LABELS[0], languages: str = "c", *, dirty: bool = False) -> Outcome:
    source = Source(sha=label, version=f"1.0+{label[:12]}", dirty=dirty, branch="main")
    return build(root, source, "staging", languages, host=_no_engine, tell=lambda text: None, store=store)


def test_a_commit_with_the_same_inputs_has_the_same_artifact_under_its_own_name(root: Path, store: Store) -> None:
    first = _build(root, store)
    write(root, "README.md", "other docs")
    second = _build(root, store, LABELS[1])
    assert (first.made, second.made) == (0, 0)
    assert (first.manifest.image, first.manifest.frontend) == (second.manifest.image, second.manifest.frontend)
    assert [one.manifest.sha for one in (first, second)] == list(LABELS)
    configs = [(root / "dist" / label / "site/staging/config.js").read_text() for label in LABELS]
    assert [label in config for label, config in zip(LABELS, configs, strict=True)] == [True, True]
    assert LABELS[0] not in configs[1]


def test_a_second_clone_builds_nothing(root: Path, store: Store, tmp_path_factory: pytest.TempPathFactory) -> None:
    here = _build(root, store).manifest
    clone = tmp_path_factory.mktemp("clones") / "clone"
    shutil.copytree(root, clone, ignore=shutil.ignore_patterns("dist", "store"))
    there = _build(clone, Store(store.place))
    assert (there.made, there.manifest) == (0, here)


def test_a_tree_that_differs_from_its_commit_in_nothing_that_is_built_builds_nothing(root: Path, store: Store) -> None:
    write(root, "README.md", "being written")
    assert _build(root, store, dirty=True).made == 0


@pytest.mark.parametrize("languages", ["c,rust,go", "core", "all"])
def test_an_image_with_other_languages_is_another(root: Path, store: Store, languages: str) -> None:
    _build(root, store)
    with pytest.raises(EngineWanted):
        _build(root, store, languages=languages)


def test_a_change_of_the_service_needs_the_engine_and_is_said(root: Path, store: Store) -> None:
    _build(root, store)
    write(root, "backend/runner/service.py", "changed")
    assert [(step.target, step.why) for step in look(root, "c", store) if step.made] == [
        (IMAGE, "backend/runner/service.py changed"),
    ]
    with pytest.raises(EngineWanted):
        _build(root, store)


def test_a_damaged_part_is_not_used_though_the_artifact_is_there(root: Path, store: Store) -> None:
    manifest = _build(root, store).manifest
    layer = next(path for path in (root / "dist" / LABELS[0] / "backend/blobs/sha256").iterdir())
    layer.write_bytes(b"damaged")  # a link: the store's file is this one
    with pytest.raises(EngineWanted):
        _build(root, store)
    assert manifest.image


def test_looking_builds_nothing_and_writes_nothing(root: Path, store: Store) -> None:
    before = sorted(root.rglob("*"))
    assert [step.made for step in look(root, "c", store) if step.target in (PAGE, IMAGE)] == [False, False]
    assert [path for path in sorted(root.rglob("*")) if path not in before and "checked" not in path.parts] == []
