"""The ledger's branch in git: read as one snapshot, written compare-and-swap. A commit is an event.

With a remote, a write is a push with `--force-with-lease` against the commit that was read: the loser reads again. With
none, the local repository serves, and `update-ref` compares. Nothing is checked out: work goes on in the object store.
"""

from __future__ import annotations

import getpass
import json
import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deploy.errors import LedgerError, LedgerMoved
from deploy.ledger import intent, lock
from deploy.ledger.encoding import encode
from deploy.ledger.intent import Intent
from deploy.ledger.lock import Lock
from deploy.ledger.records import DeploymentInfo, Evidence, Status, deployment_from, evidence_from
from deploy.processes import End, run

NOTHING = "0" * 40
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


def who() -> str:
    """Who acts: the CI's actor, else user and host."""
    if actor := os.environ.get("GITHUB_ACTOR"):
        return f"{actor} (GitHub Actions run {os.environ.get('GITHUB_RUN_ID', '?')})"
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


class Ledger:
    """One environment's ledger: branch `deployments/<environment>` of `remote`, or of the repository itself (None)."""

    def __init__(self, repository: Path, environment: str, remote: str | None) -> None:
        self.repository, self.environment, self.remote = repository, environment, remote
        self.branch = f"refs/heads/deployments/{environment}"
        self._seen = f"refs/ledger-seen/{environment}"
        self._one_writer = threading.RLock()  # a lock is renewed in the background while its holder writes

    def snapshot(self) -> Snapshot:
        """Read the ledger as it is now."""
        commit = self._fetch()
        if not commit:
            return Snapshot("", {})
        listing = self._git("ls-tree", "-r", "-z", commit).split("\0")
        entries = [line.split("\t", 1) for line in listing if line]
        objects = [meta.split()[2] for meta, _ in entries]
        contents = self._cat(objects)
        blobs = {path: object_ for (_, path), object_ in zip(entries, objects, strict=True)}
        return Snapshot(commit, {path: contents[object_] for path, object_ in blobs.items()}, blobs)

    def record(self, info: DeploymentInfo) -> None:
        """Append an event; recording the same outcome of the same deployment twice changes nothing."""
        self.write(f"{info.status}: {info.version}", lambda snapshot: appended(snapshot, info))

    def prove(self, evidence: Evidence) -> None:
        """Keep what was proven of a commit; a newer run replaces the older one's file, whose commit remains."""
        path = f"evidence/{evidence.commit_sha}.json"
        word = "passed" if evidence.ok else "failed"
        self.write(f"suites {word}: {evidence.commit_sha[:12]}", lambda _: {path: encode(evidence.to_json())})

    def write(self, message: str, change: Callable[[Snapshot], dict[str, bytes | None]]) -> None:
        """Apply `change` (path → new contents, None to remove) to the newest snapshot; again when another was first."""
        for attempt in range(ATTEMPTS):
            with self._one_writer:
                snapshot = self.snapshot()
                changes = change(snapshot)
                if not changes:
                    return
                commit = self._commit(snapshot, changes, message)
                try:
                    self._swap(snapshot.commit, commit)
                except LedgerMoved:
                    pass
                else:
                    self._remember(commit)
                    return
            time.sleep(random.uniform(0, 0.02 * 2 ** min(attempt, 5)))  # noqa: S311 - so that two do not meet again
        raise LedgerMoved(f"others wrote to {self.branch} {ATTEMPTS} times meanwhile; run this again")

    def _commit(self, snapshot: Snapshot, changes: Mapping[str, bytes | None], message: str) -> str:
        blobs = {path: blob for path, blob in snapshot.blobs.items() if path not in changes}
        for path, content in changes.items():
            if content is not None:
                blobs[path] = self._git("hash-object", "-w", "--stdin", data=content)
        parent = ["-p", snapshot.commit] if snapshot.commit else []
        arguments = ["commit-tree", self._tree(blobs), "-m", message, *parent]
        return self._git(*arguments)

    def _tree(self, blobs: Mapping[str, str]) -> str:
        """Write a tree, with its folders, from path → blob; one level of folders is all the ledger has."""
        folders: dict[str, dict[str, str]] = {}
        lines: list[str] = []
        for path, blob in blobs.items():
            folder, _, name = path.rpartition("/")
            if folder:
                folders.setdefault(folder, {})[name] = blob
            else:
                lines.append(f"100644 blob {blob}\t{name}")
        lines += [f"040000 tree {self._tree(inside)}\t{folder}" for folder, inside in folders.items()]
        return self._git("mktree", data="".join(f"{line}\n" for line in lines).encode())

    def _fetch(self) -> str:
        """The branch's commit, its objects made to be here; "" when there is none. No local ref moves: two processes
        of one clone may read at once.
        """
        if not self.remote:
            return self._run("rev-parse", "--verify", "--quiet", self.branch).stdout.decode().strip()
        # What was seen is read first: whoever writes meanwhile only adds to it.
        seen = self._run("rev-parse", "--verify", "--quiet", self._seen).stdout.decode().strip()
        commit = self._remote("ls-remote", "--quiet", self.remote, self.branch).partition("\t")[0]
        if commit and self._run("cat-file", "-e", f"{commit}^{{tree}}").returncode:
            self._remote("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", self.remote, self.branch)
        if seen != commit:
            self._refuse_rewritten(seen, commit)
        return commit

    def _refuse_rewritten(self, seen: str, commit: str) -> None:
        """Raise LedgerError when the remote's branch no longer holds what was seen of it: it only ever grows."""
        if seen and (not commit or self._run("merge-base", "--is-ancestor", seen, commit).returncode):
            raise LedgerError(
                f"{self.branch} of {self.remote} was rewritten: it no longer holds {seen[:12]}, seen before. Restore "
                f"it (git -C {self.repository} push {self.remote} +{seen[:12]}:{self.branch}), or accept it: "
                f"git -C {self.repository} update-ref -d {self._seen}"
            )
        if commit:
            self._remember(commit)

    def _remember(self, commit: str) -> None:
        """Note what was last seen of the remote; it may fail while another process of this clone does the same."""
        if self.remote:
            self._run("update-ref", self._seen, commit)

    def _remote(self, *arguments: str) -> str:
        """Output of a git command that reads the remote; raises LedgerError with git's words."""
        done = self._run(*arguments)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise LedgerError(
                f"the ledger's remote {self.remote} cannot be read: {said}; check it with `git ls-remote`"
            )
        return done.stdout.decode().strip()

    def _swap(self, old: str, new: str) -> None:
        if self.remote:
            lease = f"--force-with-lease={self.branch}:{old}"
            done = self._run("push", "--quiet", "--no-verify", lease, self.remote, f"{new}:{self.branch}")
        else:
            done = self._run("update-ref", self.branch, new, old or NOTHING)
        if done.returncode and not self._arrived(new):
            said = done.stderr.decode(errors="replace")
            if any(
                word in said
                for word in ("stale info", "rejected", "cannot lock ref", "but expected", "failed to update ref")
            ):
                raise LedgerMoved(f"{self.branch} moved")
            raise LedgerError(
                f"the ledger could not be written: {said.strip()}; check that you may push to {self.branch}"
            )

    def _arrived(self, new: str) -> bool:
        """Whether a push that was answered by an error has taken effect all the same."""
        if not self.remote:
            return False
        listed = self._run("ls-remote", "--quiet", self.remote, self.branch)
        return listed.returncode == 0 and listed.stdout.decode().partition("\t")[0].strip() == new

    def _cat(self, objects: list[str]) -> dict[str, bytes]:
        output = self._run("cat-file", "--batch", data="".join(f"{o}\n" for o in objects).encode()).stdout
        contents: dict[str, bytes] = {}
        position = 0
        while position < len(output):
            end = output.index(b"\n", position)
            name, _, size = output[position:end].decode().split()
            contents[name] = output[end + 1 : end + 1 + int(size)]
            position = end + 2 + int(size)
        return contents

    def _git(self, *arguments: str, data: bytes | None = None) -> str:
        done = self._run(*arguments, data=data)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise LedgerError(
                f"git {arguments[0]} failed in {self.repository}: {said}; check the repository with `git fsck`"
            )
        return done.stdout.decode().strip()

    def _run(self, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        name = who()
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", "deployments@codecanvas.invalid"))
        }
        environment = {**os.environ, **identity, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
        # A git hook that runs a verb must not point these commands at its own repository.
        for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
            environment.pop(name, None)
        command = ["git", "-C", str(self.repository), *arguments]
        return run(command, input=data, capture_output=True, env=environment, end=End.GENTLY)


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
