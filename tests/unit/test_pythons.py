"""Which unit tests run on the oldest Python alone: CONTRIBUTING.md names each; none is of the service itself."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.settings.environments import ROOT

UNIT = ROOT / "tests/unit"
MARKED = {
    file.relative_to(UNIT)
    for file in UNIT.rglob("test_*.py")
    if re.search(r"^(pytestmark = |@)pytest\.mark\.any_python\b", file.read_text(encoding="utf-8"), re.MULTILINE)
}


def test_those_that_run_once_are_named_in_contributing_and_no_others() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("### Unit tests that run once\n")[2].partition("\nWhat the service itself does")[0]
    named = {
        Path(room) / name
        for room, names in re.findall(r"^- `([\w/]+)`: (.*(?:\n  .*)*)", section, re.MULTILINE)
        for name in re.findall(r"`(test_\w+\.py)`", names)
    }
    assert named == MARKED


def test_what_the_service_itself_does_is_tested_on_each_python() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    sentence = text.partition("What the service itself does")[2].partition("\n\n")[0]
    kept = set(re.findall(r"test_\w+\.py", sentence))
    assert len(kept) >= 6
    assert {file.name for file in MARKED} & kept == set()
    assert {file.name for file in UNIT.rglob("test_*.py")} >= kept
    assert [file for file in MARKED if "api" in file.parts] == []
