"""A cancelled job ends a rollout in any phase: at once, with its lock given back, and with a line on what is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.ledger import Ledger
from deploy.ledger.lock import PATH
from deploy.settings.environments import ROOT
from deploy.settings.policy import Strategy
from tests.deploy.cancelled import OTHERS, PHASES

LIMIT, SLACK = 2.0, 1.0  # seconds from the signal to the end; of a busy machine
JUDGED = (Strategy.BLUEGREEN, Strategy.CANARY)


ONCE = ("publishing", "draining", "putting to sleep", "held back by the platform", "held back by the client", "pushing")
"""Phases in which a rollout no longer asks for its strategy: cancelled in one of them."""


def phases_of(strategy: Strategy) -> list[str]:
    left_out = () if strategy is Strategy.BLUEGREEN else ONCE
    asked = [phase for phase in (*PHASES, *OTHERS) if phase not in left_out]
    return [phase for phase in asked if phase != "judging" or strategy in JUDGED]


@contextlib.contextmanager
def begun(place: Path, strategy: Strategy, *phases: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The process whose children are the phases'; it ends by itself once they have. None outlives a failure."""
    for phase in phases:
        for name in ("ledger.git", "remote.git"):
            subprocess.run(["git", "init", "--quiet", "--bare", str(place / phase / name)], check=True)
    command = [sys.executable, "-m", "tests.deploy.cancelled", str(place), strategy.value, *phases]
    ours = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    parent = subprocess.Popen(command, cwd=ROOT, env=ours | environment, start_new_session=True)
    try:
        yield parent
        parent.wait(60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)
        parent.wait()


def shown(file: Path, words: str = "") -> str:
    """What a file has, once it has something that ends with `words`."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()) and text.endswith(words):
            return text
        time.sleep(0.01)
    raise AssertionError(f"{file} never came; err: {(file.parent / 'err').read_text()}")


def cancelled(place: Path, number: int) -> str:
    """Cancel the process of a phase where it stands still, and assert how it ends; its line."""
    shown(place / "out", "ready\n")
    at = time.monotonic()
    os.kill(int(shown(place / "pid")), number)
    code = shown(place / "code")
    took, said = time.monotonic() - at, (place / "err").read_text()
    assert took < LIMIT + SLACK, said
    assert int(code) == 128 + number, said
    (line,) = [each for each in said.splitlines() if each.startswith("interrupted: ")]
    return line


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_cancelled_rollout_stops_at_once_and_leaves_its_lock_to_the_next(tmp_path: Path, strategy: Strategy) -> None:
    phases = phases_of(strategy)
    with begun(tmp_path, strategy, *phases) as parent:
        lines = {
            # Each signal in half of the phases, and in the others with the next strategy.
            phase: cancelled(tmp_path / phase, (signal.SIGINT, signal.SIGTERM)[at % 2])
            for at, phase in enumerate(phases, list(Strategy).index(strategy))
        }
    assert parent.returncode == 0
    for phase, line in lines.items():
        place = tmp_path / phase
        snapshot = Ledger(place / "ledger.git", "production", str(place / "remote.git")).snapshot()
        assert PATH not in snapshot.files, f"{phase}: the lock was not given back"
        if phase == "pushing":
            assert snapshot.intent() is None
            continue
        left = snapshot.intent()
        assert left is not None, phase
        assert left.forward is (phase != "rolling back")
        assert "promote of" in line, f"{phase}: {line}"
        assert "invoke resume --env production --rehearsal" in line, f"{phase}: {line}"
        assert not left.blame or phase == "rolling back", f"{phase}: somebody was blamed"


def test_a_remote_that_is_slower_than_an_interrupt_may_last_gets_the_lock_back_all_the_same(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    slow = tmp_path / "slow"
    ssh.write_text(f'#!/bin/sh\n[ -e "{slow}" ] && sleep 0.9\nfor last; do :; done\nexec sh -c "$last"\n')
    ssh.chmod(0o755)
    host = {"GIT_SSH_COMMAND": str(ssh), "CANCELLED_HOST": "ssh://git@host.invalid"}
    place = tmp_path / "creating"
    with begun(tmp_path, Strategy.IMMEDIATE, "creating", **host):
        shown(place / "out", "ready\n")
        slow.touch()
        line = cancelled(place, signal.SIGTERM)
    assert "invoke resume --env production --rehearsal" in line
    ledger = Ledger(place / "ledger.git", "production", str(place / "remote.git"))
    deadline = time.monotonic() + 18  # before it expires by itself
    while PATH in ledger.snapshot().files and time.monotonic() < deadline:
        time.sleep(0.1)
    assert PATH not in ledger.snapshot().files
    assert ledger.snapshot().intent() is not None
