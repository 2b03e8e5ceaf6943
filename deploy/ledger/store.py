"""The ledger of one environment: snapshots to read, and writes by compare-and-swap. Every write is one commit.

Whoever loses a swap reads again and tries again; a remote that does not answer is tried again for a while. What a
snapshot holds is in `snapshot.py`, how git stores it in `branch.py`.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import LedgerBusy, LedgerError, LedgerMoved, LedgerUnreachable, LockHeld, LockLost
from deploy.ledger import lock
from deploy.ledger.branch import Branch
from deploy.ledger.encoding import encode
from deploy.ledger.identity import this_process
from deploy.ledger.patience import Patience, Pauses, chosen
from deploy.ledger.records import DeploymentInfo, Evidence
from deploy.ledger.snapshot import Snapshot, appended
from deploy.ledger.tree import Tree

ATTEMPTS = 20


class Ledger:
    """One environment's ledger: branch `deployments/<environment>` of `remote`, or of the repository itself (None).

    `flag` is added to the commands that messages name, as `Target.flag`. Every read and write tries a remote that does
    not answer again, as long as `patience` allows, then raises LedgerUnreachable.
    """

    def __init__(
        self,
        repository: Path,
        environment: str,
        remote: str | None,
        *,
        flag: str = "",
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self.repository, self.environment, self.remote = repository, environment, remote
        self._git = Branch(repository, environment, remote, patience)
        self.branch = self._git.ref
        self.flag, self._patience = flag, patience
        nothing = self._git.tree("", along=lock.PATH)
        self._last = Snapshot("", nothing), nothing
        self._one_writer = threading.RLock()  # a lock is renewed in the background while its holder writes

    @property
    def place(self) -> str:
        """Where the ledger is, for people: `deployments/production of origin (https://…)`, without credentials."""
        branch = self.branch.removeprefix("refs/heads/")
        if not self.remote:
            return f"{branch} of {self.repository}"
        address = self._git.address
        return f"{branch} of {self.remote} ({address})" if address != self.remote else f"{branch} of {address}"

    @property
    def local_note(self) -> str:
        """A warning for people that nobody else sees this ledger; "" when it is shared through a remote."""
        if self.remote:
            return ""
        return (
            f"kept in this clone only ({self.repository}): it has no remote, so nobody else's deployments see it. "
            f"Add one (git remote add origin URL), or set LEDGER_REMOTE to a remote's name or URL"
        )

    def snapshot(self) -> Snapshot:
        """Read the ledger as it is now; raises LedgerUnreachable when its remote does not answer for a while."""
        pauses = Pauses()
        while True:
            try:
                return self._read()[0]
            except LedgerUnreachable as failed:
                self._pause(pauses, failed, chosen(self._patience).read)
            except LedgerError as failed:
                raise self._completed(failed) from failed.__cause__

    def refused(self) -> str:
        """Why the remote would not take a write, in git's words; "" where it would, as far as it tells without one."""
        return self._git.refused(self.snapshot().commit)

    def record(self, info: DeploymentInfo) -> None:
        """Append an event; recording the same outcome of the same deployment twice changes nothing."""
        self.write(f"{info.status}: {info.version}", lambda snapshot: appended(snapshot, info))

    def prove(self, evidence: Evidence) -> None:
        """Keep what was proven of a commit. It replaces an earlier proof, which stays in the branch's history."""
        path = f"evidence/{evidence.commit_sha}.json"
        word = "passed" if evidence.ok else "failed"
        self.write(f"suites {word}: {evidence.commit_sha[:12]}", lambda _: {path: encode(evidence)})

    def write(self, message: str, change: Callable[[Snapshot], dict[str, bytes | None]]) -> None:
        """Commit what `change` makes of the newest snapshot: path → new contents, None to remove.

        When somebody else wrote first, `change` is asked again, with their snapshot. Raises LedgerError with git's
        reason when the write is refused, LedgerUnreachable when the remote does not answer for a while, LedgerMoved
        when others were first too often, and whatever `change` raises.
        """
        attempt, patience = _Attempt(message, change), chosen(self._patience)
        away, busy, moved = Pauses(), Pauses(), 0
        while True:
            try:
                with self._one_writer:
                    return self._once(attempt)
            except LedgerMoved:
                moved, busy = moved + 1, Pauses()  # whoever had git's lock file has written
                if moved == ATTEMPTS:
                    often = f"others wrote to {self.branch} {ATTEMPTS} times meanwhile; run this again"
                    raise self._completed(LedgerMoved(often)) from None
                time.sleep(random.uniform(0, 0.02 * 2 ** min(moved - 1, 5)))  # noqa: S311 - so that two do not meet again
            except LedgerBusy as failed:
                self._pause(busy, failed, min(patience.busy, patience.write))
            except LedgerUnreachable as failed:
                self._pause(away, failed, patience.write)
            except LedgerError as failed:
                raise self._completed(failed) from failed.__cause__

    def _once(self, attempt: _Attempt) -> None:
        snapshot, files = self._read()
        if attempt.sent and self._git.holds(snapshot.commit, attempt.sent):
            return  # the try before had arrived, only its answer was lost
        changes = attempt.change(snapshot)
        if changes:
            attempt.sent, made = self._git.commit_of(snapshot.commit, files, changes, attempt.message)
            self._git.swap(snapshot.commit, attempt.sent)
            self._last = Snapshot(attempt.sent, made), made

    def _read(self) -> tuple[Snapshot, Tree]:
        """Read once, without trying again; the same commit as last time is not read again."""
        last = self._last
        commit = self._git.commit(last[0].commit)
        if commit != last[0].commit:
            files = self._git.tree(commit, along=lock.PATH)
            self._last = last = Snapshot(commit, files), files
        return last

    def _pause(self, pauses: Pauses, failed: LedgerError, budget: float) -> None:
        try:
            pauses.after(failed, budget)
        except LedgerError:
            raise self._completed(failed) from failed.__cause__

    def _completed(self, failed: LedgerError) -> LedgerError:
        """The error, with which rollout is half-way and how to go on; the lock's errors say that themselves."""
        if isinstance(failed, (LockHeld, LockLost)):
            return failed
        return type(failed)(f"{failed}{self._half_way()}", problem=failed.problem, log=failed.log)

    def _half_way(self) -> str:
        """What an error adds when this process holds the lock and its rollout has begun; else ""."""
        with contextlib.suppress(LedgerError):
            last, _ = self._last
            held, left = lock.held_in(last), last.intent()
            if held and left and held.process == this_process():
                return (
                    f". The {left.verb} of {left.wanted.version} is half-way, and its intent is kept. Once that is "
                    f"mended, go on with: invoke resume --env {self.environment}{self.flag}"
                )
        return ""


@dataclass
class _Attempt:
    """A write under way. `sent` is the commit of the last try: the remote may have it though the push failed."""

    message: str
    change: Callable[[Snapshot], dict[str, bytes | None]]
    sent: str = ""
