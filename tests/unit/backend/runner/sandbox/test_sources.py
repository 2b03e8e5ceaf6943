"""Files of the launcher use one another in one direction: a file that is used by another does not use it in turn."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from backend.runner import sandbox

pytestmark = pytest.mark.any_python

LAUNCHER = Path(sandbox.__file__).parent / "launcher"


def _symbols(source: Path, directory: Path) -> tuple[set[str], set[str]]:
    """Names that a C file defines for others, and those that it needs of others."""
    made = directory / f"{source.stem}.o"
    subprocess.run(["gcc", "-std=gnu17", "-c", "-o", made, source], check=True, capture_output=True)
    lines = subprocess.run(["nm", made], check=True, capture_output=True, text=True).stdout.splitlines()
    kinds = [line.split()[-2:] for line in lines]
    return {name for kind, name in kinds if kind in "TDBRC"}, {name for kind, name in kinds if kind == "U"}


def uses(place: Path, directory: Path) -> Mapping[str, set[str]]:
    """Which files of `place` each of them uses. What the C library has too is left out: hold.c stands in for that."""
    library = ctypes.CDLL(None)
    symbols = {path.name: _symbols(path, directory) for path in place.glob("*.c") if path.name != "fuzz.c"}
    owners = {name: file for file, (defined, _) in symbols.items() for name in defined if not hasattr(library, name)}
    return {file: {owners[name] for name in needed if name in owners} - {file} for file, (_, needed) in symbols.items()}


def test_no_files_of_the_launcher_use_each_other(tmp_path: Path) -> None:
    used = uses(LAUNCHER, tmp_path)
    assert "run.c" in used["keeper.c"]
    TopologicalSorter(used).prepare()  # raises CycleError, which names the circle


def test_a_circle_is_found(tmp_path: Path) -> None:
    (tmp_path / "one.c").write_text("void two(void); void one(void) { two(); }")
    (tmp_path / "two.c").write_text("void three(void); void two(void) { three(); }")
    (tmp_path / "three.c").write_text("void one(void); void three(void) { one(); }")
    with pytest.raises(CycleError, match="one"):
        TopologicalSorter(uses(tmp_path, tmp_path)).prepare()
