import re
from pathlib import Path

import pytest

from backend.runner import languages
from backend.runner.languages import Language, all_languages, in_order
from backend.runner.languages.language import OPTIONS, PROGRAM, arguments

EVERY = pytest.mark.parametrize("language", all_languages().values(), ids=lambda language: language.name)
CORE = {"bash", "c", "c++", "go", "nodejs", "python3", "rust", "java", "ruby", "typescript"}


def test_the_languages_are_sorted_and_the_core_ones_among_them() -> None:
    declared = all_languages()
    assert list(declared) == sorted(declared)
    assert len(declared) >= 24
    assert {name for name, language in declared.items() if language.core} == CORE


def test_lists_for_clients_begin_with_those_that_people_expect() -> None:
    names = in_order(all_languages())
    assert names[:6] == ["python3", "nodejs", "c++", "go", "bash", "rust"]
    assert names[6:] == sorted(names[6:])
    assert sorted(names) == list(all_languages())
    assert in_order(["zig", "rust", "ada", "go"]) == ["go", "rust", "ada", "zig"]


@EVERY
def test_a_declaration_is_complete(language: Language) -> None:
    assert language.title
    assert language.packages
    assert language.hello_output == "Hello, world!\n"
    assert 7 <= language.sample.count("\n") <= 45
    assert language.sample_output.endswith("\n")
    assert Path(language.source).name == language.source
    command = language.compile or language.run
    assert language.source in " ".join(command)
    assert not language.sources or command.count(language.source) == 1
    assert not language.sources or language.source.endswith(language.sources)


@EVERY
def test_options_go_where_the_command_says_and_have_a_meaning(language: Language) -> None:
    command = language.run if language.compile is None else language.compile
    assert command.count(OPTIONS) == bool(language.options)
    assert OPTIONS not in (language.run if language.compile else ())
    for pattern, meaning in language.options.items():
        re.compile(pattern)
        assert meaning


@EVERY
@pytest.mark.parametrize(
    "option",
    [
        *(
            "-o/work/x",
            "-o",
            "-I/etc",
            "-include/etc/passwd",
            "@file",
            "-fplugin=x.so",
            "-wrapper",
            "-B/work",
            "-specs=x",
        ),
        *("-Wl,-rpath=/", "-Wa,-a", "-Wp,-D", "-x", "-", "--", "main.c", "/etc/passwd", "-e", "-c", "-r/work/x.so"),
        *(
            "-Clinker=/work/x",
            "-Clink-arg=x",
            "-ldflags=-X",
            "-toolexec=x",
            "-J-agentpath:x",
            "-processor",
            "-pgmF",
            "-F",
        ),
        *(
            "--require=x",
            "--eval",
            "--import=x",
            "--inspect",
            "-Xshare",
            "-Xnative",
            "-d/",
            "-exec",
            "-DX=1 -I/",
            "-g\n",
        ),
    ],
)
def test_no_language_takes_an_option_that_names_a_file_or_runs_something(language: Language, option: str) -> None:
    assert not [pattern for pattern in language.options if re.fullmatch(pattern, option)]


@pytest.mark.parametrize(
    ("name", "option"),
    [
        *(
            ("c", option)
            for option in (
                "-O0",
                "-O3",
                "-std=c99",
                "-Wall",
                "-Wno-unused",
                "-Wformat=2",
                "-lm",
                "-g",
                "-pedantic",
                "-Wpedantic",
            )
        ),
        *(("c++", option) for option in ("-std=c++23", "-DNDEBUG", "-DLIMIT=10", "-pthread", "-fno-exceptions")),
        *(("rust", option) for option in ("--edition=2018", "-Copt-level=0")),
        *(("python3", option) for option in ("-O", "-Xdev", "-Werror")),
        *(("haskell", option) for option in ("-Wall", "-XLambdaCase")),
    ],
)
def test_what_people_ask_for_is_allowed(name: str, option: str) -> None:
    assert any(re.fullmatch(pattern, option) for pattern in all_languages()[name].options)


def test_options_take_the_place_that_the_command_keeps_for_them() -> None:
    command = ("gcc", "-std=gnu17", "-O2", OPTIONS, "-o", PROGRAM)
    assert arguments(command) == ("gcc", "-std=gnu17", "-O2", "-o", PROGRAM)
    assert arguments(command, ("-Wall", "-O0")) == ("gcc", "-std=gnu17", "-O2", "-Wall", "-O0", "-o", PROGRAM)


def test_an_option_with_a_value_replaces_that_of_the_command() -> None:
    command = ("rustc", "--edition=2021", "-Copt-level=2", OPTIONS, "main.rs")
    assert arguments(command, ("--edition=2018",)) == ("rustc", "-Copt-level=2", "--edition=2018", "main.rs")


def test_names_and_aliases_are_one_language_each() -> None:
    names = [name for language in all_languages().values() for name in (language.name, *language.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() for name in names)


def test_a_file_added_is_a_language_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(languages.__file__).with_name("bash.py").read_text(encoding="utf-8")
    (tmp_path / "zsh_for_a_test.py").write_text(source.replace('name="bash"', 'name="zsh"'), encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    assert "zsh" in all_languages()


def test_a_name_declared_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(languages.__file__).with_name("bash.py").read_text(encoding="utf-8")
    (tmp_path / "bash_twice_for_a_test.py").write_text(source, encoding="utf-8")
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="another module declares"):
        all_languages()


def test_the_documentation_lists_every_language_as_it_is_declared() -> None:
    page = Path(__file__).parents[5].joinpath("docs/languages.md").read_text(encoding="utf-8")
    rows = [
        re.split(r" *\| *", line.strip("| "))
        for line in page.splitlines()
        if re.match(r"\| `[^`]+` \| [^|]+ \| *[`|]", line)
    ]
    listed = {row[0].strip("`"): row for row in rows}
    assert list(listed) == list(all_languages())
    for name, language in all_languages().items():
        row = [cell for cell in listed[name] if cell]
        aliases = ", ".join(f"`{alias}`" for alias in language.aliases)
        wanted = [f"`{name}`", language.title, aliases, f"`{language.source}`", "yes" if language.core else ""]
        assert row[:-1] == [cell for cell in wanted if cell]
        assert float(row[-1]) >= 0
