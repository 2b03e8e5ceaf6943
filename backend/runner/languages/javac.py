"""The javac that stays: how it is started and spoken to. What it does is told in warm/java/codecanvas/Javac.java."""

from __future__ import annotations

import dataclasses
import enum
import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO

PLACE = "/opt/warm/java"
"""Where a sandbox sees the compiled classes."""
PACKAGE = "canvas-own"
"""Their package, by a name that no Java source can have; warm/java/build.sh gives it."""

COMMAND = (
    *("java", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:CICompilerCount=2"),
    *("-Xmx256m", "-XX:MaxMetaspaceSize=96m", "-cp", PLACE, f"{PACKAGE}.Javac"),
)

_LENGTH = struct.Struct(">I")
LONGEST_ANSWER = 64 * 1024 * 1024


class End(enum.Enum):
    """How a compile ended; the values are the daemon's."""

    FAILED = 0
    """The program does not compile."""
    MADE = 1
    CUT = 2
    """More was printed than may be; `messages` are what may be."""
    GAVE_UP = 3
    """It cannot be told here. A javac that is started for it alone may have more to say."""


@dataclasses.dataclass(frozen=True)
class Compiled:
    """What came of a compile; `files` belong in /program, by relative name."""

    end: End
    messages: bytes
    """What javac prints, in UTF-8; never more than was asked for."""
    files: Mapping[str, bytes]


def request(most: int, options: Sequence[str], sources: Mapping[str, str]) -> bytes:
    """A compile of `sources`, framed, that may print `most` bytes; the first of them is the program's own file."""
    texts = [*map(_text, options)], [_text(part) for source in sources.items() for part in source]
    body = b"".join((_LENGTH.pack(most), _LENGTH.pack(len(options)), *texts[0], _LENGTH.pack(len(sources)), *texts[1]))
    return _LENGTH.pack(len(body)) + body


def read_answer(stream: BinaryIO) -> Compiled:
    """Read one answer from the daemon's standard output. Raises EOFError where it ended or does not speak so."""
    return parse_answer(_exactly(stream, _LENGTH.unpack(_exactly(stream, 4))[0]))


def take_answer(said: bytearray) -> Compiled | None:
    """Take the answer at the start of `said`; None where it is not there yet. Raises EOFError for a malformed one."""
    if len(said) < _LENGTH.size:
        return None
    length: int = _LENGTH.unpack_from(said)[0]
    if length > LONGEST_ANSWER:
        raise EOFError("the compiler's answer is too long")
    if len(said) < _LENGTH.size + length:
        return None
    body = bytes(said[_LENGTH.size : _LENGTH.size + length])
    del said[: _LENGTH.size + length]
    return parse_answer(body)


def parse_answer(body: bytes) -> Compiled:
    """An answer, without its length. Raises EOFError where it is malformed."""
    try:
        messages, at = _block(body, 1)
        count, at = _LENGTH.unpack_from(body, at)[0], at + 4
        files: dict[str, bytes] = {}
        for _ in range(count):
            name, at = _block(body, at)
            files[name.decode()], at = _block(body, at)
        return Compiled(End(body[0]), messages, files)
    except (struct.error, IndexError, ValueError) as malformed:
        raise EOFError("the compiler's answer is malformed") from malformed


def _text(text: str) -> bytes:
    data = text.encode()
    return _LENGTH.pack(len(data)) + data


def _block(body: bytes, at: int) -> tuple[bytes, int]:
    end = at + 4 + _LENGTH.unpack_from(body, at)[0]
    return body[at + 4 : end], end


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length) if length <= LONGEST_ANSWER else b""
    if len(data) != length:
        raise EOFError("the compiler ended within an answer")
    return data
