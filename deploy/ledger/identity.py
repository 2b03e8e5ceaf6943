"""Who acts: the person or the CI's run, and the process, so that another machine or another run can tell them apart."""

from __future__ import annotations

import getpass
import os
import re
import socket
from pathlib import Path


def who() -> str:
    """Who acts: the CI's actor and run, else user and host."""
    if actor := os.environ.get("GITHUB_ACTOR"):
        return f"{actor} (GitHub Actions run {os.environ.get('GITHUB_RUN_ID', '?')})"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def person(who: str) -> str:
    """The person in what `who()` returned: the CI's runs of one actor are the same person."""
    return re.sub(r" \(GitHub Actions run [^)]*\)$", "", who)


def this_process() -> str:
    """A name of this process that no other process ever has: boot, pid namespace, pid and start time."""
    return _process_name(os.getpid())


def known_dead(process: str) -> bool:
    """Whether the process of this name ran on this machine, in this boot, and has ended."""
    mine = this_process().split()
    theirs = process.split()
    if len(mine) != 4 or len(theirs) != 4 or mine[:2] != theirs[:2]:
        return False
    return _process_name(int(theirs[2])) != process


def _process_name(pid: int) -> str:
    """The name of a process of this machine; "" when there is none of this pid, or the kernel does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = Path("/proc/self/ns/pid").readlink()
        started = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if started[0] in "ZX" else f"{boot} {space} {pid} {started[19]}"
