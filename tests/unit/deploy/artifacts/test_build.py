"""When an artifact that was built before is used again."""

from pathlib import Path

import pytest

from deploy.artifacts.build import build
from deploy.artifacts.manifest import Manifest
from deploy.artifacts.source import Source

SHA = "a" * 40


class EngineWanted(Exception):
    """A build needs the engine; these tests end there."""


def _no_engine() -> str:
    raise EngineWanted


def _keep(root: Path, *languages: str) -> Manifest:
    manifest = Manifest("1.0", SHA, False, "sha256:i", "sha256:f", "2026-01-01T00:00:00+00:00", languages)
    place = root / "dist" / SHA
    place.mkdir(parents=True)
    manifest.write(place / "manifest.json")
    (place / "site" / "staging").mkdir(parents=True)
    return manifest


def _build(root: Path, languages: str) -> tuple[Manifest, bool]:
    source = Source(sha=SHA, version="1.0", dirty=False, branch="main")
    return build(root, source, "staging", languages, host=_no_engine, tell=lambda text: None)


def test_an_artifact_of_the_same_commit_and_languages_is_used_again(tmp_path: Path) -> None:
    kept = _keep(tmp_path, "c", "rust")
    assert _build(tmp_path, "rust,c") == (kept, True)


@pytest.mark.parametrize("languages", ["c", "c,rust,go", "core", "all"])
def test_one_with_other_languages_is_not(tmp_path: Path, languages: str) -> None:
    _keep(tmp_path, "c", "rust")
    with pytest.raises(EngineWanted):
        _build(tmp_path, languages)
