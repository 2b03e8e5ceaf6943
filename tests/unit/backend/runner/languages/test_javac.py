import io
import struct

import pytest

from backend.runner.languages.javac import RESIDENT, read_answer, request
from backend.runner.languages.resident import Compiled, End


def _text(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def _answer(success: bool, messages: str, files: dict[str, bytes]) -> bytes:
    body = bytes([success]) + _text(messages.encode()) + struct.pack(">I", len(files))
    body += b"".join(_text(name.encode()) + _text(data) for name, data in files.items())
    return _text(body)


def test_a_request_is_framed_as_the_daemon_reads_it() -> None:
    framed = request(9, ["-g"], {"Main.java": "ü"})
    wanted = struct.pack(">II", 9, 1) + _text(b"-g") + struct.pack(">I", 1) + _text(b"Main.java") + _text("ü".encode())
    assert framed == _text(wanted)


def test_answers_are_read_one_after_the_other() -> None:
    stream = io.BytesIO(_answer(False, "Main.java:1: error\n", {}) + _answer(True, "", {"Main.class": b"\xca\xfe"}))
    assert read_answer(stream) == Compiled(End.FAILED, b"Main.java:1: error\n", {})
    assert read_answer(stream) == Compiled(End.MADE, b"", {"Main.class": b"\xca\xfe"})


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\0\0",
        _answer(True, "text", {})[:-3],
        b"\xff\xff\xff\xff",
        _text(b""),
        _text(b"\7" + bytes(8)),
        _text(b"\1\0\0\0\0\0\0\0\1"),
    ],
)
def test_what_is_no_whole_answer_is_the_end_of_the_daemon(stream: bytes) -> None:
    with pytest.raises(EOFError):
        read_answer(io.BytesIO(stream))


def test_only_sources_are_asked_for_the_programs_own_first() -> None:
    files = {"Main.java": b"class Main {}", "data.txt": b"\xff", "A.java": b"class A {}"}
    sources = {"Main.java": "class Main {}", "A.java": "class A {}"}
    assert RESIDENT.ask(10, ("-g",), files) == request(10, ("-g",), sources)


def test_what_a_javac_of_its_own_reads_otherwise_is_not_asked() -> None:
    assert RESIDENT.ask(10, (), {"Main.java": b"// \xff"}) is None
    assert RESIDENT.ask(10, (), {"Main.java": b"", "A.class": b""}) is None
