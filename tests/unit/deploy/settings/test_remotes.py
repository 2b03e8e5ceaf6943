"""Which remote holds the ledger, in real clones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError, UsageError
from deploy.settings.environments import load_environment
from deploy.settings.remotes import choose_remote, is_address, parse_remote
from deploy.target import cloud_target

KEYS = "API_URL=https://a.example/api/v1/\nFRONTEND_URL=https://b.example/\nDEPLOYMENT_TARGET=app-x\nNUM_RUNNERS=3\n"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LEDGER_REMOTE", raising=False)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".env.staging").write_text(KEYS)
    (tmp_path / ".env.production").write_text(KEYS)
    return tmp_path


def add(clone: Path, *names: str) -> None:
    for name in names:
        subprocess.run(["git", "-C", str(clone), "remote", "add", name, f"/srv/{name}.git"], check=True)


def test_without_any_remote_it_stays_here(clone: Path) -> None:
    assert choose_remote(clone, "origin") is None
    assert "kept in this clone only" in cloud_target("production", clone).ledger.local_note


def test_it_is_origin_unless_somebody_chose(clone: Path) -> None:
    add(clone, "fork")
    assert choose_remote(clone, "origin") == "fork"
    add(clone, "upstream")
    with pytest.raises(
        UsageError, match=r"none is named origin \(remotes of this clone: fork, upstream\).*LEDGER_REMOTE"
    ):
        choose_remote(clone, "origin")
    add(clone, "origin")
    assert choose_remote(clone, "origin") == "origin"
    assert choose_remote(clone, "upstream") == "upstream"
    assert choose_remote(clone, "git@host.invalid:x.git") == "git@host.invalid:x.git"


def test_a_remote_that_is_not_there_is_refused(clone: Path) -> None:
    add(clone, "origin")
    with pytest.raises(
        UsageError, match=r"'upstream', which is no URL and no remote.*origin\).*git remote add upstream URL"
    ):
        choose_remote(clone, "upstream")


def test_the_file_names_it_and_the_process_environment_goes_first(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(clone, "origin", "upstream", "third")
    (clone / ".env.production").write_text(f"{KEYS}LEDGER_REMOTE=upstream\n")
    assert load_environment("staging", clone).ledger_remote == "origin"
    assert cloud_target("staging", clone).ledger.remote == "origin"
    production = cloud_target("production", clone).ledger
    assert (production.remote, production.local_note) == ("upstream", "")
    assert production.place == "deployments/production of upstream (/srv/upstream.git)"
    monkeypatch.setenv("LEDGER_REMOTE", "third")
    assert cloud_target("production", clone).ledger.remote == "third"
    monkeypatch.setenv("LEDGER_REMOTE", "https://me:top-secret@host.invalid/x.git")
    with pytest.raises(UsageError, match=r"^LEDGER_REMOTE in the process environment holds a password") as failed:
        cloud_target("production", clone)
    assert "top-secret" not in str(failed.value)


@pytest.mark.parametrize(
    "good",
    [
        "origin",
        "my/fork.2",
        "https://host/x.git",
        "ssh://git@host:22/x",
        "git@github.com:me/x.git",
        "host:x",
        "/srv/x.git",
    ],
)
def test_what_a_remote_may_be(good: str) -> None:
    assert parse_remote(good) == good
    assert is_address(good) == (":" in good or good.startswith("/"))


@pytest.mark.parametrize(
    "bad", ["", "-x", "--upload-pack=evil", "a b", "ext::sh -c evil", "../x", "https://", "https://t0ken@host/x.git"]
)
def test_what_a_remote_may_not_be(clone: Path, bad: str) -> None:
    with pytest.raises(ValueError, match=r"is neither|holds a password"):
        parse_remote(bad)
    if bad:
        (clone / ".env.staging").write_text(f"{KEYS}LEDGER_REMOTE='{bad}'\n")
        with pytest.raises(ConfigurationError, match=r"^\.env\.staging:5: LEDGER_REMOTE: ") as failed:
            load_environment("staging", clone)
        assert "t0ken" not in str(failed.value)
