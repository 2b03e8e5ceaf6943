"""Programs in real sandboxes, compiled and run by this host's toolchains."""

from __future__ import annotations

import dataclasses

import pytest

from backend.runner.execution.executor import Executor
from backend.runner.execution.offer import Offer
from backend.runner.execution.request import RunRequest
from backend.runner.languages import all_languages
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from tests.unit.backend.runner.conftest import Place, RunProgram


def test_a_terminal_says_what_it_is_and_pipes_do_not(run_program: RunProgram) -> None:
    source = "env | grep ^TERM= || echo none; tput colors 2>&1"
    inside = run_program("bash", source, terminal=(25, 80))
    assert inside.stdout.split() == [b"TERM=xterm-256color", b"256"]
    assert run_program("bash", source).stdout.split()[0] == b"none"


@pytest.mark.parametrize("size", [0, 1, 70_000])
def test_sqlite_reads_its_input_as_a_file_as_often_as_it_likes(run_program: RunProgram, size: int) -> None:
    program = "SELECT length(readfile('/dev/stdin'));\n.import /dev/stdin t\n" if size > 1 else ""
    program += "SELECT length(readfile('/dev/stdin')), substr(CAST(readfile('/dev/stdin') AS TEXT), 1, 3);"
    outcome = run_program("sqlite", program, stdin=(b"a\nb" * size)[:size])
    assert outcome.stderr == b""
    assert outcome.stdout == {0: b"0|\n", 1: b"1|a\n", 70_000: b"70000\n70000|a\nb\n"}[size]


FURTHER = {
    "c": (
        '#include <stdio.h>\n#include "util.h"\nint main(void) { printf("%d\\n", twice(21)); }\n',
        {"util.h": "int twice(int);\n", "lib/util.c": "int twice(int n) { return 2 * n; }\n"},
    ),
    "c includes c": (
        '#include <stdio.h>\n#include "util.c"\nint main(void) { printf("%d\\n", twice(21)); }\n',
        {"util.c": "int twice(int n) { return 2 * n; }\n"},
    ),
    "c and assembly": (
        '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%d\\n", answer()); }\n',
        {"answer.s": ".globl answer\nanswer: movl $42, %eax\n ret\n.section .note.GNU-stack\n"},
    ),
    "c++": (
        '#include <iostream>\n#include "util.hpp"\nint main() { std::cout << twice(20) + two() << "\\n"; }\n',
        {
            "util.hpp": 'int twice(int);\nextern "C" int two(void);\n',
            "util.cc": "int twice(int n) { return 2 * n; }\n",
            "two.c": '#ifdef __cplusplus\nextern "C"\n#endif\nint two(void) { return 2; }\n',
        },
    ),
    "go": (
        "package main\n\nfunc main() { show(42) }\n",
        {"x.go": 'package main\n\nimport "fmt"\n\nfunc show(n int) { fmt.Println(n) }\n'},
    ),
    "go module": (
        'package main\n\nimport "app/util"\n\nfunc main() { show(util.Twice(21)) }\n',
        {
            "go.mod": "module app\n",
            "show.go": 'package main\n\nimport "fmt"\n\nfunc show(n int) { fmt.Println(n) }\n',
            "util/util.go": "package util\n\nfunc Twice(n int) int { return 2 * n }\n",
        },
    ),
    "rust": (
        'mod util;\nfn main() { println!("{}", util::twice(21)); }\n',
        {"util.rs": "pub fn twice(n: i32) -> i32 { 2 * n }\n"},
    ),
    "java": (
        "public class App { public static void main(String[] a) { System.out.println(lib.Util.twice(21)); } }\n",
        {"lib/Util.java": "package lib;\npublic class Util { public static int twice(int n) { return 2 * n; } }\n"},
    ),
    "typescript": (
        'import { twice } from "./lib/util";\nconsole.log(String(twice(21)));\n',
        {"lib/util.ts": "export const twice = (n: number): number => 2 * n;\n"},
    ),
}


@pytest.mark.parametrize("case", FURTHER)
def test_further_sources_are_compiled_with_the_program(run_program: RunProgram, case: str) -> None:
    source, files = FURTHER[case]
    outcome = run_program(case.partition(" ")[0], source, files)
    assert (outcome.stderr.decode(), outcome.stdout) == ("", b"42\n")


def test_a_name_is_never_an_option_of_the_compiler(run_program: RunProgram) -> None:
    files = {"@options.c": "int a;\n", "-include.c": "int b;\n", "-o.c": "int c;\n"}
    outcome = run_program("c", '#include <stdio.h>\nint main(void) { puts("42"); }\n', files)
    assert (outcome.stderr.decode(), outcome.stdout) == ("", b"42\n")


SETTINGS = {
    ".sqliterc": ".print EVIL\n",
    ".config/go/env": "GOFLAGS=-toolexec=/work/evil.sh\n",
    ".npmrc": "node-options=--require /work/evil.js\n",
    ".cargo/config.toml": '[build]\nrustc-wrapper = "/work/evil.sh"\n',
    "rust-toolchain.toml": '[toolchain]\nchannel = "none"\n',
    "rustfmt.toml": "bogus\n",
    ".perltidyrc": "--bogus\n",
    ".irbrc": "puts 'EVIL'\n",
    ".gemrc": "{\n",
    "pyproject.toml": "[bogus\n",
    "pyvenv.cfg": "home = /nowhere\n",
    "sitecustomize.py": "print('EVIL')\n",
    "usercustomize.py": "print('EVIL')\n",
    ".bashrc": "echo EVIL\n",
    ".profile": "echo EVIL\n",
    "specs": "*link:\nbogus\n",
}
"""What tools read without being told."""


@pytest.mark.parametrize(
    "name", ["bash", "c", "c++", "go", "java", "nodejs", "perl", "python3", "rust", "sqlite", "typescript"]
)
def test_settings_among_the_files_do_nothing(run_program: RunProgram, name: str) -> None:
    language = all_languages()[name]
    outcome = run_program(name, language.hello, SETTINGS)
    assert (outcome.stderr.decode(), outcome.stdout.decode()) == ("", language.hello_output)


@pytest.mark.parametrize("depth", [80, 300])
def test_a_compile_that_leaves_what_is_not_kept_is_the_programs_fault(place: Place, host: Host, depth: int) -> None:
    compiler = ("sh", "-c", f"cd /program; for n in $(seq {depth}); do mkdir ddd; cd ddd; done")
    language = dataclasses.replace(all_languages()["bash"], compile=compiler)
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset())
    request = RunRequest(language=language, source=b"echo", limits=Limits())
    outcome = place.do(executor.execute(place.slot, request))
    assert outcome.compile is not None
    assert (outcome.status, outcome.compile.status) == ("compile_error", "compile_error")
    assert outcome.error.startswith("compilation left more than is kept")


OVERFLOW = """
fn main() {
    std::env::set_var("RUST_BACKTRACE", "full");
    let many: u8 = std::env::args().count() as u8 + 254;
    println!("{}", added(many));
}

#[inline(never)]
fn added(n: u8) -> u8 {
    n + 1
}
"""


def test_rust_panics_at_an_overflow_and_names_the_function(run_program: RunProgram) -> None:
    outcome = run_program("rust", OVERFLOW)
    assert (outcome.exit_code, outcome.stdout) == (101, b""), outcome.stderr.decode()
    assert b"attempt to add with overflow" in outcome.stderr
    assert b"main::added" in outcome.stderr
    detailed = run_program("rust", OVERFLOW, options=("-Cdebuginfo=1",)).stderr
    assert b"main.rs:10:5\n" in detailed.partition(b"main::added")[2]
    assert run_program("rust", OVERFLOW, options=("-Coverflow-checks=off",)).stdout == b"0\n"
