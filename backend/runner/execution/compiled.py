"""What compiles made, kept by what they were made from: a bounded cache that only the service writes."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable

from backend.runner.sandbox.verdict import Verdict

MOST_PROGRAMS = 256
"""In the cache: each holds a descriptor, of which a process has some 1,024."""
_PAGE = 4096
_RECORD = 4096
"""What is kept beside a program: the file in the kernel, key and verdict."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled program: a sealed memory file, and the verdict of its compile."""

    descriptor: int
    verdict: Verdict
    cached: bool = False
    """Whether it came from the cache."""

    def close(self) -> None:
        """Give the descriptor back; the cache has its own."""
        os.close(self.descriptor)


def key_of(parts: Iterable[bytes]) -> bytes:
    """The key of a compile: language, version, command, options, and every file."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


class CompileCache:
    """Compiled programs by key, the least recently used dropped first. Belongs to one event loop.

    Bounded in bytes, as what is kept takes of memory, and in programs.
    """

    def __init__(self, most_bytes: int, most_programs: int = MOST_PROGRAMS) -> None:
        self._most, self._most_programs, self._size = most_bytes, most_programs, 0
        self._kept: OrderedDict[bytes, tuple[Program, int]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes in use, in whole pages."""
        return self._size

    def take(self, key: bytes) -> Program | None:
        """The program of `key`, with a descriptor that is the caller's to close; None where it is not kept."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        program, _ = self._kept[key]
        return Program(os.dup(program.descriptor), program.verdict, cached=True)

    def keep(self, key: bytes, program: Program) -> None:
        """Keep `program`, where it fits; its descriptor stays the caller's."""
        size = _size(program)
        if size > self._most // 4 or key in self._kept:
            return
        self._kept[key] = Program(os.dup(program.descriptor), program.verdict), size
        self._size += size
        while self._size > self._most or len(self._kept) > self._most_programs:
            _, (dropped, its_size) = self._kept.popitem(last=False)
            self._size -= its_size
            dropped.close()

    def clear(self) -> None:
        """Drop everything."""
        for program, _ in self._kept.values():
            program.close()
        self._kept.clear()
        self._size = 0


def _size(program: Program) -> int:
    parts = (os.fstat(program.descriptor).st_size, len(program.verdict.stdout), len(program.verdict.stderr))
    return _RECORD + sum(-(-part // _PAGE) * _PAGE for part in parts)
