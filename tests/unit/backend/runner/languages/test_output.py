"""What a program printed is there in time: when it is killed, beside its children's, and before it reads an answer."""

# ruff: noqa: E501 - programs, a line each

import asyncio

import pytest

from backend.runner.execution.executor import Executor
from backend.runner.execution.listener import Controls, Listener
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import CompileReport, Outcome, Status
from backend.runner.execution.request import RunRequest
from backend.runner.languages import all_languages
from backend.runner.sandbox.host import TEMPLATE_PLACE, Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.spares import Recipe
from tests.unit.backend.runner.conftest import Place, RunProgram

pytestmark = pytest.mark.any_python

_C = "#include <stdio.h>\n#include <stdlib.h>\n#include <signal.h>\n#include <unistd.h>\nint main(void) {{ {} }}"
_CPP = "#include <iostream>\n#include <cstdlib>\n#include <csignal>\n#include <string>\n#include <unistd.h>\nint main() {{ {} }}"

ORDER = {
    "c": _C.format('puts("one"); system("echo two"); printf("%s\\n", "three"); END'),
    "c++": _CPP.format('std::cout << "one\\n"; system("echo two"); std::cout << "three\\n"; END'),
    "python3": "import os, time\nprint('one')\nos.system('echo two')\nprint('three')\nEND",
    "ruby": "puts 'one'\nsystem('echo two')\nputs 'three'\nEND",
    "perl": 'print "one\\n"; system(\'echo two\'); print "three\\n"; END',
    "bash": "echo one; sh -c 'echo two'; echo three; END",
    "nodejs": "console.log('one'); require('child_process').execSync('echo two', {stdio: 'inherit'}); console.log('three'); END",
}
WAITS = {
    "c": "sleep(9);", "c++": "sleep(9);", "python3": "time.sleep(9)", "ruby": "sleep 9", "perl": "sleep 9;",
    "bash": "sleep 9", "nodejs": "setTimeout(() => 0, 9000);",
}  # fmt: skip
KILLS = {
    "c": "raise(SIGKILL);", "c++": "raise(SIGKILL);", "python3": "os.kill(os.getpid(), 9)", "ruby": "Process.kill(9, $$)",
    "perl": "kill 9, $$;", "bash": "kill -9 $$", "nodejs": "process.kill(process.pid, 'SIGKILL');",
}  # fmt: skip
ABORTS = {
    "c": "abort();", "c++": "abort();", "python3": "os.abort()", "perl": "kill 'ABRT', $$;",
    "ruby": "Process.kill(:SEGV, $$); sleep 1", "bash": "kill -SEGV $$", "nodejs": "process.abort();",
}  # fmt: skip


@pytest.mark.parametrize("language", ORDER)
@pytest.mark.parametrize(("end", "status"), [("waits", Status.TIMEOUT), ("kills", Status.RUNTIME_ERROR), ("aborts", Status.RUNTIME_ERROR)])  # fmt: skip
def test_lines_are_there_in_their_order_however_it_ends(
    run_program: RunProgram, language: str, end: str, status: Status
) -> None:
    last = {"waits": WAITS, "kills": KILLS, "aborts": ABORTS}[end][language]
    outcome = run_program(language, ORDER[language].replace("END", last), limits=Limits(timeout=1.5, memory_kb=1 << 20))
    assert (outcome.status, outcome.stdout) == (status, b"one\ntwo\nthree\n"), outcome.stderr


PROMPTS = {
    "c": _C.format('char name[9]; printf("name? "); scanf("%8s", name);'),
    "c++": _CPP.format('std::string name; std::cout << "name? "; std::cin >> name;'),
    "python3": "input('name? ')",
    "ruby": "print 'name? '; gets",
    "perl": 'print "name? "; <STDIN>;',
    "bash": "printf 'name? '; read -r name",
}


@pytest.mark.parametrize("language", PROMPTS)
def test_a_prompt_comes_before_its_answer(run_program: RunProgram, language: str) -> None:
    limits = Limits(timeout=1, memory_kb=1 << 20)
    outcome = run_program(language, PROMPTS[language], limits=limits, interactive=True)
    assert (outcome.status, outcome.stdout) == (Status.TIMEOUT, b"name? ")


FLOODS = {
    "c": _C.format('for (int i = 0; i < 100000; i++) puts("line"); fflush(stdout); usleep(100000); puts("late"); sleep(9);'),
    "c++": _CPP.format('for (int i = 0; i < 100000; i++) std::cout << "line\\n"; std::cout.flush(); usleep(100000); std::cout << "late\\n"; sleep(9);'),
    "python3": "import sys, time\nfor i in range(100000): print('line')\nsys.stdout.flush()\ntime.sleep(0.1)\nprint('late')\ntime.sleep(9)",
    "ruby": "100000.times { puts 'line' }\nsleep 0.1\nputs 'late'\nsleep 9",
    "perl": 'print "line\\n" for 1..100000; select(undef, undef, undef, 0.1); print "late\\n"; sleep 9;',
}  # fmt: skip


@pytest.mark.parametrize("language", FLOODS)
def test_after_a_flood_of_lines_they_are_written_as_they_end_again(run_program: RunProgram, language: str) -> None:
    limits = Limits(timeout=2.5, memory_kb=1 << 20, output_bytes=1 << 20)
    outcome = run_program(language, FLOODS[language], limits=limits)
    assert outcome.status is Status.TIMEOUT
    assert outcome.stdout == b"line\n" * 100000 + b"late\n"


@pytest.mark.parametrize(
    ("language", "source"),
    [
        ("ruby", "10000.times { puts 'line' }\nsystem('echo child')\nputs 'after'\n$stderr.puts 'e'\nexit!(3)"),
        (
            "perl",
            'print "line\\n" for 1..10000; system("echo child"); print "after\\n"; use POSIX (); POSIX::_exit(3);',
        ),
    ],
)
def test_a_flood_stands_before_what_comes_after_it(run_program: RunProgram, language: str, source: str) -> None:
    outcome = run_program(language, source)
    assert (outcome.exit_code, outcome.stdout) == (3, b"line\n" * 10000 + b"child\nafter\n")


def test_nothing_of_how_it_is_done_is_seen(run_program: RunProgram) -> None:
    seen = {
        "python3": "import os, sys\nprint(sorted(os.environ), [p for p in sys.path if 'opt' in p])",
        "perl": "print join(',', sort keys %ENV), join(',', grep { /opt/ } @INC, keys %INC), qq(\\n);",
        "ruby": "puts ENV.keys.sort.join(','), $LOAD_PATH.grep(/opt/).join",
    }
    for language, source in seen.items():
        outcome = run_program(language, source)
        assert outcome.status is Status.OK
        for hidden in (b"PYTHONPATH", b"LD_PRELOAD", b"/opt", b"lines"):
            assert hidden not in outcome.stdout, outcome.stdout


@pytest.mark.parametrize("option", ["-fsanitize=address", "-fsanitize=undefined", "-pthread", "-Wall", "-g"])
def test_options_bear_it(run_program: RunProgram, option: str) -> None:
    source = (
        '#include <stdio.h>\nint puts(const char *text);\nint main(void) { puts("one"); printf("%d\\n", 2); return 0; }'
    )
    outcome = run_program("c", source, options=(option,), limits=Limits(timeout=20, memory_kb=1 << 20))
    assert outcome.stdout == b"one\n2\n"


def test_a_program_may_have_functions_of_those_names(run_program: RunProgram) -> None:
    source = '#include <unistd.h>\nint puts(const char *text) { return (int)write(1, text, 3); }\nint putc(int a) { return a; }\nint main(void) { return puts("own") != 3 || putc(5) != 5; }'
    outcome = run_program("c", source, options=("-fno-inline",))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"own"), outcome.stderr


def _forked(place: Place, host: Host, source: str) -> Outcome:
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset({"fork_server"}))
    language = all_languages()["python3"]
    variables = (*executor.variables.of_waiting_run(language), ("PYTHONPATH", TEMPLATE_PLACE))
    recipe = Recipe(command=("/usr/bin/python3", "-B", "main.py"), variables=variables, limits=Limits())

    async def run() -> Outcome:
        await place.slot.open()
        place.slot.spares.add_templates(recipe, 1)
        for _ in range(2000):
            if place.slot.spares.templates:
                break
            await asyncio.sleep(0.01)
        limits = Limits(timeout=1.5, output_bytes=1 << 20)
        return await executor.execute(place.slot, RunRequest(language=language, source=source.encode(), limits=limits))

    return place.do(run())


@pytest.mark.parametrize(
    "source", [ORDER["python3"].replace("END", WAITS["python3"]), FLOODS["python3"]], ids=["waits", "flood"]
)
def test_a_forked_python_writes_its_lines_likewise(place: Place, host: Host, source: str) -> None:
    outcome = _forked(place, host, source)
    assert outcome.status is Status.TIMEOUT
    assert outcome.stdout in (b"one\ntwo\nthree\n", b"line\n" * 100000 + b"late\n")


def test_what_is_linked_in_is_there(host: Host) -> None:
    assert {path.name for path in (host.launcher / "output").iterdir()} >= {
        "lines.o",
        "lines.so",
        "lines.pm",
        "lines.rb",
    }


class _Answering(Listener):
    """Answers a prompt, and keeps what came after the program had gone to sleep apart."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._controls: Controls | None = None

    def phase(self, name: str, compiled: CompileReport | None = None) -> None:
        """Nothing to do."""

    def started(self, controls: Controls) -> None:
        self._controls = controls

    def output(self, stream: str, data: bytes) -> None:
        self.heard.append(data)
        if data.endswith(b"? ") and self._controls is not None:
            self._controls.stdin(b"bob\n")


TALKS = {
    "c": _C.format('char n[9]; printf("name? "); scanf("%8s", n); printf("hi %s\\n", n); usleep(300000); puts("end");'),
    "c++": _CPP.format('std::string n; std::cout << "name? "; std::cin >> n; std::cout << "hi " << n << "\\n"; usleep(300000); std::cout << "end\\n";'),
    "python3": "import time\nprint('hi', input('name? '))\ntime.sleep(0.3)\nprint('end')",
    "ruby": "print 'name? '\nputs 'hi ' + gets\nsleep 0.3\nputs 'end'",
    "perl": "print 'name? '; print 'hi ', scalar <STDIN>; sleep 1; print \"end\\n\";",
}  # fmt: skip


@pytest.mark.parametrize("language", TALKS)
def test_a_session_hears_each_line_as_it_ends(place: Place, host: Host, language: str) -> None:
    listener, declared = _Answering(), all_languages()[language]
    request = RunRequest(
        language=declared, source=TALKS[language].encode(), limits=Limits(timeout=10, memory_kb=1 << 20),
        interactive=True,
    )  # fmt: skip
    executor = Executor(host, Offer(), cache=None, accelerations=frozenset())
    outcome = place.do(executor.execute(place.slot, request, listener))
    assert outcome.status is Status.OK
    assert listener.heard == [b"name? ", b"hi bob\n", b"end\n"]
