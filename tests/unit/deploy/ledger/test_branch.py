"""The ledger's remote as it fails in life: refusals, lock files, outages, helpers that hang, disks that are full."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.clock import SystemClock
from deploy.errors import LedgerError, LedgerMoved, LedgerUnreachable, LockLost
from deploy.ledger import DeploymentInfo, Holding, Intent, Ledger, Snapshot, Status, lock, store
from deploy.ledger import intent as intents
from deploy.ledger.encoding import encode
from deploy.ledger.patience import NONE, Patience, patient
from deploy.settings.policy import Strategy
from tests.unit.deploy.test_git import alive

ROOT = Path(__file__).resolve().parents[4]
BRANCH = "refs/heads/deployments/production"


def git(place: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(place), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    place = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    return place


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    place = tmp_path / "clone.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    return place


@pytest.fixture
def ledger(clone: Path, remote: Path) -> Ledger:
    """A ledger with its first event."""
    made = Ledger(clone, "production", str(remote), flag=" --rehearsal")
    made.record(info("1"))
    return made


def info(id_: str) -> DeploymentInfo:
    now = datetime.now(UTC)
    return DeploymentInfo(id_, "production", "1", "a" * 40, now, "me", Status.PENDING, "sha256:i", "sha256:f")


def ids(ledger: Ledger) -> list[str]:
    return [event.id for event in ledger.snapshot().events()]


def hook(remote: Path, name: str, script: str) -> Path:
    file = remote / "hooks" / name
    file.write_text(f"#!/bin/sh\necho called >>{remote}/calls\n{script}\n")
    file.chmod(0o755)
    return file


@contextmanager
def away(remote: Path, seconds: float) -> Iterator[None]:
    """The remote cannot be reached for some seconds from now on."""
    elsewhere = remote.with_name("elsewhere")
    remote.rename(elsewhere)
    back = threading.Timer(seconds, lambda: elsewhere.rename(remote))
    back.start()
    try:
        yield
    finally:
        back.join()


# refusals


@pytest.mark.parametrize("name", ["pre-receive", "update"])
def test_a_refusal_is_told_in_the_remotes_own_words_and_not_tried_again(
    ledger: Ledger, remote: Path, name: str
) -> None:
    hook(remote, name, "echo 'GH006: Protected branch update failed: commits must be signed' >&2; exit 1")
    begun = time.monotonic()
    with pytest.raises(LedgerError, match=r"hook declined.*GH006: Protected branch.*LEDGER_REMOTE.*run this") as failed:
        ledger.record(info("2"))
    assert type(failed.value) is LedgerError
    assert time.monotonic() - begun < 3
    assert (remote / "calls").read_text().count("called") == 1
    assert ids(ledger) == ["1"]


def test_a_refusal_while_others_write_is_still_told(ledger: Ledger, remote: Path) -> None:
    hook(remote, "pre-receive", "echo signing is required >&2; exit 1")
    git(remote, "update-ref", "refs/heads/deployments/staging", BRANCH)
    with pytest.raises(LedgerError, match="signing is required"):
        ledger.record(info("2"))


def test_only_a_branch_that_moved_is_a_lost_race(ledger: Ledger, clone: Path, remote: Path) -> None:
    other = Ledger(clone, "production", str(remote))
    tries = []

    def change(snapshot: Snapshot) -> dict[str, bytes | None]:
        tries.append(snapshot.commit)
        if len(tries) <= 2:
            other.record(info(f"other {len(tries)}"))
        return {"mine.json": b"{}"}

    ledger.write("mine", change)
    assert len(set(tries)) == 3
    assert ids(ledger) == ["1", "other 1", "other 2"]


def test_who_is_always_second_is_told_so_at_last(
    ledger: Ledger, clone: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ATTEMPTS", 4)
    other = Ledger(clone, "production", str(remote))
    count = iter(range(100))

    def change(snapshot: Snapshot) -> dict[str, bytes | None]:
        other.write("other", lambda _: {"other.json": str(next(count)).encode()})
        return {"mine.json": b"{}"}

    with pytest.raises(LedgerMoved, match=r"others wrote .* 4 times meanwhile; run this again"):
        ledger.write("mine", change)


@pytest.mark.parametrize("local", [True, False])
def test_a_lock_file_is_waited_for_then_told(clone: Path, remote: Path, local: bool) -> None:
    ledger = Ledger(clone, "production", None if local else str(remote))
    ledger.record(info("1"))
    file = (clone if local else remote) / f"{BRANCH}.lock"
    file.touch()
    threading.Timer(0.5, file.unlink).start()
    ledger.record(info("2"))  # somebody was at work there
    file.touch()
    with (
        patient(replace(NONE, write=0.5, busy=0.5)),
        pytest.raises(LedgerError, match=r"production\.lock'?: File exists.*remove that file, then run this again"),
    ):
        ledger.record(info("3"))
    file.unlink()
    assert ids(ledger) == ["1", "2"]


def test_a_refused_login_is_told_at_once(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'git@host.invalid: Permission denied (publickey).' >&2\nexit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    begun = time.monotonic()
    with pytest.raises(LedgerError, match=r"Permission denied \(publickey\).*git -C \S+ ls-remote") as failed:
        Ledger(clone, "production", "ssh://git@host.invalid/x.git").snapshot()
    assert type(failed.value) is LedgerError
    assert time.monotonic() - begun < 2


# outages


def test_a_remote_that_is_away_for_three_seconds_costs_three_seconds(ledger: Ledger, remote: Path) -> None:
    with away(remote, 3):
        ledger.record(info("2"))
    with away(remote, 3):
        assert ids(ledger) == ["1", "2"]


def test_a_write_whose_answer_was_lost_is_not_written_twice(ledger: Ledger, clone: Path, remote: Path) -> None:
    elsewhere = remote.with_name("elsewhere")
    lost = hook(remote, "post-receive", f"mv {remote} {elsewhere}; kill -9 $PPID")
    lines = []

    def change(snapshot: Snapshot) -> dict[str, bytes | None]:
        lines.append("one more")
        return {"log.json": encode([*(snapshot.read("log.json") or []), "line"])}

    def mend() -> None:
        while not elsewhere.exists():
            time.sleep(0.05)
        time.sleep(0.3)  # its first look for the branch finds no remote
        (elsewhere / "hooks" / lost.name).unlink()
        elsewhere.rename(remote)
        Ledger(clone, "production", str(remote)).record(info("2"))  # and somebody writes on top of it

    mending = threading.Thread(target=mend)
    mending.start()
    ledger.write("log", change)
    mending.join()
    assert ledger.snapshot().read("log.json") == ["line"]
    assert ids(ledger) == ["1", "2"]


def test_a_remote_that_stays_away_is_told_with_what_to_do(ledger: Ledger, remote: Path) -> None:
    remote.rename(remote.with_name("elsewhere"))
    begun = time.monotonic()
    with (
        patient(Patience(read=1, write=1)),
        pytest.raises(LedgerUnreachable, match=r"cannot be read: .*git -C \S+ ls-remote \S+`, then run this again"),
    ):
        ledger.record(info("2"))
    assert 0.9 < time.monotonic() - begun < 4


def test_what_is_half_way_is_told_to_the_locks_holder(ledger: Ledger, remote: Path) -> None:
    intent = Intent("promote", info("2"), None, Strategy.BLUEGREEN, 1)
    holding = Holding(ledger, "me", "promote", SystemClock())
    holding.take()
    ledger.write("begun", lambda _: {intents.PATH: encode(intent.to_json())})
    says = "promote of 1 is half-way.*go on with: invoke resume --env production --rehearsal$"
    declines = hook(remote, "pre-receive", "exit 1")
    with pytest.raises(LedgerError, match=f"hook declined.*{says}"):
        ledger.record(info("3"))
    declines.unlink()
    remote.rename(remote.with_name("elsewhere"))
    with patient(NONE), pytest.raises(LedgerUnreachable, match=says) as gone:
        ledger.record(info("3"))
    assert "half-way" not in gone.value.problem  # for those who say themselves what is half-way
    assert str(gone.value).startswith(gone.value.problem)
    remote.with_name("elsewhere").rename(remote)
    holding.release()
    hook(remote, "pre-receive", "exit 1")
    with pytest.raises(LedgerError) as failed:  # whoever holds no lock has nothing half-way
        ledger.record(info("3"))
    assert "half-way" not in str(failed.value)


def test_a_lock_outlives_a_short_outage(ledger: Ledger, remote: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.2)
    monkeypatch.setattr(lock, "SAFE_SECONDS", 10.0)
    monkeypatch.setattr(lock, "RETRY_SECONDS", 0.2)
    holding = Holding(ledger, "me", "promote", SystemClock())
    holding.take()
    with holding.renewing():
        with away(remote, 3):
            waited = 0.0
            for _ in range(25):
                begun = time.monotonic()
                holding.keep()  # the engine's own calls go on meanwhile
                waited = max(waited, time.monotonic() - begun)
                time.sleep(0.1)
        time.sleep(1.5)
        holding.fresh()
        held = lock.held_in(ledger.snapshot())
    assert waited < 3  # one try, not the whole outage
    assert held is not None
    assert (datetime.now(UTC) - held.expires).total_seconds() < -(lock.LOCK_SECONDS - 4)
    holding.release()
    assert lock.held_in(ledger.snapshot()) is None


def test_a_lock_outlives_an_answer_that_never_comes(
    clone: Path, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that stalls is given up early enough for another one to renew the lease."""
    ssh, hang = tmp_path / "ssh", tmp_path / "hang"
    stall = f"if mv {hang} {hang}ing 2>/dev/null; then exec sleep 600; fi"
    ssh.write_text(f'#!/bin/sh\n{stall}\nfor command; do :; done\nexec sh -c "$command"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.5)
    monkeypatch.setattr(lock, "SAFE_SECONDS", 9.5)
    holding = Holding(
        Ledger(clone, "production", f"ssh://git@host.invalid{remote}"), "me", "promote", SystemClock(), process=""
    )
    holding.take()
    with holding.renewing():
        hang.touch()
        time.sleep(7)
        assert hang.with_name("hanging").exists()
        holding.fresh()
        assert holding._age() < 3
    holding.release()


def test_a_lock_ends_the_work_when_the_outage_outlasts_it(
    ledger: Ledger, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(lock, "SAFE_SECONDS", 0.5)
    holding = Holding(ledger, "me", "promote", SystemClock())
    holding.take()
    remote.rename(remote.with_name("elsewhere"))
    time.sleep(0.6)
    says = r"could not be renewed for .*cannot be read.*go on with: invoke resume --env production --rehearsal"
    with pytest.raises(LockLost, match=says):
        holding.keep()


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clone: Path) -> Callable[[], Ledger]:
    """A ledger whose ssh never answers."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho $$ >>{tmp_path}/pids\nexec sleep 600\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    return lambda: Ledger(clone, "production", "ssh://me:top-secret@host.invalid/x.git", patience=NONE)


def test_a_remote_that_hangs_is_out_of_reach(hanging: Callable[[], Ledger], tmp_path: Path) -> None:
    begun = time.monotonic()
    with (
        patient(replace(NONE, answer=0.5)),
        pytest.raises(LedgerUnreachable, match=r"does not answer.*ls-rem") as failed,
    ):
        hanging().snapshot()
    assert time.monotonic() - begun < 2
    assert "top-secret" not in str(failed.value)
    assert alive(tmp_path) == []


def test_an_interrupted_deployer_does_not_wait_for_a_lock_that_hangs(
    ledger: Ledger, remote: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remote begins to hang after the lock was taken; a Ctrl-C is over within seconds."""
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.1)
    holding = Holding(ledger, "me", "promote", SystemClock())
    holding.take()
    hook(remote, "pre-receive", f"touch {tmp_path}/hangs; sleep 600")

    def work() -> None:
        with holding.renewing():
            while not (tmp_path / "hangs").exists():
                time.sleep(0.05)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    begun = time.monotonic()
    with pytest.raises(LedgerUnreachable, match=r"was not given back.*invoke status --env production --rehearsal"):
        holding.release()
    assert time.monotonic() - begun < 8  # three seconds for each answer that never comes


# what git says of the repository, and of its disk


def test_a_repository_git_does_not_trust_is_no_empty_ledger(
    clone: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own way to see another owner
    for where in (None, str(remote)):
        with pytest.raises(LedgerError, match=r"dubious ownership.*safe\.directory"):
            Ledger(clone, "production", where).snapshot()


def test_a_branch_whose_name_only_ends_alike_is_another(clone: Path, remote: Path, ledger: Ledger) -> None:
    git(remote, "update-ref", f"refs/heads/a/{BRANCH}", BRANCH)
    git(remote, "update-ref", "-d", BRANCH)
    assert Ledger(remote.parent / "clone.git", "production", f"{remote}/").snapshot().commit == ""


@pytest.mark.parametrize("which", ["this clone's, without a remote", "this clone's", "the remote's"])
def test_a_read_only_disk_is_told_and_nothing_is_half_done(
    tmp_path: Path, clone: Path, remote: Path, which: str
) -> None:
    where = None if which.endswith("without a remote") else str(remote)
    disk = remote if which == "the remote's" else clone
    ledger = Ledger(clone, "production", where)
    ledger.record(info("1"))
    script = f"""
from tests.unit.deploy.ledger.test_branch import info, Ledger, Path
ledger = Ledger(Path({str(clone)!r}), "production", {where!r})
assert [event.id for event in ledger.snapshot().events()] == ["1"]
try:
    ledger.record(info("2"))
except Exception as failed:
    print(type(failed).__name__, failed)
"""
    sandbox = ["unshare", "--user", "--map-root-user", "--mount", "--wd", str(ROOT), "sh", "-c"]
    mount = f'mount --bind {disk} {disk} && mount -o remount,bind,ro {disk} && exec "$0" -c "$1"'
    done = subprocess.run(
        [*sandbox, mount, sys.executable, script], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    if disk == clone:
        assert "Read-only file system" in done.stdout
        assert done.stdout.startswith("LedgerError git ")
        assert f"df -h {clone}" in done.stdout
    else:
        assert done.stdout.startswith("LedgerError the ledger could not be written")
        assert (
            "unable to create temporary object directory. It could not store the commit: see that its disk"
            in done.stdout
        )
    assert done.stdout.rstrip().endswith("then run this again")
    assert ids(ledger) == ["1"]


def test_where_it_is_kept_is_told_without_credentials(clone: Path, remote: Path) -> None:
    shared = Ledger(clone, "production", "upstream")
    git(clone, "remote", "add", "upstream", "https://me:top-secret@host.invalid/x.git")
    assert shared.place == "deployments/production of upstream (https://host.invalid/x.git)"
    assert shared.local_note == ""
    assert Ledger(clone, "production", str(remote)).place == f"deployments/production of {remote}"
    alone = Ledger(clone, "production", None)
    assert alone.place == f"deployments/production of {clone}"
    assert alone.local_note.startswith("kept in this clone only")
    assert "LEDGER_REMOTE" in alone.local_note
