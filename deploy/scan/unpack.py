"""Looks into what a stream of bytes holds: gzip, bzip2, xz, tar and zip, each within the others.

Archives are read as streams, a member at a time, so that an image's layer takes no more memory than a window. A zip's
list stands at its end; one that is large is kept in a temporary file.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from deploy.scan.search import Found, Readable, Searcher, mark

DEEPEST = 6
HEAD = 8192
IN_MEMORY = 8 << 20
ZSTD = b"\x28\xb5\x2f\xfd"
_DAMAGED = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    zipfile.BadZipFile,
    RuntimeError,
    ValueError,
)
_OTHERS = re.compile(r"/(?:site-packages\b[^/]*|dist-packages|node_modules)/")
_OTHERS_IN_IMAGES = re.compile(r"(?:\./|/)?(?:usr/(?!local/)|s?bin/|lib\w*/|var/|opt/codecanvas/cache/)")
"""Files of packages: patterns of providers and known values are looked for there, not what only looks assigned."""


_DIGEST = re.compile(r"[0-9a-f]{40,}")
"""What differs between builds in the names of what they hold."""


class Stream:
    """Bytes that are read once, with a look at the beginning."""

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._head = b""

    def peek(self) -> bytes:
        """The first HEAD bytes, fewer if there are no more."""
        while len(self._head) < HEAD and (more := self._source.read(HEAD - len(self._head))):
            self._head += more
        return self._head

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, or all of them."""
        if size < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        if self._head:
            taken, self._head = self._head[:size], self._head[size:]
            return taken
        return self._source.read(size)


class Looker:
    """Looks into streams, and streams within them."""

    def __init__(self, searcher: Searcher) -> None:
        self.searcher = searcher

    def look(self, name: str, source: Readable, inner: str = "", depth: int = 0) -> Iterator[tuple[str, Found]]:
        """Each finding with the name of what holds it: `layer:opt/app/file` for a file in an archive."""
        stream = Stream(source)
        head = stream.peek()
        opened = _opened(head)
        if opened is None or depth >= DEEPEST:
            lines = b"\0" not in head and not (_OTHERS.search(name) or _OTHERS_IN_IMAGES.match(inner))
            yield from ((name, found) for found in self.searcher.search(stream, lines=lines))
            if opened is not None:
                yield name, _unread(name, f"packed more than {DEEPEST} times")
            return
        try:
            for member, content in opened(stream):
                inside = f"{name}:{member}" if member else name
                if member:
                    yield from self._named(member, inside)
                yield from self.look(inside, content, member or inner, depth + 1)
        except _DAMAGED as damaged:
            yield name, _unread(name, f"cannot be unpacked ({type(damaged).__name__})")

    def _named(self, inner: str, name: str) -> Iterator[tuple[str, Found]]:
        raw = io.BytesIO(inner.encode(errors="surrogateescape"))
        yield from (
            (name, Found(f"{found.kind} (in a name)", 0, found.mark))
            for found in self.searcher.search(raw, lines=False)
        )


def _unread(name: str, why: str) -> Found:
    """That something was not looked into, which may be allowed as what is found may."""
    kind = f"not looked into: {why}"
    return Found(kind, 0, mark(kind, _DIGEST.sub("", name)))


Members = Callable[[Stream], Iterator[tuple[str, Readable]]]


def _opened(head: bytes) -> Members | None:
    """How to read what begins like this; None for what is no archive."""
    for start, members in _BEGINNINGS.items():
        if head.startswith(start):
            return members
    return _tar if head[257:262] == b"ustar" else None


def _gzip(stream: Stream) -> Iterator[tuple[str, Readable]]:
    with gzip.GzipFile(fileobj=_Raw(stream), mode="rb") as content:
        yield "", content


def _bz2(stream: Stream) -> Iterator[tuple[str, Readable]]:
    with bz2.BZ2File(_Raw(stream)) as content:
        yield "", content


def _xz(stream: Stream) -> Iterator[tuple[str, Readable]]:
    with lzma.LZMAFile(io.BufferedReader(_Raw(stream))) as content:
        yield "", content


def _zstd(stream: Stream) -> Iterator[tuple[str, Readable]]:
    yield from _refuse("zstd")


def _tar(stream: Stream) -> Iterator[tuple[str, Readable]]:
    with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            archive.members = []  # it would remember each
            link = member.linkname.encode(errors="surrogateescape")
            content = archive.extractfile(member) if member.isfile() else None
            yield member.name, content or io.BytesIO(link)


def _zip(stream: Stream) -> Iterator[tuple[str, Readable]]:
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as kept:
        shutil.copyfileobj(stream, kept)
        with zipfile.ZipFile(kept) as archive:
            for member in archive.infolist():
                with archive.open(member) as content:
                    yield member.filename, content


def _refuse(what: str) -> Iterator[tuple[str, Readable]]:
    raise ValueError(f"{what} is not read")


class _Raw(io.RawIOBase):
    """A stream as the modules of the standard library want it."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        more = self._stream.read(len(buffer))
        buffer[: len(more)] = more
        return len(more)


_BEGINNINGS: dict[bytes, Members] = {
    b"\x1f\x8b": _gzip,
    b"BZh": _bz2,
    b"\xfd7zXZ\0": _xz,
    b"PK\3\4": _zip,
    ZSTD: _zstd,
}
