"""Programs that are timed."""

from pathlib import Path

import pytest

from deploy.bench.runner.spawn import spawn, timed
from deploy.errors import DeployError


def test_a_program_is_timed_from_its_start_to_its_end() -> None:
    assert 0.2 < timed(("sh", "-c", "echo a; sleep 0.2"), expected="a\n") < 5


def test_what_says_something_else_or_fails_is_no_measurement() -> None:
    with pytest.raises(DeployError, match="b"):
        timed(("echo", "b"), expected="a\n")
    with pytest.raises(DeployError, match="3"):
        timed(("sh", "-c", "exit 3"), expected="")


def test_a_program_runs_in_its_directory_with_its_environment_alone(tmp_path: Path) -> None:
    before = Path.cwd()
    environment = {"PATH": "/usr/bin:/bin", "MINE": "x"}
    _, status, output = spawn(("sh", "-c", "pwd; echo $MINE$HOME"), environment=environment, directory=tmp_path)
    assert (status, output.decode().split()) == (0, [str(tmp_path), "x"])
    assert Path.cwd() == before
