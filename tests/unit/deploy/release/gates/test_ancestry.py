"""Whether a commit is part of a branch, in real clones."""

import secrets
import subprocess
from pathlib import Path

import pytest

from deploy.release.gates.ancestry import ancestry, in_history

IDENTITY = ["-c", "user.name=me", "-c", "user.email=me@example.invalid"]


def git(place: Path, *arguments: str) -> str:
    command = ["git", *IDENTITY, "-C", str(place), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(place: Path) -> str:
    git(place, "commit", "--quiet", "--allow-empty", "-m", secrets.token_hex(8))  # no two alike in one second
    return git(place, "rev-parse", "HEAD")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    place = tmp_path / "origin"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    return place


def test_by_the_branch_of_the_repository_itself(origin: Path) -> None:
    first, second = commit(origin), commit(origin)
    git(origin, "checkout", "--quiet", "-b", "feature", first)
    aside = commit(origin)
    assert ancestry(origin, first, "main") is True
    assert ancestry(origin, second, "main") is True
    assert ancestry(origin, aside, "main") is False


def test_origins_branch_counts_where_it_is_known(origin: Path, tmp_path: Path) -> None:
    first = commit(origin)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    mine = commit(clone)
    assert ancestry(clone, first, "main") is True
    assert ancestry(clone, mine, "main") is False  # committed, not pushed
    git(clone, "push", "--quiet", "origin", "HEAD:staging")
    assert ancestry(clone, mine, "staging") is True


def test_the_branch_of_the_ledgers_remote_counts_where_origin_is_a_fork(origin: Path, tmp_path: Path) -> None:
    first = commit(origin)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    git(clone, "remote", "rename", "origin", "upstream")
    mine = commit(clone)
    git(clone, "update-ref", "refs/remotes/origin/main", mine)
    assert ancestry(clone, mine, "main") is True
    assert ancestry(clone, mine, "main", "upstream") is False
    assert ancestry(clone, first, "main", "upstream") is True
    assert ancestry(clone, mine, "main", "https://host.invalid/x.git") is True  # an address has no branches here


def test_what_cannot_be_told_is_said(origin: Path, tmp_path: Path) -> None:
    first = commit(origin)
    last = commit(origin)
    assert ancestry(origin, last, "release") == "this clone knows no branch release, neither of origin nor its own"
    assert ancestry(origin, "b" * 40, "main") == f"this clone has no commit {'b' * 12}"
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", str(shallow))
    assert ancestry(shallow, last, "main") is True
    git(shallow, "fetch", "--quiet", "--depth=1", "origin", first)
    assert "shallow" in str(ancestry(shallow, first, "main"))


def test_a_rehearsal_asks_only_what_is_checked_out(origin: Path) -> None:
    first, second = commit(origin), commit(origin)
    git(origin, "checkout", "--quiet", "--detach", first)
    assert in_history(origin, first) is True
    assert in_history(origin, second) is False
    assert "git could not tell" in str(in_history(origin, "b" * 40))
