"""What goes wrong around a verb: each has a clear error that says what to do next, and nothing is lost."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from invoke.context import Context
from invoke.exceptions import Exit
from msgspec.structs import replace

from deploy.artifacts.source import read_source, resolve_sha
from deploy.cli import options as cli_options
from deploy.cli import recovery as recovery_tasks
from deploy.cli import release as tasks
from deploy.errors import LedgerError, UsageError
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.ledger.patience import NONE
from deploy.platforms.errors import Unauthorized
from deploy.platforms.fly import FlyClient
from deploy.release.gates.ancestry import ancestry, in_history
from deploy.settings.environments import load_environment
from deploy.settings.remotes import choose_remote
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Target, cloud_addresses
from tests.unit.deploy.cli.invoked import invoke
from tests.unit.deploy.test_git import alive, hanging_ssh

ROOT = Path(__file__).resolve().parents[3]


def git(place: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@codecanvas.invalid"]
    done = subprocess.run(["git", *identity, *arguments], cwd=place, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "--quiet", "--initial-branch=main")
    git(place, "commit", "--quiet", "--allow-empty", "-m", "one")
    return place


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    place = tmp_path / "remote.git"
    place.mkdir()
    git(place, "init", "--quiet", "--bare")
    return place


@pytest.fixture
def ledger(tmp_path: Path, remote: Path) -> Ledger:
    place = tmp_path / "ledger.git"
    place.mkdir()
    git(place, "init", "--quiet", "--bare")
    return Ledger(place, "production", str(remote), patience=NONE)


def info(id_: str) -> DeploymentInfo:
    now = datetime.now(UTC)
    return DeploymentInfo(id_, "production", "1", "a" * 40, now, "me", Status.PENDING, "sha256:i", "sha256:f")


def test_a_short_sha_is_the_commit_it_begins(repository: Path) -> None:
    whole = git(repository, "rev-parse", "HEAD")
    assert resolve_sha(repository, whole[:8]) == whole


def test_an_unknown_sha_is_said(repository: Path) -> None:
    with pytest.raises(UsageError, match=r"'feedfeed' names no single commit.*git log"):
        resolve_sha(repository, "feedfeed")


def test_an_ambiguous_sha_is_said(repository: Path) -> None:
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    seen: dict[str, bytes] = {}
    for number in range(100_000):  # until two commits begin with the same four digits
        commit = f"tree {tree}\nauthor t <t> 0 +0000\ncommitter t <t> 0 +0000\n\n{number}\n".encode()
        sha = hashlib.sha1(b"commit %d\0" % len(commit) + commit).hexdigest()
        if sha[:4] in seen:
            break
        seen[sha[:4]] = commit
    for twin in (commit, seen[sha[:4]]):
        write = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
        subprocess.run(write, cwd=repository, input=twin, capture_output=True, check=True)
    with pytest.raises(UsageError, match="names no single commit"):
        resolve_sha(repository, sha[:4])


def test_a_release_is_found_though_this_clone_has_lost_its_commit(repository: Path) -> None:
    lost = git(repository, "rev-parse", "HEAD")
    git(repository, "commit", "--quiet", "--amend", "--allow-empty", "-m", "another")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "--quiet", "--prune=now")
    with pytest.raises(UsageError, match="names no single commit"):
        resolve_sha(repository, lost[:10])
    for given in (lost, lost[:10], lost[:10].upper()):
        assert resolve_sha(repository, given, [lost, "f" * 40]) == lost


def test_releases_that_begin_alike_are_listed(repository: Path) -> None:
    alike = [f"abcd{number}{'0' * 35}" for number in range(7)]
    says = rf"'abcd' begins 7 releases: {', '.join(alike[:5])} and 2 more; give more digits"
    with pytest.raises(UsageError, match=says):
        resolve_sha(repository, "abcd", alike)
    assert resolve_sha(repository, "abcd3", alike) == alike[3]


def test_a_name_asks_no_ledger(repository: Path) -> None:
    asked: list[str] = []

    def ledger() -> Iterator[str]:
        asked.append("the ledger was read")
        yield "f" * 40

    assert resolve_sha(repository, "HEAD", ledger()) == git(repository, "rev-parse", "HEAD")
    assert asked == []


@pytest.fixture
def released(repository: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Releases of both environments whose commits this clone does not have; verbs act on their ledgers."""
    shas = ["c" * 40, f"cd{'1' * 38}", f"cd{'1' * 37}2"]

    def target(name: str, rehearsal: bool) -> Target:
        kept = Ledger(repository, name, None)
        return Target(load_environment(name), cloud_addresses({}), Tokens(name, {}), kept, rehearsal)

    for name in ("staging", "production"):
        for sha in shas:
            target(name, False).ledger.record(replace(info(sha[:3] + sha[-1]), commit_sha=sha, status=Status.DEPLOYED))
    for module in (tasks, recovery_tasks, cli_options):
        monkeypatch.setattr(module, "ROOT", repository)
        monkeypatch.setattr(module, "target_of", target)
    return shas


@pytest.mark.parametrize("verb", ["rollback", "promote"])
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("cccc", "FLY_API_TOKEN for .* is missing"),  # found: the verb has gone on to what it needs next
        ("C" * 40, "FLY_API_TOKEN for .* is missing"),
        ("cd11", "'cd11' begins 2 releases: cd1{38}, cd1{37}2; give more digits"),
        ("feedfeed", "'feedfeed' names no single commit"),
    ],
)
def test_verbs_find_a_release_whose_commit_is_not_in_this_clone(
    released: list[str], capsys: pytest.CaptureFixture[str], verb: str, given: str, says: str
) -> None:
    options = {"rollback": {"env": "production", "to": given}, "promote": {"sha": given}}[verb]
    with pytest.raises(Exit) as left:
        getattr(recovery_tasks if verb == "rollback" else tasks, verb)(Context(), **options)
    said = " ".join(capsys.readouterr().err.split())
    assert left.value.code == 2
    assert re.search(says, said), said


def test_gits_own_trouble_is_told_as_such(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own way to see another owner
    says = r"dubious ownership in repository.*git config --global --add safe\.directory.*then run this again"
    for ask in (lambda: resolve_sha(repository, "HEAD"), lambda: read_source(repository)):
        with pytest.raises(UsageError, match=f"(?s){says}"):
            ask()
    with pytest.raises(UsageError, match="dubious ownership"):
        choose_remote(repository, "origin")
    for told in (ancestry(repository, "HEAD", "main"), in_history(repository, "HEAD")):
        assert "dubious ownership" in str(told)


def test_no_ledger_is_an_empty_one(ledger: Ledger) -> None:
    snapshot = ledger.snapshot()
    assert (snapshot.current(), snapshot.events(), snapshot.lock(), snapshot.intent()) == (None, [], None, None)


def test_a_rewritten_ledger_is_refused_until_a_person_accepts_it(ledger: Ledger, remote: Path) -> None:
    ledger.record(info("1"))
    first = git(remote, "rev-parse", "deployments/production")
    ledger.record(info("2"))
    git(remote, "update-ref", "refs/heads/deployments/production", first)
    with pytest.raises(LedgerError, match=r"was rewritten.*git -C \S+ push .*update-ref -d") as refused:
        ledger.snapshot()
    with pytest.raises(LedgerError, match="was rewritten"):
        ledger.record(info("3"))
    assert git(remote, "rev-parse", "deployments/production") == first
    subprocess.run(str(refused.value).rpartition("accept it: ")[2].split(), check=True)
    assert [event.id for event in ledger.snapshot().events()] == ["1"]


def test_a_ledger_that_vanished_is_refused(ledger: Ledger, remote: Path) -> None:
    ledger.record(info("1"))
    git(remote, "update-ref", "-d", "refs/heads/deployments/production")
    with pytest.raises(LedgerError, match="was rewritten"):
        ledger.snapshot()


def test_a_remote_that_goes_away_loses_nothing(ledger: Ledger, remote: Path) -> None:
    ledger.record(info("1"))
    remote.rename(remote.with_name("elsewhere"))
    with pytest.raises(LedgerError, match=r"(?s)cannot be read.*git ls-remote"):
        ledger.record(info("2"))
    remote.with_name("elsewhere").rename(remote)
    assert [event.id for event in ledger.snapshot().events()] == ["1"]


def test_a_push_whose_answer_was_lost_is_found_to_have_arrived(ledger: Ledger, remote: Path) -> None:
    hook = remote / "hooks" / "post-receive"  # runs when the branch has moved already
    hook.write_text("#!/bin/sh\nkill -9 $PPID\n")
    hook.chmod(0o755)
    ledger.record(info("1"))
    hook.unlink()
    assert [event.id for event in ledger.snapshot().events()] == ["1"]


FULL = """
import sys, pathlib
from tests.unit.deploy.test_bad_input import info
from deploy.errors import LedgerError
from deploy.ledger import Ledger
place = pathlib.Path(sys.argv[1])
pathlib.Path(place / "filler").write_bytes(bytes(60000))
try:
    for number in range(200):
        Ledger(place, "production", sys.argv[2]).record(info(str(number)))
except LedgerError as failed:
    print(failed)
"""


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, remote: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    sandbox = ["unshare", "--user", "--map-root-user", "--mount", "--wd", str(ROOT)]
    script = f"mount -t tmpfs -o size=200000 small {place} && git init --quiet --bare {place}"
    script += f" && {sys.executable} -c '{FULL}' {place} {remote}"
    done = subprocess.run([*sandbox, "sh", "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert "No space left on device" in done.stdout
    assert re.search(
        r"could not write in .*Nothing was recorded.*df -h \S+; ls -ld \S+\), then run this again", done.stdout
    )
    events = Ledger(_fresh(tmp_path), "production", str(remote)).snapshot().events()
    assert [event.id for event in events] == [str(number) for number in range(len(events))]


def _fresh(tmp_path: Path) -> Path:
    place = tmp_path / "fresh.git"
    place.mkdir()
    git(place, "init", "--quiet", "--bare")
    return place


def test_an_expired_token_is_told_apart_and_never_shown() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"error": "token expired"}, headers={"fly-request-id": "01ABC"})

    client = FlyClient("http://fly", "runner", Secret("top-secret"), transport=httpx.MockTransport(answer))
    with pytest.raises(Unauthorized, match=r"token expired.*01ABC.*create a new token") as failed:
        client.machines.list()
    assert "top-secret" not in str(failed.value)


@pytest.mark.parametrize(
    "verb",
    [
        lambda: ("status", "--env", "nowhere"),
        lambda: ("deploy", "--env", "local"),
        lambda: ("rollback", "--env", "prod"),
        lambda: ("resume", "--env", ""),
        lambda: ("promote", "--sha", "HEAD", "--strategy", "bold"),
        lambda: ("promote", "--sha", "feedfeed"),
    ],
)
def test_wrong_words_exit_2_and_name_the_right_ones(verb: Callable[[], tuple[str, ...]]) -> None:
    done = invoke(*verb())
    assert done.returncode == 2, done.stderr
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [("history", "--env", "production"), ("freeze", "--until", "2h")])
def test_a_verb_whose_remote_hangs_ends_at_a_ctrl_c(tmp_path: Path, verb: tuple[str, ...]) -> None:
    environment = {
        **os.environ,
        "GIT_SSH_COMMAND": str(hanging_ssh(tmp_path)),
        "LEDGER_REMOTE": "ssh://git@host.invalid/ledger.git",
    }
    command = [sys.executable, "-m", "deploy.cli", *verb]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "pids").exists():
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=20)[1]
    assert time.monotonic() - begun < 3
    assert (process.returncode, "interrupted" in said, "Traceback" in said) == (130, True, False), said
    assert alive(tmp_path) == []


def test_a_verb_whose_remote_refuses_says_why_and_exits_1(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'git@host.invalid: Permission denied (publickey).' >&2\nexit 255\n")
    ssh.chmod(0o755)
    environment = {**os.environ, "GIT_SSH_COMMAND": str(ssh), "LEDGER_REMOTE": "git@host.invalid:ledger.git"}
    command = [sys.executable, "-m", "deploy.cli", "freeze", "--until", "2h"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "the ledger of production is deployments/production of git@host.invalid:ledger.git" in done.stderr
    assert "Permission denied (publickey)" in done.stderr
    assert "then run this again" in done.stderr
