"""Who acts: a person however often, and a process that no other is taken for."""

import os
import subprocess
import sys

import pytest

from deploy.ledger.identity import known_dead, person, this_process, who


def test_a_run_of_the_ci_is_named_with_its_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTOR", "alice")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    assert who() == "alice (GitHub Actions run 7)"
    monkeypatch.delenv("GITHUB_ACTOR")
    assert "@" in who()


def test_a_process_of_this_machine_that_ended_is_known_dead() -> None:
    script = "from deploy.ledger.identity import this_process; print(this_process())"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert str(os.getpid()) in this_process().split()
    assert known_dead(ended)
    assert not known_dead(this_process())
    assert not known_dead("")
    assert not known_dead("another-boot pid:[1] 1 1")


def test_runs_of_one_actor_are_one_person() -> None:
    assert person("alice (GitHub Actions run 7)") == person("alice (GitHub Actions run 8)") == "alice"
    assert person("alice@laptop") == "alice@laptop"
