"""The ledger of one environment: read as one snapshot, written compare-and-swap. A commit is an event.

How git does that is in `branch.py`. Here the loser of a swap reads again, and a remote that is away is tried again.
"""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.errors import LedgerError, LedgerMoved, LedgerUnreachable, LockHeld, LockLost
from deploy.ledger import intent, lock
from deploy.ledger.branch import Branch, LedgerBusy
from deploy.ledger.branch import who as who
from deploy.ledger.encoding import encode
from deploy.ledger.intent import Intent
from deploy.ledger.lock import Lock
from deploy.ledger.patience import Patience, Pauses, chosen
from deploy.ledger.records import DeploymentInfo, Evidence, Status, deployment_from, evidence_from

ATTEMPTS = 20


@dataclass(frozen=True)
class Snapshot:
    """The whole ledger of one environment at one commit (`""` when it has none yet): path → contents."""

    commit: str
    files: Mapping[str, bytes]
    blobs: Mapping[str, str] = field(repr=False, default_factory=dict)
    """Path → git's name of the contents, of files that git has already."""

    def read(self, path: str) -> Any:
        """A file's JSON, None when there is none; raises LedgerError when it is damaged."""
        if path not in self.files:
            return None
        try:
            return json.loads(self.files[path])
        except ValueError:
            raise LedgerError(f"{path} in the ledger is not JSON; restore it by a new commit on that branch") from None

    def events(self) -> list[DeploymentInfo]:
        """Every deployment event, oldest first."""
        return [deployment_from(self.read(path), path) for path in sorted(self.files) if path.startswith("events/")]

    def shas(self) -> frozenset[str]:
        """Every commit that was ever deployed here or proven."""
        proven = (path[len("evidence/") : -len(".json")] for path in self.files if path.startswith("evidence/"))
        return frozenset(event.commit_sha for event in self.events()) | frozenset(proven)

    def current(self) -> DeploymentInfo | None:
        """The release that serves: the last one deployed."""
        serving = [event for event in self.events() if event.status is Status.DEPLOYED]
        return serving[-1] if serving else None

    def evidence(self, sha: str) -> Evidence | None:
        """What is proven of a commit."""
        path = f"evidence/{sha}.json"
        body = self.read(path)
        return evidence_from(body, path) if body is not None else None

    def lock(self) -> Lock | None:
        """The lock, when it is held and has not expired by this machine's clock."""
        held = lock.held_in(self)
        return held if held and held.expires > datetime.now(UTC) else None

    def intent(self) -> Intent | None:
        """The rollout under way, or left half-way by a deployer that was killed."""
        body = self.read(intent.PLACE)
        return intent.intent_from(body) if body is not None else None

    def secrets_version(self) -> int:
        """The platform's version of the app's secrets as they were last set here; 0 when they never were."""
        body = self.read("secrets.json")
        return int(body["version"]) if body is not None else 0

    def config(self, digest: str) -> dict[str, Any] | None:
        """A release's machine configuration."""
        body = self.read(f"configs/{digest}.json")
        return dict(body) if body is not None else None


class Ledger:
    """One environment's ledger: branch `deployments/<environment>` of `remote`, or of the repository itself (None).

    `flag` ends the commands that messages name, as `Target.flag`. A remote that does not answer is tried again, within
    `patience`, by every read and write; then LedgerUnreachable says so.
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
        self._last: Snapshot | None = None
        self._one_writer = threading.RLock()  # a lock is renewed in the background while its holder writes

    @property
    def place(self) -> str:
        """Where it is kept, for people: `deployments/production of origin (https://…)`, without credentials."""
        branch = self.branch.removeprefix("refs/heads/")
        if not self.remote:
            return f"{branch} of {self.repository}"
        address = self._git.address
        return f"{branch} of {self.remote} ({address})" if address != self.remote else f"{branch} of {address}"

    @property
    def local_note(self) -> str:
        """What to tell people of a ledger that nobody else sees; "" when it is shared through a remote."""
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
                return self._read()
            except LedgerUnreachable as failed:
                self._pause(pauses, failed, chosen(self._patience).read)
            except LedgerError as failed:
                raise self._completed(failed) from failed.__cause__

    def record(self, info: DeploymentInfo) -> None:
        """Append an event; recording the same outcome of the same deployment twice changes nothing."""
        self.write(f"{info.status}: {info.version}", lambda snapshot: appended(snapshot, info))

    def prove(self, evidence: Evidence) -> None:
        """Keep what was proven of a commit; a newer run replaces the older one's file, whose commit remains."""
        path = f"evidence/{evidence.commit_sha}.json"
        word = "passed" if evidence.ok else "failed"
        self.write(f"suites {word}: {evidence.commit_sha[:12]}", lambda _: {path: encode(evidence.to_json())})

    def write(self, message: str, change: Callable[[Snapshot], dict[str, bytes | None]]) -> None:
        """Apply `change` (path → new contents, None to remove) to the newest snapshot; again when another was first.

        Raises LedgerError with git's reason when it is refused, LedgerUnreachable when the remote does not answer for
        a while, LedgerMoved when others were first too often, and whatever `change` raises.
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
        snapshot = self._read()
        if attempt.sent and self._git.holds(snapshot.commit, attempt.sent):
            return  # the try before had arrived, though no answer came
        changes = attempt.change(snapshot)
        if changes:
            attempt.sent, blobs = self._git.commit_of(snapshot.commit, snapshot.blobs, changes, attempt.message)
            self._git.swap(snapshot.commit, attempt.sent)
            files = {path: changes[path] if path in changes else snapshot.files[path] for path in sorted(blobs)}
            self._last = Snapshot(attempt.sent, {path: body for path, body in files.items() if body is not None}, blobs)

    def _read(self) -> Snapshot:
        """One try of reading; what this process has read already is not read from git again."""
        last = self._last
        commit = self._git.commit(last.commit if last else "")
        if last is None or last.commit != commit:
            files, blobs = self._git.files(commit) if commit else ({}, {})
            self._last = last = Snapshot(commit, files, blobs)
        return last

    def _pause(self, pauses: Pauses, failed: LedgerError, budget: float) -> None:
        try:
            pauses.after(failed, budget)
        except LedgerError:
            raise self._completed(failed) from failed.__cause__

    def _completed(self, failed: LedgerError) -> LedgerError:
        """The error with what is half-way and how to go on; the lock's own errors say that themselves."""
        if isinstance(failed, (LockHeld, LockLost)):
            return failed
        return type(failed)(f"{failed}{self._half_way()}", problem=failed.problem, log=failed.log)

    def _half_way(self) -> str:
        """What an error must add while this process holds the lock over a rollout that has begun; else ""."""
        with contextlib.suppress(LedgerError):
            held = lock.held_in(self._last) if self._last else None
            left = self._last.intent() if self._last else None
            if held and left and held.process == lock.this_process():
                return (
                    f". The {left.verb} of {left.wanted.version} is half-way, and its intent is kept. Once that is "
                    f"mended, go on with: invoke resume --env {self.environment}{self.flag}"
                )
        return ""


@dataclass
class _Attempt:
    """A write under way; `sent` is the commit of the last try, which may have arrived though its answer did not."""

    message: str
    change: Callable[[Snapshot], dict[str, bytes | None]]
    sent: str = ""


def appended(snapshot: Snapshot, *infos: DeploymentInfo) -> dict[str, bytes | None]:
    """The changes that append these events; those which are there already are left out."""
    events = snapshot.events()
    known = {(event.id, event.status) for event in events}
    changes: dict[str, bytes | None] = {}
    for info in infos:
        if (info.id, info.status) not in known:
            number = len(events) + len(changes) + 1
            changes[f"events/{number:06d}-{info.commit_sha[:12]}-{info.status}.json"] = encode(info.to_json())
    return changes


def outcome(info: DeploymentInfo, status: Status, reason: str = "") -> DeploymentInfo:
    """The same deployment with its outcome, as of now."""
    return replace(info, status=status, reason=reason, deployed_at=datetime.now(UTC))
