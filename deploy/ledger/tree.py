"""The files of one commit, read from git when they are asked for: a folder when it is listed, a file when it is read.

Git names an object by its contents, so one that was read once is never read again in this process, whatever commit it
is met in next. What was not asked for is not read: a ledger of thousands of deployments costs no more than a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

FOLDER = "40000"
FILE = "100644"


@dataclass(frozen=True)
class Entry:
    """What a folder holds under a name: git's mode and the object's name."""

    mode: str
    object: str

    @property
    def folder(self) -> bool:
        """Whether it is a folder; else a file, or what somebody committed by hand (a link, a submodule)."""
        return self.mode == FOLDER


Folder = Mapping[str, Entry]


@dataclass
class Objects:
    """Git's objects of one repository, each read once. `read` reads objects by name: name → contents."""

    read: Callable[[list[str]], dict[str, bytes]]
    contents: dict[str, bytes] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)

    def files(self, names: Iterable[str]) -> None:
        """Have the contents of these at hand, read at once."""
        if lacking := [name for name in dict.fromkeys(names) if name not in self.contents]:
            self.contents |= self.read(lacking)

    def folder(self, name: str) -> Folder:
        """What a folder holds; "" is an empty one."""
        if name and name not in self.folders:
            self.folders[name] = parsed(self.read([name])[name], len(name) // 2)
        return self.folders[name] if name else {}


class Tree(Mapping[str, bytes]):
    """Path → contents, of the folder `root` (its object's name, "" for an empty one)."""

    def __init__(self, objects: Objects, root: str) -> None:
        self.objects, self.root = objects, root

    def __getitem__(self, path: str) -> bytes:
        """A file's contents; raises KeyError when there is no such file, LedgerError when git cannot read it."""
        entry = self._entry(path)
        if entry is None or entry.folder:
            raise KeyError(path)
        self.objects.files([entry.object])
        return self.objects.contents[entry.object]

    def __contains__(self, path: object) -> bool:
        """Whether there is such a file; it is not read for that."""
        entry = self._entry(path) if isinstance(path, str) else None
        return entry is not None and not entry.folder

    def __iter__(self) -> Iterator[str]:
        """Every path; lists every folder."""
        return self._walk("", self.objects.folder(self.root))

    def __len__(self) -> int:
        """How many files; lists every folder."""
        return sum(1 for _ in self)

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder (`events`), sorted; lists that folder only, and reads no file."""
        return sorted(name for name, entry in self.folder(folder).items() if not entry.folder)

    def folder(self, path: str) -> Folder:
        """What a folder holds; "" is the topmost one. Nothing where there is no such folder."""
        entry = self._entry(path) if path else Entry(FOLDER, self.root)
        return self.objects.folder(entry.object) if entry and entry.folder else {}

    def fetch(self, paths: Iterable[str]) -> None:
        """Read these files at once: they are at hand when they are asked for one by one."""
        entries = (self._entry(path) for path in paths)
        self.objects.files(entry.object for entry in entries if entry and not entry.folder)

    def _entry(self, path: str) -> Entry | None:
        folder, _, name = path.rpartition("/")
        return self.folder(folder).get(name)

    def _walk(self, above: str, folder: Folder) -> Iterator[str]:
        for name, entry in folder.items():
            if entry.folder:
                yield from self._walk(f"{above}{name}/", self.objects.folder(entry.object))
            else:
                yield f"{above}{name}"


def parsed(raw: bytes, width: int) -> Folder:
    """What a folder holds, from git's own form of it; `width` is the length of an object's name in bytes."""
    entries, position = dict[str, Entry](), 0
    while position < len(raw):
        end = raw.index(b"\0", position)
        mode, _, name = raw[position:end].partition(b" ")
        position = end + 1 + width
        entries[name.decode(errors="surrogateescape")] = Entry(mode.decode(), raw[end + 1 : position].hex())
    return entries
