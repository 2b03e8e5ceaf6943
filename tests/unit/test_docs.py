"""Documentation that cannot rot: what it names exists, and what exists is named."""

import re
import subprocess
import sys

import pytest

from deploy.settings.environments import ROOT, table
from deploy.settings.secrets import TOKEN_NAMES, variable

PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")] + sorted(
    (ROOT / "docs").glob("*.md")
)


def listed(*command: str) -> str:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def verbs() -> set[str]:
    return set(re.findall(r"^  ([a-z]+)(?:\.[a-z]+)? ", listed("deploy.cli", "--list"), re.MULTILINE))


def test_every_verb_is_in_the_readme_and_every_verb_in_the_pages_exists(verbs: set[str]) -> None:
    assert verbs
    readme = (ROOT / "README.md").read_text()
    assert {verb for verb in verbs if f"invoke {verb}" not in readme} == set()
    for page in PAGES:
        named = set(re.findall(r"invoke ([a-z]+)\b", page.read_text()))
        assert named <= verbs, page.name


def test_workflows_run_verbs_that_exist(verbs: set[str]) -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        named = set(re.findall(r"invoke ([a-z]+)\b", workflow.read_text()))
        assert named
        assert named <= verbs, workflow.name


def test_every_session_is_in_contributing() -> None:
    sessions = set(re.findall(r"^@nox\.session.*\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE))
    contributing = (ROOT / "CONTRIBUTING.md").read_text()
    assert {name for name in sessions if f"`{name}" not in contributing} == set()


def test_the_table_of_keys_is_the_declaration() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    assert table() in text, "docs/configuration.md: put in what `./dev python -m deploy.settings.environments` prints"
    for name, purpose in TOKEN_NAMES.items():
        assert f"`{name}`" in text
        assert variable(name, "staging") in text
        assert purpose in text


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} → {link}"


def test_files_that_pages_name_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:deploy|backend|frontend|tests|docs)/[\w./-]+)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_every_test_that_holds_how_a_platform_behaves_exists() -> None:
    tests = "".join(
        file.read_text() for file in (ROOT / "tests").rglob("test_*.py") if "node_modules" not in file.parts
    )
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/platforms.md").read_text()))
    assert named
    assert {name for name in named if f"def {name}(" not in tests} == set()


def test_every_attack_of_the_table_is_a_test() -> None:
    suite = "".join(file.read_text() for file in (ROOT / "tests/integration/security").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs/security.md").read_text()))
    assert {name for name in named if f"def {name}(" not in suite} == set()
