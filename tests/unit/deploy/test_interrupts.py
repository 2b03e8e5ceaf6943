"""An interrupt ends a program within two seconds, with one line and the usual exit code, whatever it is doing."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy import interrupts
from deploy.settings.environments import ROOT

LIMIT = 2.0  # seconds from the signal to the end of the process
SLACK = 1.0  # of a busy machine

PROGRAM = """
import contextlib, hashlib, os, sys, threading, time, weakref
from concurrent.futures import ThreadPoolExecutor
from deploy import interrupts, processes

def ready():
    print("ready", flush=True)

def main():
    interrupts.from_now_on(lambda: "the test is half-way")
{body}

interrupts.guarded(main)
"""

DOING = {
    "sleeping": "ready(); time.sleep(60)",
    "computing": "ready()\nwhile True: pass",
    "in C that returns late": "ready(); hashlib.pbkdf2_hmac('sha256', b'', b'', 40_000_000)",
    "swallowing everything": """
        ready()
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
    """,
    "keeping what it swallowed": """
        kept = []
        ready()
        while True:
            try:
                time.sleep(60)
            except BaseException as swallowed:
                kept.append(swallowed)
    """,
    "in a destructor": """
        class Dying:
            def __del__(self):
                ready()
                time.sleep(0.5)
        Dying()
        time.sleep(60)
    """,
    "cleaning up for ever": """
        try:
            ready()
            time.sleep(60)
        finally:
            while True:
                with contextlib.suppress(BaseException):
                    time.sleep(60)
    """,
    "waiting for a pool": """
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda n: (ready(), time.sleep(60)) if n == 0 else time.sleep(60), range(4)))
    """,
    "shielded": """
        with interrupts.shielded():
            ready()
            time.sleep(60)
    """,
    "with threads that stay": "threading.Thread(target=time.sleep, args=(60,)).start(); ready(); time.sleep(60)",
    "waiting for a lock": "lock = threading.Lock(); lock.acquire(); ready(); lock.acquire()",
    "running a child": "ready(); processes.run(['sleep', '60'])",
    "running a child that ignores signals": """
        ready()
        processes.run(["sh", "-c", "trap '' TERM INT; sleep 60; sleep 60"])
    """,
    "reading a child's output": "ready(); processes.run(['sleep', '60'], capture_output=True)",
    "failing while it cleans up": """
        try:
            ready()
            time.sleep(60)
        finally:
            raise ValueError("not counted")
    """,
    "telling another story": """
        with interrupts.explained_by(lambda: 1 / 0):
            ready()
            time.sleep(60)
    """,
}


def started(body: str, ignoring: bool = False) -> subprocess.Popen[str]:
    """The program, at the point where it said that it is ready."""
    source = PROGRAM.format(body=textwrap.indent(textwrap.dedent(body).strip(), "    "))
    command = [sys.executable, "-c", source]
    if ignoring:
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    time.sleep(0.1)
    return process


def handles_signals(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM, as Python by itself has not."""
    with contextlib.suppress(OSError):
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def ended(process: subprocess.Popen[str], number: int, send: Callable[[], None]) -> str:
    """Interrupt it and assert how it ends; its line."""
    begun = time.monotonic()
    send()
    _, said = process.communicate(timeout=20)
    assert time.monotonic() - begun < LIMIT + SLACK
    assert process.returncode == 128 + number, said
    (line,) = said.splitlines()
    return line


@pytest.mark.parametrize("doing", DOING.values(), ids=DOING.keys())
def test_it_ends_whatever_the_program_does(doing: str) -> None:
    process = started(doing)
    line = ended(process, signal.SIGINT, lambda: process.send_signal(signal.SIGINT))
    known = ("the test is half-way", "stopped before it was done. See: invoke status")
    assert line in [f"interrupted: {text}" for text in known]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_has_its_exit_code(number: int) -> None:
    process = started("ready(); time.sleep(60)")
    ended(process, number, lambda: process.send_signal(number))


def test_sigint_counts_where_the_shell_ignores_it() -> None:
    process = started("ready(); time.sleep(60)", ignoring=True)
    ended(process, signal.SIGINT, lambda: process.send_signal(signal.SIGINT))


def test_many_signals_make_one_line() -> None:
    process = started("try:\n    ready(); time.sleep(60)\nfinally:\n    time.sleep(0.3)")

    def send() -> None:
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
            time.sleep(0.03)

    ended(process, signal.SIGINT, send)


def test_cleanup_that_takes_a_moment_is_finished(tmp_path: Path) -> None:
    """Giving back the lock takes a git push."""
    mark = tmp_path / "given back"
    process = started(f"""
        try:
            ready()
            time.sleep(60)
        finally:
            with interrupts.shielded():
                time.sleep(1.0)
                open({str(mark)!r}, "w").close()
    """)
    ended(process, signal.SIGTERM, lambda: process.send_signal(signal.SIGTERM))
    assert mark.exists()


def test_after_an_interrupt_nothing_is_changed_any_more() -> None:
    process = started("""
        try:
            ready()
            time.sleep(60)
        except BaseException:
            interrupts.check()
            print("changed", flush=True)
            os._exit(0)
    """)
    ended(process, signal.SIGINT, lambda: process.send_signal(signal.SIGINT))


def test_standard_error_that_nobody_reads_holds_nothing_up() -> None:
    process = started("""
        sys.stderr.fileno()
        ready()
        while True:
            os.write(2, b"x" * 4096)
    """)
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT + SLACK) == 128 + signal.SIGINT
    process.communicate()


def test_a_verb_ends_at_any_moment_of_its_imports(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nexec sleep 60\n")
    ssh.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    # A verb that needs nothing of this machine, and does not end by itself.
    environment |= {"GIT_SSH_COMMAND": str(ssh), "LEDGER_REMOTE": "ssh://git@host.invalid/ledger.git"}
    verb = "history --env production"
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.cli", *verb.split()],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        while process.poll() is None and not handles_signals(process.pid):
            time.sleep(0.002)  # the interpreter is starting
        time.sleep(random.uniform(0, 0.4))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=LIMIT + SLACK)
            assert process.returncode == 130, said
            again = f"invoke {verb} stopped before it was done. Run it again: invoke {verb}"
            known = (again, "nothing was begun. Run the same command again", interrupts.NO_STORY)
            assert said.splitlines()[-1] in [f"interrupted: {text}" for text in known], said
            assert "Traceback" not in said
        process.communicate()
