import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.text import plain, plain_files

MARK = b"\xef\xbb\xbf"
BASH, RUBY = all_languages()["bash"], all_languages()["ruby"]


@pytest.mark.parametrize(
    ("source", "bash", "ruby"),
    [
        (b"echo\n", b"echo\n", b"echo\n"),
        (MARK + b"echo\n", b"echo\n", b"echo\n"),
        (MARK + MARK + b"x", MARK + b"x", MARK + b"x"),
        (b"x" + MARK, b"x" + MARK, b"x" + MARK),
        (b"if x\r\nfi\r\n", b"if x\nfi\n", b"if x\r\nfi\r\n"),
        (MARK + b"#!/x -w\r\nb\r\n", b"#!/x -w\nb\n", b"#!/x -w\nb\r\n"),
        (b"#!/x\nb\r\n", b"#!/x\nb\n", b"#!/x\nb\r\n"),
        (b"a\rb", b"a\rb", b"a\rb"),
        (b"", b"", b""),
    ],
)
def test_marks_and_carriage_returns_go_where_they_do_harm(source: bytes, bash: bytes, ruby: bytes) -> None:
    assert plain(BASH, source) == bash
    assert plain(RUBY, source) == ruby


def test_files_that_are_no_sources_are_data() -> None:
    text = MARK + b"a\r\n"
    assert plain_files(BASH, {"lib/x.sh": text, "x.csv": text}) == {"lib/x.sh": b"a\n", "x.csv": text}
    assert plain_files(all_languages()["c++"], {"x.cc": text, "x.txt": text}) == {"x.cc": b"a\r\n", "x.txt": text}
