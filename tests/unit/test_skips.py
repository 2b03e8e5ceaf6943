"""A skipped test fails its session, and says what was missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ONE = "import pytest\ndef test_passes(): pass\ndef test_lacks(): pytest.skip('no foo: apt-get install foo')\n"
WHOLE = "import pytest\npytest.skip('no foo: apt-get install foo', allow_module_level=True)\n"


def _run(place: Path, tests: str, *options: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", place / "conftest.py")
    (place / "test_it.py").write_text(tests)
    (place / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(place), *options, "."]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["one process", "workers"])
@pytest.mark.parametrize("tests", [ONE, WHOLE], ids=["a test", "a file"])
def test_a_skip_fails_the_session_and_tells_why(tmp_path: Path, tests: str, options: tuple[str, ...]) -> None:
    done = _run(tmp_path, tests, *options)
    assert done.returncode == 1, done.stdout
    assert "nothing may be skipped" in done.stdout
    assert "no foo: apt-get install foo" in done.stdout


def test_without_a_skip_nothing_changes(tmp_path: Path) -> None:
    done = _run(tmp_path, "import pytest\ndef test_passes(): pass\n@pytest.mark.xfail\ndef test_x(): assert 0\n")
    assert done.returncode == 0
    assert "nothing may be skipped" not in done.stdout
