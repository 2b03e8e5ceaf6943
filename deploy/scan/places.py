"""Where secrets are looked for: files, git's objects, builds, logs, ledgers, evidence. Each yields named streams."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.errors import DeployError
from deploy.git import git, streamed
from deploy.scan.search import Readable

CHUNK = 1 << 20
LEDGER_REFS = ("refs/heads/deployments/", "refs/ledger-seen/")
_HEX = 40


@dataclass
class Named:
    """Bytes and the name under which findings in them are reported. Of one of git's objects, `object` is its id."""

    name: str
    stream: Readable
    object: str = ""
    repository: Path | None = None


@dataclass
class Seen:
    """What was looked at already: git's objects by id, files by device and inode."""

    objects: set[str] = field(default_factory=set)
    files: set[tuple[int, int]] = field(default_factory=set)


def work_tree(root: Path, seen: Seen) -> Iterator[Named]:
    """The files of the work tree as git lists them, and what HEAD and the index have other than these."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in dict.fromkeys(filter(None, listed.split(b"\0"))):
        text = os.fsdecode(name)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            yield from _file(root / text, text, seen)
    committed = _git(root, "rev-parse", "--verify", "--quiet", "HEAD", check=False)
    kept = {**_tree(_git(root, "ls-files", "-z", "--stage"), 1)}
    if committed.strip():
        kept |= _tree(_git(root, "ls-tree", "-r", "-z", "HEAD"), 2)
    wanted = {oid: name for oid, name in kept.items() if oid not in seen.objects}
    yield from _objects(root, wanted, seen)


def history(root: Path, seen: Seen) -> Iterator[Named]:
    """Every object of the repository: those of all commits, also of commits that no branch has any more."""
    with streamed(root, "cat-file", "--batch", "--batch-all-objects", "--unordered") as out:
        yield from _batch(out, {}, seen, root)


def ledger(root: Path, seen: Seen) -> Iterator[Named]:
    """The ledgers' branches in this clone, with everything that they ever held."""
    refs = _git(root, "for-each-ref", "--format=%(refname)", *LEDGER_REFS, "refs/remotes/").decode().split()
    mine = [ref for ref in refs if ref.startswith(LEDGER_REFS) or "/deployments/" in ref]
    if not mine:
        return
    names: dict[str, str] = {}
    for line in _git(root, "rev-list", "--objects", *mine).decode(errors="surrogateescape").splitlines():
        oid, _, path = line.partition(" ")
        names[oid] = f"ledger: {path or 'commit'} ({oid[:10]})"
    yield from _objects(root, {oid: name for oid, name in names.items() if oid not in seen.objects}, seen)


def builds(dist: Path, seen: Seen) -> Iterator[Named]:
    """Everything in `dist/` but its logs: images as layouts, pages, manifests, what failed browser tests kept."""
    if not dist.is_dir():
        return
    for top in sorted(dist.iterdir()):
        if top.name != "logs":
            yield from _files(top, dist.parent, seen)


def logs(place: Path, beside: Path, seen: Seen) -> Iterator[Named]:
    """The logs of verbs and of the rehearsal's platforms."""
    yield from _files(place, beside, seen)


def named_in_commits(repository: Path, objects: Iterable[str]) -> dict[str, str]:
    """Path of each object and a commit that has it, such as `a/b.py (in 0123456789)`, as far as any commit does."""
    every = _git(repository, "cat-file", "--batch-all-objects", "--batch-check=%(objecttype) %(objectname)").decode()
    commits = "\n".join(line.split()[1] for line in every.splitlines() if line.startswith("commit "))
    wanted, found = set(objects), dict[str, str]()
    shown = ("--format=%h", "--raw", "--no-abbrev", "--no-renames", "-m", "--root")
    commit = ""
    with streamed(repository, "log", "--stdin", "--no-walk=unsorted", *shown, data=commits.encode()) as out:
        while len(found) < len(wanted) and (line := _line(out)):
            facts, _, path = line.decode(errors="surrogateescape").rstrip("\n").partition("\t")
            if not path:
                commit = facts[:10] or commit
            elif (oid := facts.split()[3]) in wanted:
                found.setdefault(oid, f"{path} (in {commit})")
    return {oid: found.get(oid, f"object {oid[:10]}") for oid in wanted}


def _file(path: Path, name: str, seen: Seen) -> Iterator[Named]:
    """The file, or the address that a link holds; its git object counts as seen."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        yield Named(name, io.BytesIO(os.fsencode(path.readlink())))
    elif stat.S_ISREG(status.st_mode):
        with path.open("rb") as content:
            seen.files.add((status.st_dev, status.st_ino))
            digest = hashlib.sha1(b"blob %d\0" % status.st_size, usedforsecurity=False)
            yield Named(name, _Hashed(content, digest))
            while content.read(0) is None or (more := content.read(CHUNK)):
                digest.update(more)
            seen.objects.add(digest.hexdigest())


class _Hashed:
    """A file, hashed as it is read."""

    def __init__(self, content: io.BufferedReader, digest: hashlib._Hash) -> None:
        self._content, self._digest = content, digest

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        more = self._content.read(size)
        self._digest.update(more)
        return more


def _files(place: Path, beside: Path, seen: Seen) -> Iterator[Named]:
    """Files at and beneath `place`, each once though it may have several names."""
    found = (
        [place]
        if place.is_file()
        else (Path(above) / name for above, _, names in os.walk(place) for name in sorted(names))
    )
    for path in found:
        with contextlib.suppress(FileNotFoundError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) not in seen.files:
                seen.files.add((status.st_dev, status.st_ino))
                with path.open("rb") as content:
                    yield Named(os.path.relpath(path, beside), content)


def _tree(listed: bytes, column: int) -> dict[str, str]:
    """Object → path of what `ls-tree` or `ls-files --stage` printed; submodules have none."""
    found = {}
    for entry in filter(None, listed.split(b"\0")):
        facts, _, name = entry.partition(b"\t")
        if not facts.startswith(b"160000"):
            found[facts.split()[column].decode()] = os.fsdecode(name)
    return found


def _objects(root: Path, names: dict[str, str], seen: Seen) -> Iterator[Named]:
    if names:
        with streamed(root, "cat-file", "--batch", data="".join(f"{oid}\n" for oid in names).encode()) as out:
            yield from _batch(out, names, seen, root)


def _batch(out: Readable, names: dict[str, str], seen: Seen, root: Path) -> Iterator[Named]:
    """The objects that `cat-file --batch` prints. Those without a name get one when something is found in them."""
    while header := _line(out):
        oid, kind, *size = header.decode().split()
        if not size:
            raise DeployError(f"git has no object {oid} (in {root}), which it lists; see: git fsck")
        part = _Part(out, int(size[0]))
        if oid not in seen.objects:
            seen.objects.add(oid)
            name = names.get(oid, "")
            yield Named(name or f"{kind} {oid[:10]}", part, "" if name else oid, root)
        part.skip()
        out.read(1)


class _Part:
    """The next `size` bytes of a stream."""

    def __init__(self, stream: Readable, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        more = self._stream.read(min(size, self._left))
        self._left -= len(more)
        return more

    def skip(self) -> None:
        """Read the rest."""
        while self._left and self.read(CHUNK):
            pass


def _line(out: Readable) -> bytes:
    line: bytes = out.readline()  # type: ignore[attr-defined]
    return line


def _git(place: Path, *arguments: str, check: bool = True) -> bytes:
    done = git(place, *arguments, seconds=120)
    if not done.ok and check:
        raise DeployError(f"git {arguments[0]} (in {place}): {done.said}; fix that, then run this again")
    return done.out if done.ok else b""
