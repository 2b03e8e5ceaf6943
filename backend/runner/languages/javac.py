"""The resident javac: how the service starts it and speaks to it. warm/java/codecanvas/Javac.java is the process."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from backend.runner.languages.resident import Compiled, End, Resident
from backend.runner.sandbox.limits import Limits

PLACE = "/opt/warm/java"
"""Where a sandbox sees the compiled classes."""
PACKAGE = "canvas-own"
"""Their package. warm/java/build.sh gives it this name, which no Java source can have."""

COMMAND = (
    *("java", "-Xshare:auto", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:CICompilerCount=2"),
    *("-Xmx256m", "-XX:MaxMetaspaceSize=96m", "-cp", PLACE, f"{PACKAGE}.Javac"),
)

_LENGTH = struct.Struct(">I")
LONGEST_ANSWER = 64 * 1024 * 1024


def request(most: int, options: Sequence[str], sources: Mapping[str, str]) -> bytes:
    """Frame a compile of `sources`, the program's own file first, that may print `most` bytes."""
    texts = [*map(_text, options)], [_text(part) for source in sources.items() for part in source]
    body = b"".join((_LENGTH.pack(most), _LENGTH.pack(len(options)), *texts[0], _LENGTH.pack(len(sources)), *texts[1]))
    return _LENGTH.pack(len(body)) + body


def ask(most: int, options: Sequence[str], files: Mapping[str, bytes]) -> bytes | None:
    """Frame a compile of the .java files among `files`.

    Returns None if one of them is not UTF-8, or if a file is a class: a new javac reads those from its disk.
    """
    if any(name.endswith(".class") for name in files):
        return None
    try:
        return request(
            most, options, {name: data.decode() for name, data in files.items() if name.endswith(".java")}
        )  # fmt: skip
    except UnicodeDecodeError:
        return None


def read_answer(stream: BinaryIO) -> Compiled:
    """Read one answer from the process's standard output. Raises EOFError if it ended or the answer is malformed."""
    return parse_answer(_exactly(stream, _LENGTH.unpack(_exactly(stream, 4))[0]))


def take_answer(said: bytearray) -> Compiled | None:
    """Take the answer at the start of `said`; None while it is incomplete. Raises EOFError if it is malformed."""
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
    """Parse an answer without its length. Raises EOFError if it is malformed."""
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


RESIDENT = Resident(
    command=COMMAND,
    ask=ask,
    take=take_answer,
    longest_answer=LONGEST_ANSWER,
    limits=Limits(
        timeout=10**7, cpu_seconds=10**7, memory_kb=640 * 1024, output_bytes=1 << 40, processes=64, disk_kb=1024,
        inodes=64,
    ),
)  # fmt: skip
