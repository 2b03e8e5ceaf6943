"""A compiler that meets a limit or crashes: the user is told what to do, and never to report a bug."""

from __future__ import annotations

import pytest

from backend.runner.execution.executor import Executor
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Outcome, Status, describe
from backend.runner.execution.request import formatting
from backend.runner.languages import all_languages
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.verdict import Ending, Verdict
from tests.unit.backend.runner.conftest import Place, RunProgram

pytestmark = pytest.mark.any_python

_DEEP = "(" * 100_000 + "1" + ")" * 100_000
_REPORT = (
    "Please submit a full bug report, with preprocessed source (by using -freport-bug).\n"
    "See <file:///usr/share/doc/gcc-14/README.Bugs> for instructions.\n"
)


def _no_report(outcome: Outcome) -> bool:
    text = outcome.error + outcome.stderr.decode() + outcome.output.decode()
    return not any(words in text.lower() for words in ("bug", "report", "internal compiler error", "backtrace"))


def test_a_file_that_grows_too_large_is_a_limit(run_program: RunProgram) -> None:
    outcome = run_program("c", "int a[1 << 29] = {1};\nint main(void) { return a[0]; }\n")
    assert outcome.status is Status.DISK_LIMIT
    assert outcome.compile is not None
    assert outcome.compile.status is Status.DISK_LIMIT
    assert outcome.error.startswith("compilation wrote more than")
    assert "make the program smaller" in outcome.error
    assert _no_report(outcome)


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("rust", "static A: [u8; 1 << 30] = [1; 1 << 30];\nfn main() { println!(\"{}\", A[5]); }\n"),
        ("go", "package main\n\nvar a = [1 << 28]int{5: 1, 1 << 27: 2}\n\nfunc main() { println(a[5]) }\n"),
    ],
)  # fmt: skip
def test_memory_is_a_limit(run_program: RunProgram, language: str, source: str) -> None:
    outcome = run_program(language, source)
    assert outcome.status is Status.MEMORY_LIMIT
    assert outcome.error == (
        "compilation used more than 1048576 KiB of memory: make the program smaller, for example by filling large"
        " tables while it runs"
    )


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("c", f"int main(void) {{ return {_DEEP}; }}\n"),
        ("rust", f"fn main() {{ let _ = {_DEEP}; }}\n"),
        ("java", f"public class Main {{ int x = {_DEEP}; public static void main(String[] a) {{}} }}\n"),
    ],
)
def test_a_crash_says_what_it_comes_of(run_program: RunProgram, language: str, source: str) -> None:
    outcome = run_program(language, source)
    assert outcome.status is Status.COMPILE_ERROR
    assert "the program nests too deeply, or is too large for it" in outcome.error
    assert _no_report(outcome)
    assert len(outcome.stderr) < 2000


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("gcc: fatal error: Killed signal terminated program cc1\ncompilation terminated.\n", Status.MEMORY_LIMIT),
        (f"g++: internal compiler error: Killed signal terminated program cc1plus\n{_REPORT}", Status.MEMORY_LIMIT),
        ("cc1: out of memory allocating 65536 bytes after a total of 1000 bytes\n", Status.MEMORY_LIMIT),
        ("collect2: fatal error: ld terminated with signal 9 [Killed]\n", Status.MEMORY_LIMIT),
        ("# command-line-arguments\n/usr/lib/go/pkg/tool/compile: signal: killed\n", Status.MEMORY_LIMIT),
        ("memory allocation of 1073741824 bytes failed\n", Status.MEMORY_LIMIT),
        ("java.lang.OutOfMemoryError: Java heap space\n\tat a.b(C.java:1)\n", Status.MEMORY_LIMIT),
        ("collect2: fatal error: ld terminated with signal 25 [File size limit exceeded]\n", Status.DISK_LIMIT),
        (f"main.c:1:1: internal compiler error: Segmentation fault\n0x55 x\n{_REPORT}", Status.COMPILE_ERROR),
    ],
)
def test_a_compilers_own_words_are_understood(said: str, status: Status) -> None:
    outcome = describe(Verdict(ending=Ending.EXITED, exit_code=1, stderr=said.encode()), Limits(), compiling=True)
    assert outcome.status is status
    assert outcome.compile is not None
    assert outcome.compile.status is status
    assert _no_report(outcome)


def test_what_is_said_of_a_program_stays_as_it_is() -> None:
    said = b'main.c:2:2: error: #error "report this: out of memory, internal compiler error"\n    backtrace\n'
    outcome = describe(Verdict(ending=Ending.EXITED, exit_code=1, stderr=said), Limits(), compiling=True)
    assert (outcome.status, outcome.error, outcome.stderr) == (
        Status.COMPILE_ERROR, "compilation failed: exit status 1", said,
    )  # fmt: skip


@pytest.mark.parametrize("brackets", ["()", "[]", "{}"])
def test_python_that_nests_too_deeply_is_told_so_before_black_begins(place: Place, host: Host, brackets: str) -> None:
    source = f"x = {brackets[0] * 5000}{brackets[1] * 5000}\n"
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset())
    outcome = place.do(executor.execute(place.slot, formatting(all_languages()["python3"], source.encode(), 10)))
    assert (outcome.status, outcome.exit_code) == (Status.RUNTIME_ERROR, 1)
    assert outcome.stderr.startswith(b"error: main.py nests too deeply")
