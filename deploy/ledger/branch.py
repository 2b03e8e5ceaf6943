"""The ledger's branch in git: its commit, the objects of that commit, and compare-and-swap to a new one.

Everything happens in git's object store; no file is checked out. With a remote, a write is a push with
`--force-with-lease` against the commit that was read; without one it is an `update-ref` in this repository, which
compares too. When a write is refused, the branch is read again: if it moved, somebody else wrote first; if not, the
error passes on what git said (a hook, a protected branch, a lock file).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from deploy.errors import GitTimeout, LedgerError, LedgerMoved, LedgerUnreachable
from deploy.git import NETWORK_SECONDS, Answer, git, without_credentials
from deploy.ledger.failures import Failures, porcelain
from deploy.ledger.identity import who
from deploy.ledger.patience import Patience, chosen
from deploy.ledger.tree import FILE, FOLDER, Entry, Folder, Objects, Tree, parsed

NOTHING = "0" * 40
Changes = Mapping[str, bytes | None]
"""Path → new contents, None to remove."""


class Branch:
    """Branch `deployments/<environment>` of `remote` (a name or an address), or of the repository itself (None)."""

    def __init__(self, repository: Path, environment: str, remote: str | None, patience: Patience) -> None:
        self.repository, self.remote, self._patience = repository, remote, patience
        self.ref = f"refs/heads/deployments/{environment}"
        # Each remote has a record of its own of what was seen of it.
        apart = f"-{sha256(remote.encode()).hexdigest()[:8]}" if remote and remote != "origin" else ""
        self._beside = Path(remote or "").is_absolute()  # a directory of this machine: no ssh, no helper
        self._failures = Failures(repository, self.ref, remote)
        self.seen = f"refs/ledger-seen/{environment}{apart}"
        self._objects = Objects(lambda names: {name: body for name, (_, body) in self._read(names).items()})

    @functools.cached_property
    def address(self) -> str:
        """Where the remote is, without credentials; "" without a remote."""
        if not self.remote:
            return ""
        found = self._run("remote", "get-url", "--", self.remote)
        return without_credentials(found.text if found.ok else self.remote)

    def commit(self, known: str = "") -> str:
        """The branch's commit, fetched if it is not here yet; "" when there is none. `known` is here already.

        No branch of this clone moves: two processes of one clone may read at once.
        """
        if not self.remote:
            return self._resolved(self.ref)
        # Read what was seen before asking the remote: a write in between then only makes the remote's branch longer.
        seen = self._resolved(self.seen)
        commit = self._listed()
        if commit and commit != known and not self._run("cat-file", "-e", f"{commit}^{{tree}}").ok:
            # --refmap: without it, git would move the clone's remote-tracking ref, in which two fetches collide.
            fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--refmap=")
            done = self._far(*fetch, self.remote, self.ref, seconds=NETWORK_SECONDS)
            if not done.ok:
                raise self._failures.unread(done)
        if seen != commit:
            self._refuse_rewritten(seen, commit)
        return commit

    def tree(self, commit: str, along: str) -> Tree:
        """The files of a commit, read from git when they are asked for; "" has none.

        The file at the path `along` is read at once, when there is one: one call of git instead of two.
        """
        if not commit:
            return Tree(self._objects, "")
        root, first = f"{commit}^{{tree}}", f"{commit}:{along}"
        found = self._read([root, first], missing_ok=frozenset({first}))
        name, raw = found[root]
        self._objects.folders[name] = parsed(raw, len(name) // 2)
        if first in found:
            self._objects.contents |= dict([found[first]])
        return Tree(self._objects, name)

    def commit_of(self, parent: str, files: Tree, changes: Changes, message: str) -> tuple[str, Tree]:
        """Make a commit on top of `parent` ("" for none), whose files are `files`; no ref points at it yet.

        Folders without changes are not looked into.

        Returns it and its files.
        """
        folders: dict[str, dict[str, Entry]] = {}
        for path, content in changes.items():
            above, _, name = path.rpartition("/")
            entries = folders.setdefault(above, dict(files.folder(above)))
            entries.pop(name, None)
            if content is not None:
                blob = self._git("hash-object", "-w", "--stdin", data=content)
                entries[name] = Entry(FILE, blob)
                self._objects.contents[blob] = content
        root = folders.pop("") if "" in folders else dict(files.folder(""))
        for above, entries in folders.items():
            root.pop(above, None)
            if entries:
                root[above] = Entry(FOLDER, self._made(entries))
        made = Tree(self._objects, self._made(root))
        parents = ["-p", parent] if parent else []
        return self._git("commit-tree", made.root, "-m", message, *parents), made

    def swap(self, old: str, new: str) -> None:
        """Move the branch from `old` ("" for none) to `new`.

        Raises LedgerMoved when it is not at `old` any more, LedgerUnreachable when the remote does not answer,
        LedgerBusy for a lock file, LedgerError with git's words for every other refusal.
        """
        if self.remote:
            lease = f"--force-with-lease={self.ref}:{old}"
            done = self._far("push", "--porcelain", "--no-verify", lease, self.remote, f"{new}:{self.ref}")
        else:
            done = self._run("update-ref", self.ref, new, old or NOTHING)
        if done.ok:
            self.remember(new)
            return
        now = self._listed(refused=done) if self.remote else self._resolved(self.ref)
        if now == new:  # the answer was an error or was lost, but the remote has the commit
            self.remember(new)
            return
        if now != old:
            raise LedgerMoved(f"{self.ref} moved")
        raise self._failures.refused(done)

    def refused(self, commit: str) -> str:
        """Why a push of `commit` ("" for none yet) would be refused, "" where it would not; nothing is pushed.

        The remote's hooks and protections are not asked: they speak when something arrives.
        """
        if not self.remote:
            return ""
        new = commit or self.commit_of("", self.tree("", along=""), {}, "never pushed")[0]
        done = self._far("push", "--porcelain", "--no-verify", "--dry-run", self.remote, f"{new}:{self.ref}")
        return "" if done.ok else " ".join(done.said.split())[:300] or f"git push ended with {done.code}"

    def holds(self, commit: str, ancestor: str) -> bool:
        """Whether `commit` is `ancestor` or was made on top of it; both must be here."""
        if commit == ancestor:
            return True
        return bool(commit) and self._run("merge-base", "--is-ancestor", ancestor, commit).ok

    def remember(self, commit: str) -> None:
        """Note which commit of the remote was seen last. Losing that race to another process of this clone is fine."""
        if self.remote:
            self._run("update-ref", self.seen, commit)

    def _refuse_rewritten(self, seen: str, commit: str) -> None:
        """Raise LedgerError when the remote's branch lost commits that were seen of it: a ledger is only added to."""
        grown = self._run("merge-base", "--is-ancestor", seen, commit) if seen and commit else None
        if grown is not None and grown.code > 1:
            raise self._failures.failed("merge-base", grown)
        if seen and (grown is None or grown.code == 1):
            raise LedgerError(
                f"{self.ref} of {self.remote} was rewritten: it no longer holds {seen[:12]}, seen before. Restore "
                f"it (git -C {self.repository} push {self.remote} +{seen[:12]}:{self.ref}), or accept it: "
                f"git -C {self.repository} update-ref -d {self.seen}"
            )
        if commit:
            self.remember(commit)

    # git

    def _resolved(self, ref: str) -> str:
        """The commit of a local ref; "" when there is no such ref. Raises LedgerError with git's words otherwise."""
        done = self._run("rev-parse", "--verify", "--quiet", ref)
        if not done.ok and (done.code != 1 or done.said):
            raise self._failures.failed("rev-parse", done)
        return done.text

    def _listed(self, refused: Answer | None = None) -> str:
        """The commit of the remote's branch; "" for none. `refused` is a push that may have arrived all the same."""
        done = self._far("ls-remote", "--quiet", self.remote or "", self.ref)
        if not done.ok:
            if refused is not None and not porcelain(refused):
                raise self._failures.unread(refused)
            raise self._failures.unread(done)
        # A pattern also matches a branch whose name only ends like ours.
        listed = (line.partition("\t") for line in done.text.splitlines())
        return next((commit for commit, _, ref in listed if ref == self.ref), "")

    def _made(self, entries: Folder) -> str:
        """Write a folder's object; its name."""
        lines = (
            f"{entry.mode} {'tree' if entry.folder else 'commit' if entry.mode == '160000' else 'blob'} "
            f"{entry.object}\t{name}\0"
            for name, entry in entries.items()
        )
        # --missing: what the folder held already is not looked for again, one by one.
        data = "".join(lines).encode(errors="surrogateescape")
        made = self._git("mktree", "-z", "--missing", data=data)
        self._objects.folders[made] = dict(entries)
        return made

    def _read(self, names: list[str], missing_ok: frozenset[str] = frozenset()) -> dict[str, tuple[str, bytes]]:
        """Objects, by any of git's words for them: word → git's own name, and contents."""
        done = self._run("cat-file", "--batch", data="".join(f"{name}\n" for name in names).encode())
        if not done.ok:
            raise self._failures.failed("cat-file", done)
        output, found, position = done.out, dict[str, tuple[str, bytes]](), 0
        for asked in names:
            end = output.index(b"\n", position)
            name, *rest = output[position:end].decode(errors="replace").rsplit(" ", 2)
            position = end + 1
            if len(rest) == 2 and rest[1].isdecimal():
                found[asked] = name, output[position : position + int(rest[1])]
                position += int(rest[1]) + 1
            elif asked not in missing_ok:
                raise LedgerError(
                    f"{asked} of the ledger is {rest[-1] if rest else 'unreadable'} in {self.repository}; check it "
                    f"with `git -C {self.repository} fsck`, or take a fresh clone, then run this again"
                )
        return found

    def _git(self, *arguments: str, data: bytes = b"") -> str:
        done = self._run(*arguments, data=data)
        if not done.ok:
            raise self._failures.failed(arguments[0], done)
        return done.text

    def _far(self, *arguments: str, seconds: float | None = None) -> Answer:
        """Run a command against the remote; raises LedgerUnreachable when it takes longer than the patience allows."""
        limit = min(chosen(self._patience).answer, NETWORK_SECONDS) if seconds is None else seconds
        try:
            return git(self.repository, *arguments, seconds=limit, network=not self._beside)
        except GitTimeout as hangs:
            raise LedgerUnreachable(f"the ledger's remote {self._failures.where} does not answer: {hangs}") from hangs

    def _run(self, *arguments: str, data: bytes = b"") -> Answer:
        name = who()
        identity = {
            f"GIT_{role}_{part}": value
            for role in ("AUTHOR", "COMMITTER")
            for part, value in (("NAME", name), ("EMAIL", "deployments@codecanvas.invalid"))
        }
        try:
            return git(self.repository, *arguments, data=data, extra=identity)
        except GitTimeout as hangs:
            raise LedgerError(f"the ledger's repository {self.repository} does not answer: {hangs}") from hangs
