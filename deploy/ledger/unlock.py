"""Gives a lock back for a deployer that was interrupted, in a process that may last a little longer than the deployer.

An interrupted verb ends within two seconds, and a remote across the internet may need that long for each answer.
Without this, a cancelled job's lock would expire by itself, and block the next one until then. It takes away no lock
but the one whose token it is given, and ends after SECONDS whatever happens.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import deploy
from deploy.errors import LedgerError
from deploy.ledger.lock import PATH, held_in
from deploy.ledger.patience import Patience, patient
from deploy.ledger.store import Ledger

SECONDS = 20


def leave_unlocking(ledger: Ledger, token: str) -> None:
    """Start the process, and do not wait for it. The token goes through a pipe: a command line is no secret."""
    told = {
        "repository": str(ledger.repository.resolve()),
        "environment": ledger.environment,
        "remote": ledger.remote,
        "token": token,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=Path(deploy.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # a pipe of ours, kept open, would hold up whoever reads it
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if process.stdin:
        with contextlib.suppress(OSError), process.stdin as pipe:
            pipe.write(json.dumps(told).encode())


def main() -> None:
    """Take away the lock that standard input describes, if it is still there."""
    signal.alarm(SECONDS)
    told = json.load(sys.stdin)
    ledger, token = Ledger(Path(told["repository"]), told["environment"], told["remote"]), told["token"]

    def change(snapshot: Any) -> dict[str, bytes | None]:
        held = held_in(snapshot)
        return {PATH: None} if held is not None and held.token == token else {}

    with contextlib.suppress(LedgerError), patient(Patience(read=SECONDS, write=SECONDS, answer=SECONDS, busy=1)):
        ledger.write("unlock: interrupted", change)


if __name__ == "__main__":
    main()
