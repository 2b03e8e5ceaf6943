"""Runs git for the whole pipeline: it never prompts, never uses the terminal, and always ends within a time limit.

Git runs in a process group of its own: a Ctrl-C at the terminal reaches us alone, and we end git, ssh and credential
helpers together. What may speak to a network also gets a session of its own, without the terminal, so that no ssh and
no helper can ask there. (Other calls do not: a new session costs some milliseconds on a busy machine.) Input and output
are files in memory, not pipes: a helper that stays behind and keeps a pipe open (ssh's ControlPersist, a credential
cache) must not hold up an answer that git has already given.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from deploy import interrupts, processes
from deploy.errors import DeployError, GitTimeout, MachineLacks

LOCAL_SECONDS, NETWORK_SECONDS, TERM_SECONDS = 30.0, 30.0, 0.2

# A git hook that runs a verb must not point these commands at its own repository.
_PLACES = (
    "GIT_DIR", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE",
)  # fmt: skip
_NEVER_ASK = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GCM_INTERACTIVE": "never",
    "SSH_ASKPASS": "",
    "SSH_ASKPASS_REQUIRE": "never",
}
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=8 -o ServerAliveInterval=5 -o ServerAliveCountMax=2"
_NO_GIT = "git is not installed; install it: sudo apt-get install -y git"
_running: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Answer:
    """What git answered: its exit code, its output, and its own words (standard error) without credentials."""

    code: int
    out: bytes
    said: str

    @property
    def ok(self) -> bool:
        """Whether git succeeded."""
        return self.code == 0

    @property
    def text(self) -> str:
        """The output as text, without white space around it."""
        return self.out.decode(errors="replace").strip()


def git(
    place: Path | str,
    *arguments: str,
    data: bytes = b"",
    seconds: float = LOCAL_SECONDS,
    network: bool = False,
    extra: dict[str, str] | None = None,
) -> Answer:
    """Run `git -C place …` and return its answer, whatever its exit code; `data` is its standard input.

    Raises GitTimeout after `seconds` (git and all that it started are killed then, as on Ctrl-C), MachineLacks when
    there is no git, DeployError when it cannot be started. `network`: ssh or a helper may be started, and must not ask
    at the terminal. `extra` is added to the environment.
    """
    environment = _environment(str(place), network) | (extra or {})
    command = ["git", "-C", str(place), *arguments]
    with _file(data) as given, _file() as out, _file() as said:
        code = _run(command, environment, (given, out, said), seconds, session=network)
        return Answer(code, _read(out), without_credentials(_read(said).decode(errors="replace").strip()))


@contextlib.contextmanager
def streamed(place: Path | str, *arguments: str, data: bytes = b"") -> Iterator[IO[bytes]]:
    """Run `git -C place …` on this repository's own objects and give its output as it comes, however much it is.

    Raises MachineLacks without git, DeployError when git fails. What the block leaves unread is not waited for.
    """
    command = ["git", "-C", str(place), *arguments]
    environment = _environment(str(place), network=False)
    with contextlib.ExitStack() as stack:
        given, said = stack.enter_context(_file(data)), stack.enter_context(_file())
        running = processes.started(command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=environment)
        try:
            process = stack.enter_context(running)
        except FileNotFoundError:
            raise MachineLacks(_NO_GIT) from None
        yield process.stdout  # type: ignore[misc] # a pipe was asked for
        if process.stdout.read(1):  # type: ignore[union-attr]
            processes.stop(process, grace=0)
        elif process.wait():
            words = without_credentials(_read(said).decode(errors="replace").strip())
            raise DeployError(f"git {arguments[0]} (in {place}): {words}; fix that, then run this again")


def without_credentials(text: str) -> str:
    """The text with the user and password of every URL left out; `ssh://git@host` names no secret and stays."""
    text = re.sub(r"(\bhttps?://)[^/\s]*@", r"\1", text)
    return re.sub(r"(\b[a-z][a-z0-9+.-]*://)[^/\s:@]*:[^/\s]*@", r"\1", text)


def _run(
    command: list[str],
    environment: dict[str, str],
    files: tuple[BinaryIO, BinaryIO, BinaryIO],
    seconds: float,
    *,
    session: bool,
) -> int:
    given, out, said = files
    try:
        with interrupts.shielded():  # an interrupt between fork and here would leave a git that nobody knows
            process = subprocess.Popen(
                command,
                stdin=given,
                stdout=out,
                stderr=said,
                env=environment,
                start_new_session=session,
                process_group=None if session else 0,
            )
            _running.add(process)
    except FileNotFoundError:
        raise MachineLacks(_NO_GIT) from None
    except OSError as failed:
        raise DeployError(
            f"git could not be started: {failed.strerror}; see `ulimit -a`, then run this again"
        ) from None
    try:
        if not _ended(process, seconds):
            what = without_credentials(" ".join(command[3:])[:200])
            raise GitTimeout(
                f"git gave no answer within {seconds:.0f} s and was ended: git {what} (in {command[2]}); "
                f"run that command by hand to see what it waits for"
            )
        return process.wait()
    finally:  # a Ctrl-C comes this way too
        if process.poll() is None:
            _kill(process)
        _running.discard(process)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait for the process to end; False when it takes longer. Where the kernel tells, without polling."""
    try:
        watched = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.poll() is not None
    try:
        waiting = select.poll()
        waiting.register(watched, select.POLLIN)
        return bool(waiting.poll(max(seconds, 0) * 1000))
    finally:
        os.close(watched)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM first, and a moment for the whole group: git, at both ends of a local push, removes its lock files then.
    A helper that does not listen gets SIGKILL.
    """
    end = time.monotonic() + TERM_SECONDS
    alive = _signal(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(TERM_SECONDS)
    while alive and time.monotonic() < end and _signal(process, 0):
        time.sleep(0.01)
    _signal(process, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Signal the process's group; False when there is none any more."""
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


@atexit.register
def _kill_all() -> None:
    """No git outlives us: a background thread's may still run when the interpreter ends."""
    for process in tuple(_running):
        if process.poll() is None:
            _kill(process)


interrupts.at_end(_kill_all)


def _environment(place: str, network: bool) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key not in _PLACES} | _NEVER_ASK
    # A GIT_ASKPASS that somebody set answers by itself in most pipelines; an empty one asks nobody, not even a window.
    environment.setdefault("GIT_ASKPASS", "")
    own = any(name in environment for name in ("GIT_SSH_COMMAND", "GIT_SSH"))
    if network and not own and not _ssh_configured(place):
        environment["GIT_SSH_COMMAND"] = _SSH
    return environment


@functools.lru_cache
def _ssh_configured(place: str) -> bool:
    """Whether somebody chose an ssh in git's configuration: the variable that we would set goes before it."""
    return git(place, "config", "--get", "core.sshCommand").ok


def _file(content: bytes = b"") -> BinaryIO:
    """A nameless file that holds `content`, at its beginning; in memory, so that a full disk does not swallow words."""
    if hasattr(os, "memfd_create"):
        file: BinaryIO = os.fdopen(os.memfd_create("git"), "w+b")
    else:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    if content:
        file.write(content)
        file.flush()
        file.seek(0)
    return file


def _read(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()
