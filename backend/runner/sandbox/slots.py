"""Slots: the places where programs run, each with its own uid (where one may be chosen) and directory."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backend.runner.errors import SandboxError
from backend.runner.sandbox.command import USER
from backend.runner.sandbox.host import Host

FIRST_UID = 61000
"""uid of slot 0 where the service is root; no account of Debian's lies here."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """A place for one program at a time."""

    index: int
    uid: int | None
    """uid (and gid) of the launcher; None for the service's own."""
    program: Path
    """Directory that a compile writes and a run reads."""
    accounts: Path
    """Directory with the passwd and group that every program sees."""

    def empty(self) -> None:
        """Remove whatever the last program left. No name in the directory is opened by the service itself.

        `rm` follows no link, and runs with the slot's uid, so that it reaches no further than the program did.
        Raises SandboxError when something stays.
        """
        self.program.chmod(0o700)
        if self._is_empty():
            return
        for tool in ("rm", "-rf"), ("chmod", "-R", "u+rwX"), ("rm", "-rf"):
            names = [f"./{path.name}" for path in self.program.iterdir()]
            if names:
                self._run([*tool, "--", *names])
        if not self._is_empty():
            raise SandboxError(f"slot {self.index}: its directory could not be emptied")

    def _run(self, command: list[str]) -> None:
        subprocess.run(
            command, cwd=self.program, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL, timeout=60,
            check=False, user=self.uid, group=self.uid, extra_groups=None if self.uid is None else (),
        )  # fmt: skip

    def _is_empty(self) -> bool:
        with os.scandir(self.program) as entries:
            return next(entries, None) is None


@contextlib.contextmanager
def make_slots(host: Host, count: int) -> Iterator[tuple[Slot, ...]]:
    """Make `count` slots beneath a temporary directory, and remove all of it at the end."""
    state = Path(tempfile.mkdtemp(prefix="codecanvas-runner-"))
    try:
        state.chmod(0o711)  # a slot's uid passes through and cannot list
        accounts = state / "accounts"
        accounts.mkdir(mode=0o755)
        (accounts / "passwd").write_text(f"runner:x:{USER}:{USER}::/work:/bin/sh\n", encoding="ascii")
        (accounts / "group").write_text(f"runner:x:{USER}:\n", encoding="ascii")
        yield tuple(_make_slot(host, state, accounts, index) for index in range(count))
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _make_slot(host: Host, state: Path, accounts: Path, index: int) -> Slot:
    program = state / f"slot-{index}"
    program.mkdir(mode=0o700)
    uid = FIRST_UID + index if host.choose_uid else None
    if uid is not None:
        os.chown(program, uid, uid)
    return Slot(index, uid, program, accounts)
