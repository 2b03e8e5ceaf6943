"""Encodes and decodes the frames between service and launcher; the launcher's side is wire.c and pack.c.

A frame is `u32 length, u8 kind, fields`, little-endian; a block of bytes is `u32 length, bytes`, a list `u32 count` and
its strings. A pack of files is a sequence of `u32 mode, name, content`.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping

from backend.runner.sandbox.limits import STACK_BYTES, Limits

_U32 = struct.Struct("<I")
_HEAD = struct.Struct("<IB")
_LIMITS = struct.Struct("<10Q")
_VERDICT = struct.Struct("<BiIBQQQ")
HEAD_BYTES = _HEAD.size


def block(data: bytes) -> bytes:
    """`data` after its length."""
    return _U32.pack(len(data)) + data


def strings(items: Iterable[bytes]) -> bytes:
    """A list of strings."""
    blocks = [block(item) for item in items]
    return _U32.pack(len(blocks)) + b"".join(blocks)


def whole(number: int) -> bytes:
    """An unsigned number of 32 bits."""
    return _U32.pack(number)


def limits_field(limits: Limits) -> bytes:
    """Limits as the launcher counts them: nanoseconds and bytes."""
    return _LIMITS.pack(
        max(1, int(limits.timeout * 1e9)), max(1, int(limits.cpu_seconds * 1e9)), limits.memory_kb * 1024,
        limits.output_bytes, limits.processes, limits.open_files, limits.file_kb * 1024,
        limits.disk_kb * 1024, limits.inodes, STACK_BYTES,
    )  # fmt: skip


def pack(files: Mapping[str, bytes], mode: int = 0o644, executables: Collection[str] = ()) -> bytes:
    """Files by relative name, those among `executables` with 0755."""
    usual, executable = _U32.pack(mode), _U32.pack(0o755)
    return b"".join(
        (executable if name in executables else usual) + block(name.encode()) + block(content)
        for name, content in files.items()
    )


def unpack(data: bytes) -> dict[str, bytes]:
    """Files of a pack by relative name, as the launcher made it."""
    fields, found = Fields(data), {}
    while not fields.empty:
        fields.whole()
        name = fields.block().decode("utf-8", "surrogateescape")
        found[name] = fields.block()
    return found


@dataclasses.dataclass(frozen=True)
class Collected:
    """A file that a run left."""

    name: str
    """Relative to the work directory; bytes that are no UTF-8 as `\\xff`."""
    size: int
    """Bytes."""
    content: bytes | None
    """None if the content did not fit."""


_OMITTED = 1 << 31


def collected(descriptor: int) -> list[Collected]:
    """The files of a collection, by name; closes `descriptor`, a sealed memory file."""
    with open(descriptor, "rb", buffering=0) as file:
        fields = Fields(os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0))
    found = []
    while not fields.empty:
        omitted = fields.whole() & _OMITTED
        name, content = fields.block().decode("utf-8", "backslashreplace"), fields.block()
        size = int.from_bytes(content, "little") if omitted else len(content)
        found.append(Collected(name, size, None if omitted else content))
    return sorted(found, key=lambda one: one.name)


def frame(kind: bytes, *fields: bytes) -> bytes:
    """A whole frame."""
    body = b"".join(fields)
    return _HEAD.pack(len(body) + 1, kind[0]) + body


def split(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take every whole frame from the start of `buffer`: its kind and its fields."""
    while len(buffer) >= HEAD_BYTES:
        length, kind = _HEAD.unpack_from(buffer)
        if 4 + length > len(buffer):
            return
        fields = bytes(buffer[HEAD_BYTES : 4 + length])
        del buffer[: 4 + length]
        yield kind, fields


class Fields:
    """Reads the fields of a frame in order. Raises struct.error past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def empty(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._data)

    def byte(self) -> int:
        """A number of 8 bits."""
        self._at += 1
        return self._data[self._at - 1]

    def whole(self) -> int:
        """An unsigned number of 32 bits."""
        value: int = _U32.unpack_from(self._data, self._at)[0]
        self._at += 4
        return value

    def long(self) -> int:
        """An unsigned number of 64 bits."""
        value: int = struct.unpack_from("<Q", self._data, self._at)[0]
        self._at += 8
        return value

    def block(self) -> bytes:
        """Bytes after their length."""
        size = self.whole()
        if self._at + size > len(self._data):
            raise struct.error("a block reaches past the end of its frame")
        self._at += size
        return self._data[self._at - size : self._at]

    def verdict(self) -> tuple[int, int, int, int, int, int, int]:
        """Ending, exit code, signal, flags, wall ns, cpu ns, peak bytes."""
        value = _VERDICT.unpack_from(self._data, self._at)
        self._at += _VERDICT.size
        return value


_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed(content: bytes) -> int:
    """A sealed memory file with `content`, which nobody can change. The caller must close the descriptor."""
    descriptor = os.memfd_create("program", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _SEALS)
    return descriptor
