"""Git as the pipeline calls it: it asks nobody, it never takes for ever, and nothing of it is left over."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import DeployError, GitTimeout, MachineLacks
from deploy.git import git, streamed, without_credentials

ROOT = Path(__file__).resolve().parents[3]
REMOTE = "ssh://git:top-secret@host.invalid/ledger.git"


def hanging_ssh(place: Path) -> Path:
    """An ssh that never answers, with a child of its own; their process numbers are written to `pids`."""
    script = place / "ssh"
    script.write_text(
        f"#!/bin/sh\nsleep 600 &\necho $$ $! > {place}/pids.new\nmv {place}/pids.new {place}/pids\nwait\n"
    )
    script.chmod(0o755)
    return script


def alive(place: Path) -> list[int]:
    """Those of the ssh's processes that still run."""

    def runs(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except OSError:
            return False

    return [pid for pid in map(int, (place / "pids").read_text().split()) if runs(pid)]


def left(place: Path) -> list[int]:
    """Those that still run a moment later: on a busy machine the kernel takes its time to end what was killed."""
    deadline = time.monotonic() + 2
    while (found := alive(place)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def test_its_answer_is_given_whatever_its_exit_code(tmp_path: Path) -> None:
    assert git(tmp_path, "init", "--quiet").ok
    written = git(tmp_path, "hash-object", "-w", "--stdin", data=b"hello")
    assert git(tmp_path, "cat-file", "blob", written.text).out == b"hello"
    failed = git(tmp_path, "rev-parse", "--verify", "nowhere")
    assert (failed.code, failed.out) == (128, b"")
    assert "Needed a single revision" in failed.said


def test_the_whole_package_calls_git_through_it() -> None:
    others = [file for file in (ROOT / "deploy").rglob("*.py") if file != ROOT / "deploy/git.py"]
    assert [file.name for file in others if re.search(r"""["']git["'],""", file.read_text())] == []


def test_what_hangs_is_ended_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", str(hanging_ssh(tmp_path)))
    git(tmp_path, "init", "--quiet")
    begun = time.monotonic()
    with pytest.raises(GitTimeout, match=r"no answer within 1 s.*git ls-remote ssh://host\.invalid") as failed:
        git(tmp_path, "ls-remote", REMOTE, seconds=1, network=True)
    assert time.monotonic() - begun < 3
    assert "top-secret" not in str(failed.value)
    assert left(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_at_once(tmp_path: Path, number: int) -> None:
    git(tmp_path, "init", "--quiet")
    script = (  # with the handlers of a verb, which put an interrupt off while git is being started
        "from deploy import interrupts; from deploy.git import git\n"
        "interrupts.from_now_on(lambda: 'stopped')\n"
        f"interrupts.guarded(lambda: git({str(tmp_path)!r}, 'ls-remote', {REMOTE!r}, network=True))"
    )
    environment = {**os.environ, "GIT_SSH_COMMAND": str(hanging_ssh(tmp_path))}
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        while not (tmp_path / "pids").exists():
            time.sleep(0.02)
        begun = time.monotonic()
        process.send_signal(number)
        process.wait(10)
    assert time.monotonic() - begun < 5
    assert left(tmp_path) == []


def test_a_thread_that_still_waits_for_it_leaves_nothing_behind(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    script = (
        "import pathlib, threading, time; from deploy.git import git\n"
        f"work = lambda: git({str(tmp_path)!r}, 'ls-remote', {REMOTE!r}, network=True)\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        f"while not pathlib.Path({str(tmp_path / 'pids')!r}).exists(): time.sleep(0.02)\n"
    )
    environment = {**os.environ, "GIT_SSH_COMMAND": str(hanging_ssh(tmp_path))}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=20)
    assert left(tmp_path) == []


def test_a_helper_that_stays_behind_does_not_hold_up_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
    script = tmp_path / "ssh"
    script.write_text(
        f"#!/bin/sh\nsleep 600 </dev/null >/dev/null &\necho $! > {tmp_path}/pids\necho no route >&2\nexit 255\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    begun = time.monotonic()
    answer = git(tmp_path, "ls-remote", REMOTE, network=True)
    assert time.monotonic() - begun < 3
    assert (answer.code, "no route" in answer.said) == (128, True)
    for pid in alive(tmp_path):
        os.kill(pid, signal.SIGKILL)


def test_nobody_is_asked_for_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSH_ASKPASS", "false")
    git(tmp_path, "init", "--quiet")
    answer = git(tmp_path, "credential", "fill", data=b"protocol=https\nhost=example.invalid\n\n", seconds=5)
    assert "terminal prompts disabled" in answer.said
    shown = git(tmp_path, "-c", "alias.show-ssh=!printenv GIT_SSH_COMMAND", "show-ssh", network=True)
    assert "BatchMode=yes" in shown.text
    assert "ConnectTimeout=" in shown.text


def test_an_ssh_that_somebody_chose_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_SSH_COMMAND", "GIT_SSH"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "core.sshCommand", "ssh -i key")
    asked = ("-c", "alias.show-ssh=!printenv GIT_SSH_COMMAND || echo none", "show-ssh")
    assert git(tmp_path, *asked, network=True).text == "none"
    monkeypatch.setenv("GIT_SSH_COMMAND", "mine")
    assert git(tmp_path, *asked, network=True).text == "mine"


def test_a_hook_does_not_point_it_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", "/nowhere")
    assert git(tmp_path, "rev-parse", "--git-dir").text == ".git"


def test_no_git_at_all_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineLacks, match=r"git is not installed.*apt-get install -y git"):
        git(tmp_path, "version")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:token@host/x.git", "https://host/x.git"),
        ("https://ghp_token@host/x.git", "https://host/x.git"),
        ("fatal: 'ssh://a:b@host/x' and http://c@d/", "fatal: 'ssh://host/x' and http://d/"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("git@github.com:me/x.git", "git@github.com:me/x.git"),
        ("/srv/ledger.git", "/srv/ledger.git"),
    ],
)
def test_credentials_are_left_out(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


def test_output_comes_as_it_is_made_and_may_be_left(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    blobs = [git(tmp_path, "hash-object", "-w", "--stdin", data=b"x" * (1 << 20) + bytes([n])).text for n in range(8)]
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    with streamed(tmp_path, "cat-file", "--batch", data=asked) as out:
        assert sum(iter(lambda: len(out.read(1 << 16)), 0)) > 8 << 20
    with streamed(tmp_path, "cat-file", "--batch", data=asked) as out:
        assert out.read(40) == blobs[0].encode()
    with pytest.raises(ZeroDivisionError), streamed(tmp_path, "cat-file", "--batch", data=asked):
        raise ZeroDivisionError


def test_what_git_says_when_a_stream_fails_is_the_error(tmp_path: Path) -> None:
    asked = streamed(tmp_path, "cat-file", "--batch-all-objects", "--batch")
    with pytest.raises(DeployError, match=r"git cat-file .*not a git repository.*run this again"), asked as out:
        assert out.read() == b""
