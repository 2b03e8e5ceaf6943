"""The compile cache: compiled programs by a hash of all their inputs. Only the service writes it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable

from backend.runner.sandbox.verdict import Verdict

MOST_PROGRAMS = 256
"""Most programs in the cache: each holds a file descriptor, and a process may have some 1,024."""
_PAGE = 4096
_RECORD = 4096
"""Bytes counted for an entry beside its program and messages: the kernel's inode, the key and the verdict."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A compiled program: a sealed memory file, and the verdict of its compile."""

    descriptor: int
    verdict: Verdict
    cached: bool = False
    """Whether it came from the cache."""

    def close(self) -> None:
        """Close the descriptor. The cache has a descriptor of its own."""
        os.close(self.descriptor)


def key_of(parts: Iterable[bytes]) -> bytes:
    """The key of a compile: language, version, command, options, and every file."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


class CompileCache:
    """Compiled programs by key; drops the least recently used first. Belongs to one event loop.

    It is bounded in bytes of memory (programs and messages, in whole pages) and in number of programs.
    """

    def __init__(self, most_bytes: int, most_programs: int = MOST_PROGRAMS) -> None:
        self._most, self._most_programs, self._size = most_bytes, most_programs, 0
        self._kept: OrderedDict[bytes, tuple[Program, int]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes in use, in whole pages."""
        return self._size

    def take(self, key: bytes) -> Program | None:
        """The program of `key`, or None. The caller must close it."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        program, _ = self._kept[key]
        return Program(os.dup(program.descriptor), program.verdict, cached=True)

    def keep(self, key: bytes, program: Program) -> None:
        """Keep a copy of `program` if it fits. The caller still has to close its own."""
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
