import pytest

from backend.runner.languages import all_languages
from backend.runner.languages.language import LINES
from backend.runner.languages.sources import compile_command, sources


def _of(name: str, **files: str) -> tuple[str, ...]:
    language = all_languages()[name]
    return sources(language, {language.source: b"", **{file: text.encode() for file, text in files.items()}})


def test_sources_go_where_the_command_names_the_program() -> None:
    command = compile_command(all_languages()["c"], ("-g",), {"main.c": b"", "b.c": b""})
    assert command[-7:] == ("-g", "-o", "/program/main", "main.c", "b.c", LINES, "-lm")
    assert compile_command(all_languages()["rust"], (), {"main.rs": b"", "b.rs": b""})[-1] == "main.rs"
    with pytest.raises(ValueError, match="bash is not compiled"):
        compile_command(all_languages()["bash"], (), {})


def test_a_program_by_itself_is_its_own_file() -> None:
    for name, language in all_languages().items():
        assert _of(name, **{"data.txt": "", "c": ""}) == (language.source,)


@pytest.mark.parametrize(
    ("name", "files", "wanted"),
    [
        ("c", ["b.c", "a/a.c", "a.h", "x.cpp", "s.S"], ["main.c", "a/a.c", "b.c", "s.S"]),
        ("c++", ["b.cc", "a.cpp", "c.c", "a.hpp", "data.csv"], ["main.cpp", "a.cpp", "b.cc", "c.c"]),
        ("d", ["lib/util.d"], ["main.d", "lib/util.d"]),
        ("c#", ["A.cs", "a.txt"], ["main.cs", "A.cs"]),
        ("cobol", ["sub.cob", "old.cbl"], ["main.cob", "old.cbl", "sub.cob"]),
        ("erlang", ["other.erl", "x.hrl"], ["main.erl", "other.erl"]),
        ("assembly", ["lib.asm"], ["main.asm", "lib.asm"]),
        ("ocaml", ["util.ml", "util.mli"], ["main.ml", "util.ml", "util.mli"]),
        ("c", ["-o.c", "@x.c", "+x.c", "_x.c"], ["main.c", "./+x.c", "./-o.c", "./@x.c", "_x.c"]),
    ],
)
def test_further_sources_are_told_by_how_they_end(name: str, files: list[str], wanted: list[str]) -> None:
    assert _of(name, **dict.fromkeys(files, "")) == tuple(wanted)


@pytest.mark.parametrize(
    ("name", "line", "file"),
    [
        ("c", '#include "lib/util.c"', "lib/util.c"),
        ("c", "  #  include  <util.c>", "util.c"),
        ("c++", '#include "util.cpp"', "util.cpp"),
        ("assembly", '%include "util.asm"', "util.asm"),
        ("fortran", "  INCLUDE 'util.f90'", "util.f90"),
        ("cobol", '    copy "util.cob".', "util.cob"),
        ("cobol", "       COPY util.cob.", "util.cob"),
        ("erlang", '-include("util.erl").', "util.erl"),
    ],
)
def test_what_is_included_is_not_compiled_by_itself(name: str, line: str, file: str) -> None:
    language = all_languages()[name]
    files = {language.source: f"text\n{line}\n".encode(), file: b""}
    assert sources(language, files) == (language.source,)
    assert sources(language, {**files, language.source: b"text\n"}) == (language.source, file)


def test_fortrans_modules_come_before_those_that_use_them() -> None:
    files = {
        "main.f90": b"program p\n  use, intrinsic :: iso_c_binding\n  use B, only: f\nend program\n",
        "a.f90": b"MODULE c\r\ncontains\nend module c\n",
        "z.f90": b"module b ! second\n  use :: c\n interface\n  module procedure f\n end interface\nend module\n",
        "impl.f90": b"submodule (b) more\nend submodule\n",
        "free.f90": b"subroutine s\nend subroutine\n",
    }
    order = sources(all_languages()["fortran"], files)
    assert sorted(order) == sorted(files)
    places = {name: order.index(name) for name in files}
    assert places["a.f90"] < places["z.f90"] < places["main.f90"]
    assert places["z.f90"] < places["impl.f90"]


def test_a_circle_of_modules_is_the_compilers_to_find() -> None:
    files = {"main.f90": b"module a\nuse b\n", "b.f90": b"module b\nuse a\n"}
    assert sorted(sources(all_languages()["fortran"], files)) == ["b.f90", "main.f90"]
