"""Files that come back, files that may be executed, environments and the order of output, in real sandboxes."""

from __future__ import annotations

import pytest

from backend.runner.errors import InvalidRequest
from backend.runner.execution.environment import check_environment
from backend.runner.execution.outcome import Outcome, Status
from backend.runner.execution.request import COLLECT_BYTES, check_collect
from backend.runner.languages import all_languages
from backend.runner.sandbox.limits import Limits
from tests.unit.backend.runner.conftest import RunProgram

WRITES = """
mkdir -p out/deep .hidden
printf one > a.png; printf two > out/b.png; printf three > out/deep/c.txt; printf four > .hidden/d.png
printf five > .e.png; ln -s /etc/passwd link.png; mkfifo pipe.png; mkdir dir.png; : > empty.png
"""


def _names(outcome: Outcome) -> list[str]:
    assert outcome.files is not None
    return [one.name for one in outcome.files]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("*.png",), ["a.png", "empty.png", "out/b.png"]),
        (("out/*",), ["out/b.png"]),
        (("out/**",), ["out/b.png", "out/deep/c.txt"]),
        (("**/c.txt",), ["out/deep/c.txt"]),
        (("**/?.???",), ["a.png", "out/b.png", "out/deep/c.txt"]),
        (("**/deep/*",), ["out/deep/c.txt"]),
        ((".hidden/*",), [".hidden/d.png"]),
        ((".*",), [".e.png"]),
        (("a.png", "*.txt"), ["a.png", "out/deep/c.txt"]),
        (("*a*p*g*x", "nothing"), []),
        (("out", "dir.png", "link.png", "pipe.png"), []),
    ],
)
def test_files_that_match_come_back(run_program: RunProgram, patterns: tuple[str, ...], names: list[str]) -> None:
    assert _names(run_program("bash", WRITES, collect=patterns)) == names


def test_a_file_comes_back_byte_for_byte_and_what_was_sent_does_not(run_program: RunProgram) -> None:
    source = "printf '\\000\\377' > x.bin; printf new > changed; printf same > same"
    files = {"same": "same", "changed": "old", "kept": "kept"}
    outcome = run_program("bash", source, collect=("*",), files=files)
    assert outcome.files is not None
    assert {one.name: one.content for one in outcome.files} == {"x.bin": b"\0\xff", "changed": b"new"}


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("exit 3", Status.RUNTIME_ERROR),
        ("kill -9 $$", Status.RUNTIME_ERROR),
        ("sleep 60", Status.TIMEOUT),
        ("(while :; do printf more >> x; done) & exit 0", Status.OK),
    ],
)
def test_files_come_back_however_a_run_ends(run_program: RunProgram, ending: str, status: Status) -> None:
    outcome = run_program("bash", f"printf before > x\n{ending}\n", collect=("x",), limits=Limits(timeout=1))
    assert outcome.status is status
    assert _names(outcome) == ["x"]


def test_more_than_may_come_back_is_told_of_and_left_out(run_program: RunProgram) -> None:
    source = "head -c 3000000 /dev/zero > a; head -c 3000000 /dev/zero > b; printf small > c; truncate -s 60M sparse"
    outcome = run_program("bash", source, collect=("*",))
    assert outcome.files is not None
    sizes = {one.name: (one.size, one.content is None) for one in outcome.files}
    assert sizes["c"] == (5, False)
    assert sizes["sparse"] == (60 << 20, True)
    assert sorted((sizes["a"], sizes["b"])) == [(3000000, False), (3000000, True)]
    assert sum(len(one.content or b"") for one in outcome.files) <= COLLECT_BYTES


def test_very_many_files_and_odd_names_do_not_hold_up_an_answer(run_program: RunProgram) -> None:
    source = r"for i in {1..5000}; do : > f$i; done; mkdir -p $(printf 'd/%.0s' {1..90}); : > $'\xff'"
    outcome = run_program("bash", source, collect=("*",), limits=Limits(timeout=8))
    assert outcome.files is not None
    assert 1 <= len(outcome.files) <= 256
    named = run_program("bash", r"printf x > $'\xff'; printf y > $'\xfe'", collect=("?",))
    assert _names(named) == ["\\xfe", "\\xff"]


def test_nothing_was_asked_for_and_nothing_came_back(run_program: RunProgram) -> None:
    assert run_program("bash", "printf x > a.png").files is None
    assert run_program("bash", "true", collect=("*.png",)).files == ()


def test_the_next_run_is_as_ever_after_files_came_back(run_program: RunProgram) -> None:
    for _ in range(3):
        assert _names(run_program("python3", "open('x', 'w').write('1')", collect=("x",))) == ["x"]
        assert run_program("python3", "import os; print(os.listdir())").stdout == b"['main.py']\n"


@pytest.mark.parametrize("pattern", ["", "/x", "../x", "a//b", "a/./b", "x" * 201, "a\0b"])
def test_patterns_that_no_file_could_match_are_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequest, match="collect"):
        check_collect((pattern,))


# ── files that may be executed ──────────────────────────────────────────────────────────────────────────────


def test_only_files_that_are_said_to_be_executable_are(run_program: RunProgram) -> None:
    files = {"tool": "#!/bin/sh\necho tool $1\n", "other": "#!/bin/sh\necho other\n"}
    outcome = run_program("bash", "./tool 1; ./other || echo $?", files=files, executables=frozenset({"tool"}))
    assert outcome.stdout == b"tool 1\n126\n"
    python = "import subprocess; print(subprocess.run(['./tool', '2'], capture_output=True).stdout)"
    outcome = run_program("python3", python, files=files, executables=frozenset({"tool"}))
    assert outcome.stdout == b"b'tool 2\\n'\n"


# ── environments ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("bash", 'printf "%s\\n" "$GREETING"'),
        ("python3", "import os; print(os.environ['GREETING'])"),
        ("nodejs", "console.log(process.env.GREETING)"),
        ("c", '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(getenv("GREETING")); }\n'),
    ],
)
def test_variables_reach_the_program(run_program: RunProgram, language: str, source: str) -> None:
    assert run_program(language, source, env={"GREETING": "Grüße, = \n$x"}).stdout == "Grüße, = \n$x\n".encode()


def test_a_time_zone_holds_from_the_first_line_on(run_program: RunProgram) -> None:
    source = "import time; print(time.strftime('%H', time.localtime(0)))"
    assert run_program("python3", source, env={"TZ": "UTC-5"}).stdout == b"05\n"
    assert run_program("nodejs", "console.log(new Date(0).getHours())", env={"TZ": "UTC-5"}).stdout == b"5\n"


@pytest.mark.parametrize(
    "name",
    ["LD_PRELOAD", "LD_AUDIT", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS", "RUBYOPT", "PERL5OPT", "BASH_ENV", "PATH",
     "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "GCONV_PATH", "GOFLAGS", "LUA_INIT", "R_PROFILE",
     "GLIBC_TUNABLES", "PHPRC", "ERL_FLAGS", "GHCRTS", "MONO_PATH", "CPATH", "BASH_FUNC_x"],
)  # fmt: skip
def test_what_loaders_and_interpreters_obey_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"env: {name} "):
        check_environment({name: "x"})


def test_what_a_language_declares_is_refused_and_ordinary_names_are_not() -> None:
    for language in all_languages().values():
        for name, _ in language.variables:
            with pytest.raises(InvalidRequest, match=name):
                check_environment({name: "x"})
    ordinary = {"DEBUG": "1", "GOAL": "x", "TZ": "UTC", "LANG": "de_DE.UTF-8", "LC_ALL": "C", "PYTHONHASHSEED": "0"}
    assert check_environment(ordinary) == ordinary


@pytest.mark.parametrize(
    "env", [{"": "x"}, {"A=B": "x"}, {"1A": "x"}, {"Ä": "x"}, {"A": "a\0b"}, {"A": "x" * 65537}, {"A": "\ud800"}]
)
def test_names_and_values_that_cannot_be_are_refused(env: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="env: "):
        check_environment(env)


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────────

IN_ORDER = {
    "bash": "for i in {1..200}; do echo o$i; echo e$i >&2; done",
    "python3": "import sys\nfor i in range(1, 201):\n    print(f'o{i}', flush=True); print(f'e{i}', file=sys.stderr)\n",
    "nodejs": "for (let i = 1; i <= 200; i++) { console.log(`o${i}`); console.error(`e${i}`); }",
    "c": (
        '#include <stdio.h>\nint main(void) { for (int i = 1; i <= 200; i++) { printf("o%d\\n", i); fflush(stdout); '
        'fprintf(stderr, "e%d\\n", i); } }\n'
    ),
}


@pytest.mark.parametrize("language", IN_ORDER)
def test_both_streams_come_in_their_order_where_that_is_asked_for(run_program: RunProgram, language: str) -> None:
    outcome = run_program(language, IN_ORDER[language], ordered=True)
    assert outcome.output == "".join(f"o{i}\ne{i}\n" for i in range(1, 201)).encode()
    assert outcome.stdout == "".join(f"o{i}\n" for i in range(1, 201)).encode()
    assert outcome.stderr == "".join(f"e{i}\n" for i in range(1, 201)).encode()


def test_parents_and_children_keep_their_order(run_program: RunProgram) -> None:
    source = "echo 1; bash -c 'echo 2 >&2'; (echo 3; echo 4 >&2) ; bash -c 'exec 2>&1; echo 5 >&2'; echo 6 >&2"
    assert run_program("bash", source, ordered=True).output == b"1\n2\n3\n4\n5\n6\n"


def test_output_is_there_without_being_asked_for_and_counts_once(run_program: RunProgram) -> None:
    outcome = run_program("bash", "echo one; sleep 0.2; echo two >&2; sleep 0.2; echo three")
    assert outcome.output == b"one\ntwo\nthree\n"
    assert run_program("bash", "echo only >&2").output == b"only\n"
    large = run_program("bash", "for i in 1 2 3 4 5 6; do head -c 100000 /dev/zero; head -c 100000 /dev/zero >&2; done",
                        ordered=True)  # fmt: skip
    assert (len(large.output), large.truncated) == (1 << 20, True)


def test_what_the_compiler_said_comes_first(run_program: RunProgram) -> None:
    source = '#include <stdio.h>\n#warning careful\nint main(void) { puts("ran"); }\n'
    output = run_program("c", source).output.decode()
    assert output.index("careful") < output.index("ran")
