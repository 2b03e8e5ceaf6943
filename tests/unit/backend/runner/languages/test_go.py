"""Go programs are built by calling compiler and linker, and by the go command where that does not do."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from backend.runner.languages.go import LANGUAGE
from backend.runner.languages.language import arguments

pytestmark = pytest.mark.any_python

Build = subprocess.CompletedProcess[str]


class Builder:
    """The cache's directory, and a work directory beside it in which programs are built as a compile step does it."""

    def __init__(self, place: Path) -> None:
        assert shutil.which("go"), "no go: `./dev python -m deploy.workstation languages` installs it"
        assert LANGUAGE.cache is not None
        assert LANGUAGE.cache.fill is not None
        self.cache, self.work, self.program = place / "cache", place / "work", place / "main"
        self.cache.mkdir()
        self.work.mkdir()
        self.tools = place / "tools"  # a PATH without the go command
        self.tools.mkdir()
        for tool in ("sh", "mkdir"):
            (self.tools / tool).symlink_to(str(shutil.which(tool)))
        self._run(LANGUAGE.cache.fill, LANGUAGE.cache.warm_up, os.environ["PATH"]).check_returncode()

    def build(
        self, source: str, *options: str, go: bool = True, files: Mapping[str, str] = MappingProxyType({})
    ) -> Build:
        """Build `source` and `files`, with or without a go command on PATH."""
        self.program.unlink(missing_ok=True)
        shutil.rmtree(self.work)
        for name, text in files.items():
            (self.work / name).parent.mkdir(parents=True, exist_ok=True)
            (self.work / name).write_text(text)
        self.work.mkdir(exist_ok=True)
        assert LANGUAGE.compile is not None
        command = arguments(LANGUAGE.compile, options)
        return self._run(command, source, os.environ["PATH"] if go else str(self.tools))

    def output(self) -> str:
        return subprocess.run([self.program], capture_output=True, text=True, check=True).stdout

    def _run(self, command: tuple[str, ...], source: str, path: str) -> Build:
        (self.work / "main.go").write_text(source)
        variables = {**dict(LANGUAGE.variables), "GOCACHE": str(self.cache), "SEEN": str(self.cache), "PATH": path}
        words = [word.replace("/program/main", str(self.program)) for word in command]
        return subprocess.run(
            words, cwd=self.work, env=variables | {"HOME": str(self.work)}, capture_output=True, text=True, check=False
        )


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("go"))


def test_a_usual_program_is_built_without_the_go_command(builder: Builder) -> None:
    for source, output in ((LANGUAGE.hello, LANGUAGE.hello_output), (LANGUAGE.sample, LANGUAGE.sample_output)):
        assert builder.build(source, go=False).returncode == 0
        assert builder.output() == output


@pytest.mark.parametrize("package", ["hash/fnv", "net/http", "database/sql", "go/types", "html/template", "testing"])
def test_all_of_the_standard_library_is_built_already(builder: Builder, package: str) -> None:
    source = f'package main\n\nimport _ "{package}"\n\nfunc main() {{ print("here") }}\n'
    assert builder.build(source, go=False).returncode == 0


def test_what_compiler_and_linker_do_not_build_the_go_command_does(builder: Builder) -> None:
    source = (
        'package main\n\nimport _ "embed"\n\n//go:embed main.go\nvar text string\n\n'
        "func main() { print(len(text) > 9) }\n"
    )
    assert builder.build(source).returncode == 0
    assert builder.build(source, go=False).returncode != 0


@pytest.mark.parametrize("module", [{}, {"go.mod": "module x\n"}])
@pytest.mark.parametrize("flag", ["-toolexec=/bin/false", "-overlay=none.json", "-tags=never -n"])
def test_a_file_of_the_go_commands_settings_changes_nothing(
    builder: Builder, module: dict[str, str], flag: str
) -> None:
    files = module | {".config/go/env": f"GOFLAGS={flag}\n", "b.go": 'package main\n\nfunc b() { println("b") }\n'}
    built = builder.build("package main\n\nfunc main() { b() }\n", files=files)
    assert (built.returncode, built.stderr) == (0, "")
    assert builder.program.exists()


def test_options_are_for_the_go_command(builder: Builder) -> None:
    assert builder.build(LANGUAGE.hello, "-gcflags=-N").returncode == 0
    assert builder.build(LANGUAGE.hello, "-gcflags=-N", go=False).returncode != 0


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("package main\n\nfunc main() {\n\tnothing()\n}\n", "./main.go:4:2: undefined: nothing"),
        ('package main\n\nimport "internal/poll"\n\nvar _ = poll.ErrNoDeadline\n', "use of internal package"),
        ('package main\n\nimport "nowhere"\n\nfunc main() {}\n', "main.go:3:8: "),
        ("package main\n", "function main is undeclared in the main package"),
    ],
)  # fmt: skip
def test_the_go_command_says_what_is_wrong(builder: Builder, source: str, message: str) -> None:
    done = builder.build(source)
    assert done.returncode != 0
    assert message in done.stderr
    assert not builder.program.exists()


def test_a_panic_names_the_file_as_the_go_command_does(builder: Builder) -> None:
    traces = []
    for options in ((), ("-tags=any",)):
        builder.build('package main\n\nfunc main() { panic("x") }\n', *options).check_returncode()
        traces.append(subprocess.run([builder.program], capture_output=True, text=True, check=False).stderr)
    assert "main.go:3" in traces[0]
    assert traces[0] == traces[1]


CALLS_OTHER = "package main\n\nfunc main() { println(other()) }\n"
OTHER = {"other.go": "package main\n\nfunc other() int { return 42 }\n"}
IN_MODULE = {
    "go.mod": "module example.org/app\n",
    "sum/sum.go": "package sum\n\nfunc Two(a, b int) int { return a + b }\n",
    "sum/sum_test.go": 'package sum\n\nimport "testing"\n\nfunc TestTwo(t *testing.T) {}\n',
}
CALLS_MODULE = 'package main\n\nimport "example.org/app/sum"\n\nfunc main() { println(sum.Two(40, 2), other()) }\n'


@pytest.mark.parametrize("options", [(), ("-gcflags=-N",)])
@pytest.mark.parametrize(
    ("source", "files"),
    [
        (CALLS_OTHER, OTHER),
        (CALLS_OTHER, OTHER | {"other_windows.go": OTHER["other.go"], "x_test.go": "package main\n"}),
        (CALLS_MODULE, IN_MODULE | OTHER),
        (CALLS_OTHER, OTHER | {"go.work": "go 1.19\nuse .\n", "go.mod": "module app\n"}),
    ],
    ids=["two files", "constraints and tests", "a module", "a workspace"],
)  # fmt: skip
def test_all_files_of_a_package_and_of_a_module_are_built(
    builder: Builder, source: str, files: dict[str, str], options: tuple[str, ...]
) -> None:
    done = builder.build(source, *options, files=files)
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([builder.program], capture_output=True, text=True, check=True).stderr.startswith("42")


def test_files_that_are_no_go_leave_the_quick_way(builder: Builder) -> None:
    assert builder.build(LANGUAGE.hello, go=False, files={"data.c": "no", "sub/x.go": "package x\n"}).returncode == 0


def test_a_module_that_is_not_there_is_named(builder: Builder) -> None:
    files = {"go.mod": "module app\n\nrequire example.org/far v1.0.0\n"}
    done = builder.build('package main\n\nimport _ "example.org/far"\n\nfunc main() {}\n', files=files)
    assert done.returncode != 0
    assert "example.org/far" in done.stderr


@pytest.mark.parametrize(
    ("source", "files", "hint"),
    [
        ("package foo\n\nfunc F() {}\n", {}, "main.go: package foo is not a program: write package main"),
        ("package foo\n", {"b.go": "package foo\n"}, "package foo is not a program"),
        ("package foo\n", {"b.go": "package main\n"}, "package foo is not a program"),
        ("package foo\n", {"go.mod": "module app\n"}, "package foo is not a program"),
        ('package main\n\nimport "C"\n\nfunc main() {}\n', {}, "cgo is off here"),
        ('package main\n\nimport (\n\t"fmt"\n\t"C"\n)\n\nfunc main() { fmt.Println() }\n', {}, "cgo is off here"),
        (CALLS_OTHER, {"other.go": 'package main\n\nimport "C"\n\nfunc other() int { return 1 }\n'}, "cgo is off here"),
    ],
)
def test_what_go_says_in_riddles_is_told(builder: Builder, source: str, files: dict[str, str], hint: str) -> None:
    done = builder.build(source, files=files)
    assert done.returncode != 0
    assert hint in done.stderr
    assert not builder.program.exists()


def test_an_error_of_another_kind_has_no_hint(builder: Builder) -> None:
    done = builder.build('package main\n\nfunc main() { println("import \\"C\\"", nothing) }\n')
    assert done.stderr.splitlines()[-1].startswith("./main.go:3:")
