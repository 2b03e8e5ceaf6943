"""Platforms are not taken away under a verb that works on them, unless somebody insists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import occupancy
from deploy.errors import UsageError
from deploy.settings.environments import ROOT

WORKS = """
import sys
from pathlib import Path
from deploy import occupancy
with occupancy.in_use(Path(sys.argv.pop(1))):
    print("at work", flush=True)
    sys.stdin.read()
"""


def working(state: Path) -> subprocess.Popen[str]:
    """A process that is at work there until its input ends."""
    command = [sys.executable, "-c", WORKS, str(state), "promote", "--sha", "0123"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"
    return process


def test_who_is_at_work_is_said_and_nothing_begun(tmp_path: Path) -> None:
    process = working(tmp_path)
    told = rf"pid {process.pid} since .*: invoke promote --sha 0123\. .*--down --force"
    with pytest.raises(UsageError, match=told), occupancy.alone(tmp_path, force=False):
        raise AssertionError("it went on")
    with occupancy.alone(tmp_path, force=True):
        pass
    process.communicate("")
    with occupancy.alone(tmp_path, force=False):
        pass


def test_a_killed_verb_holds_nothing_up(tmp_path: Path) -> None:
    process = working(tmp_path)
    process.kill()
    process.communicate()
    with occupancy.alone(tmp_path, force=False):
        pass


def test_two_may_work_at_once_and_none_begins_while_the_platforms_stop(tmp_path: Path) -> None:
    process = working(tmp_path)
    with occupancy.in_use(tmp_path):
        pass
    process.communicate("")
    refused = pytest.raises(UsageError, match="invoke rehearse --up")
    with occupancy.alone(tmp_path, force=False), refused, occupancy.in_use(tmp_path):
        raise AssertionError("it went on")
    assert not any((tmp_path / occupancy.WORKERS).iterdir())


def test_where_nothing_was_ever_rehearsed_nobody_works(tmp_path: Path) -> None:
    with occupancy.alone(tmp_path / "none", force=False):
        pass
    assert not (tmp_path / "none").exists()


def test_down_is_refused_on_the_command_line(tmp_path: Path) -> None:
    process = working(tmp_path)
    environment = {**os.environ, "CODECANVAS_REHEARSAL_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "deploy.cli", "rehearse", "--down"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    process.communicate("")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"pid {process.pid}" in done.stderr
    assert "invoke rehearse --down --force" in done.stderr
