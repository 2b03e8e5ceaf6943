"""How little of a ledger git is asked for: counted in objects of git, for a few deployments and for many."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.clock import SystemClock
from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Evidence, Holding, Launches, Ledger, Status, Suite, lock
from deploy.ledger.encoding import encode

NOW = datetime(2026, 3, 1, tzinfo=UTC)
INFO = DeploymentInfo("d1", "production", "1", "a" * 40, NOW, "me", Status.PENDING, "sha256:i", "sha256:f")


def sha(number: int) -> str:
    return sha1(str(number).encode()).hexdigest()


def filled(place: Path, count: int) -> Path:
    """A repository with a ledger of so many deployments, its events named as earlier versions named them."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(place)], check=True)
    files: dict[str, bytes] = {"by-hand.json": b"{}", "deep/er/file": b"kept"}
    for number in range(1, count + 1):
        info = replace(INFO, id=f"d{number}", commit_sha=sha(number), launch=f"d{number}")
        for more, status in enumerate((Status.PENDING, Status.DEPLOYED)):
            path = f"events/{2 * number - 1 + more:06d}-{info.commit_sha[:12]}-{status}.json"
            files[path] = encode(replace(info, status=status))
        proof = Evidence("production", info.commit_sha, "i", "f", NOW, "me", (Suite("s", 1, 0, 1.0),))
        files[f"evidence/{info.commit_sha}.json"] = encode(proof)
        files[f"configs/{number}.json"] = encode({"number": number})
    stream = b"commit refs/heads/deployments/production\ncommitter me <me@here> 0 +0000\ndata 5\nfirst\n"
    for path, content in files.items():
        stream += b"M 100644 inline %b\ndata %d\n%b\n" % (path.encode(), len(content), content)
    subprocess.run(["git", "-C", str(place), "fast-import", "--quiet"], input=stream, check=True)
    return place


class Reads:
    """Counts the objects that git hands out or lists, by a git that writes down what it answers."""

    def __init__(self, place: Path) -> None:
        self.log, git = place / "answers", shutil.which("git")
        self.log.touch()
        script = place / "bin/git"
        script.parent.mkdir()
        script.write_text(
            "#!/bin/sh\n"
            f'case " $* " in *" cat-file --batch "* | *" ls-tree "*) {git} "$@" | tee -a {self.log} ;;\n'
            f'*) exec {git} "$@" ;; esac\n'
        )
        script.chmod(0o755)

    def during(self, work: Callable[[], object]) -> int:
        before = self.log.stat().st_size
        work()
        answers = self.log.read_bytes()[before:]
        return len(re.findall(rb"[0-9a-f]{40} (?:blob|tree|commit) \d+\n|(?:blob|tree|commit) [0-9a-f]{40}\t", answers))


def works(repository: Path, remote: str | None, newest: str) -> dict[str, Callable[[], object]]:
    """What is done with a ledger, each by a process that has read nothing of it yet."""

    def ledger() -> Ledger:
        return Ledger(repository, "production", remote)

    def hold() -> None:
        holding = Holding(ledger(), "me", "promote", SystemClock())
        holding.take()
        ledger().write("another's", lambda _: {"another.json": b"{}"})  # so that its renewal finds a new commit
        holding.keep()
        holding.release()

    return {
        "look": lambda: ledger().snapshot(),
        "what serves": lambda: ledger().snapshot().current(),
        "whose machine": lambda: newest in Launches(ledger().snapshot()),
        "a proof": lambda: ledger().snapshot().evidence(sha(1)),
        "record": lambda: ledger().record(replace(INFO, id="new", commit_sha=sha(0))),
        "prove": lambda: ledger().prove(Evidence("production", sha(0), "i", "f", NOW, "me", ())),
        "take, renew and release the lock": hold,
    }


@pytest.mark.parametrize("local", [True, False])
def test_what_is_read_does_not_grow_with_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    monkeypatch.setattr(lock, "RENEW_SECONDS", 0.0)
    counts: list[dict[str, int]] = []
    counter = Reads(tmp_path)
    for count in (2, 40):
        where = filled(tmp_path / f"ledger{count}.git", count)
        repository, remote = where, None
        if not local:
            repository, remote = tmp_path / f"clone{count}.git", str(where)
            subprocess.run(["git", "init", "--quiet", "--bare", str(repository)], check=True)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
            counts.append({name: counter.during(work) for name, work in works(repository, remote, f"d{count}").items()})
    few, many = counts
    assert few == many
    # The topmost folder and what it is about: an event is found in the list of its folder, and a renewal needs no more
    # than the lock. Two reads by `record` are the root and the folder that it adds to.
    assert many["look"] == 1
    assert many["what serves"] == 3
    assert many["record"] == many["prove"] == 2
    assert many["take, renew and release the lock"] <= 6


def test_what_is_written_leaves_all_else_as_it_was(tmp_path: Path) -> None:
    where = filled(tmp_path / "l.git", 3)
    before = dict(Ledger(where, "production", None).snapshot().files)
    ledger = Ledger(where, "production", None)
    ledger.write("changed", lambda _: {"configs/1.json": None, "configs/new.json": b"1", "top.json": b"2"})
    expected = before | {"configs/new.json": b"1", "top.json": b"2"}
    del expected["configs/1.json"]
    assert ledger.snapshot().files == expected  # as this process knows it
    assert dict(Ledger(where, "production", None).snapshot().files) == expected  # as git has it
    assert "deep/er/file" in expected


def test_the_last_file_of_a_folder_and_of_all_can_be_removed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "l.git")], check=True)
    ledger = Ledger(tmp_path / "l.git", "production", None)
    ledger.write("made", lambda _: {"rejected/a.json": b"{}", "freezes.json": b"[]"})
    ledger.write("removed", lambda _: {"rejected/a.json": None})
    command = ["git", "-C", str(tmp_path / "l.git"), "ls-tree", "--name-only", "deployments/production"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "freezes.json\n"
    assert list(Ledger(tmp_path / "l.git", "production", None).snapshot().files) == ["freezes.json"]
    ledger.write("removed", lambda _: {"freezes.json": None, "never/there.json": None})
    assert list(Ledger(tmp_path / "l.git", "production", None).snapshot().files) == []
    ledger.write("made", lambda _: {"freezes.json": b"[]"})
    assert list(Ledger(tmp_path / "l.git", "production", None).snapshot().files) == ["freezes.json"]


def test_what_others_committed_by_hand_is_kept(tmp_path: Path) -> None:
    """A file of another mode, a link, a name that git would quote."""
    where = filled(tmp_path / "l.git", 1)
    stream = (
        b"commit refs/heads/deployments/production\ncommitter me <m@h> 0 +0000\ndata 2\nx\n"
        b"from refs/heads/deployments/production^0\n"
        b"M 100755 inline notes/run.sh\ndata 1\nx\n"
        b"M 120000 inline notes/link\ndata 6\nrun.sh\n"
        b'M 100644 inline "notes/\xc3\xa4 \\"quoted\\".json"\ndata 2\n{}\n'
    )
    subprocess.run(["git", "-C", str(where), "fast-import", "--quiet"], input=stream, check=True)

    def listed() -> list[str]:
        command = ["git", "-C", str(where), "ls-tree", "-r", "-z", "deployments/production"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")

    before = listed()
    Ledger(where, "production", None).write("more", lambda _: {"notes/more": b"x"})
    after = listed()
    assert [line for line in after if not line.endswith("/more")] == before
    assert len(after) == len(before) + 1


def test_an_object_that_is_lost_is_named_when_it_is_needed(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "l.git")], check=True)
    ledger = Ledger(tmp_path / "l.git", "production", None)
    ledger.record(INFO)
    ledger.write("made", lambda _: {"freezes.json": b"[]"})
    command = ["git", "-C", str(tmp_path / "l.git"), "rev-parse", "deployments/production:freezes.json"]
    lost = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "l.git/objects" / lost[:2] / lost[2:]).unlink()
    again = Ledger(tmp_path / "l.git", "production", None)
    assert again.snapshot().current() is None
    with pytest.raises(LedgerError, match=rf"{lost} of the ledger is missing in .*fsck.*then run this again"):
        again.snapshot().read("freezes.json")
