"""Rooms with one subject each: what runs programs names no language, and only `sandbox` speaks to a launcher."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import runner
from backend.runner.languages import all_languages

ROOT = Path(runner.__file__).parent
_ABOUT_TOOLS = {"compilers.py", "environment.py", "reports.py"}
"""These read what tools print, or list what loaders obey."""
NAMES_NO_LANGUAGE = [
    *(ROOT / name for name in ("service.py", "startup.py", "server.py")),
    *(path for path in sorted((ROOT / "execution").glob("*.py")) if path.name not in _ABOUT_TOOLS),
]


def _named(path: Path) -> Iterator[str]:
    """The words of a module's identifiers and texts, without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value.lower()
            yield from re.findall(r"[a-z0-9+#]{3,}", node.value.lower())  # shorter ones may be words or %d
        for field in ("id", "attr", "name", "arg"):
            if isinstance(name := getattr(node, field, None), str):
                yield from (word for word in name.lower().split("_") if len(word) > 2)


def _words() -> set[str]:
    """How programs name a language, or what belongs to one."""
    languages = all_languages().values()
    words = {one.name for one in languages} | {alias for one in languages for alias in one.aliases}
    tools = {one.version[0].rpartition("/")[2] for one in languages if not one.shared_version}
    return (words | tools | {"javac", "python", "node", "pythonpath"}) - {"sh"}  # scripts of our own are run by it


@pytest.mark.parametrize("path", NAMES_NO_LANGUAGE, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_runs_programs_names_no_language(path: Path) -> None:
    found = _words().intersection(_named(path))
    assert found == set(), f"{path}: a language's own facts belong in its declaration"


def test_what_is_asked_of_a_launcher_is_a_method_of_its_keeper() -> None:
    for path in ROOT.rglob("*.py"):
        if path.parent.name != "sandbox":
            calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            letters = [
                call for call in calls
                if call.args and isinstance(call.args[0], ast.Constant)
                and isinstance(call.args[0].value, bytes) and re.fullmatch(rb"[A-Z]", call.args[0].value)
            ]  # fmt: skip
            assert letters == [], f"{path} speaks to a launcher by letters"
