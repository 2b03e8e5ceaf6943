"""C's and Rust's compilers wait for a source: what they say and make of it is what one says and makes that starts."""

import asyncio
import re
import shlex
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from backend.runner.execution.outcome import Outcome
from backend.runner.execution.request import RunRequest
from backend.runner.languages import __file__ as languages_file
from backend.runner.languages import all_languages
from backend.runner.languages.language import arguments
from backend.runner.languages.sources import compile_command
from backend.runner.service import Service
from backend.runner.settings import Settings
from backend.runner.startup import make_service

pytestmark = pytest.mark.any_python

PUTS = "#include <stdio.h>\nint main(void) { puts(TEXT); return 0; }\n"
C = {
    "hello": '#include <stdio.h>\nint main(void) { puts("hello"); }\n',
    "a number": "int main(void) { return 113; }\n",
    "mathematics": '#include <math.h>\n#include <stdio.h>\nint main(int c, char **v) { printf("%f", pow(c, 0.5)); }\n',
    "threads": '#include <pthread.h>\n#include <stdio.h>\nstatic void *f(void *x) { puts("in"); return x; }\n'
    "int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); }\n",
    "a warning": 'int main(void) { char *s = 5; return s == 0; }\n',
    "the linker's": '#include <stdio.h>\nint main(void) { char b[L_tmpnam]; return tmpnam(b) != b; }\n',
    "a message": '#pragma message "said"\nint main(void) { return 0; }\n',
    "no semicolon": "int main(void) { return 0 }\n",
    "many errors": "int main(void) {\n" + "x = 1;\n" * 40 + "}\n",
    "no such header": '#include "nowhere.h"\nint main(void) { return 0; }\n',
    "an error of its own": '#error "stop"\n',
    "no main": "int f(void) { return 0; }\n",
    "undefined": "int f(void);\nint main(void) { return f(); }\n",
    "defined twice": "int main(void) { return 0; }\nint main(void) { return 1; }\n",
    "bad assembly": 'int main(void) { __asm__("nonsense %eax"); return 0; }\n',
    "nothing": "",
    "a comment": "/* nothing */\n",
    "not closed": "/* nothing\nint main(void) { return 0; }\n",
    "not closed either": '#if 1\nint main(void) { return 0; }\n',
    "no last newline": "int main(void) { return 3; }",
    "carriage returns": "int main(void) {\r\n    return 4;\r\n}\r\n",
    "a mark at the start": "\ufeffint main(void) { return 5; }\n",
    "names in other letters": 'int größe = 6;\nint main(void) { return größe; }\n',
    "where it is": '#include <stdio.h>\nint main(void) { puts(__FILE__); puts(__func__); printf("%d", __LINE__); }\n',
    "crashes": "int main(void) { *(volatile int *)0 = 1; }\n",
    "includes itself": '#include "main.c"\nint main(void) { return 0; }\n',
    "much": "".join(f"int f{n}(int x) {{ return x * {n} + f{n % 7 if n else 0}(x - 1); }}\n" for n in range(900))
    + "int main(void) { return 0; }\n",
}  # fmt: skip
RUST = {
    "hello": 'fn main() { println!("hello"); }\n',
    "a status": "fn main() { std::process::exit(113) }\n",
    "a panic": 'fn main() { let v: Vec<i32> = vec![]; println!("{}", v[1]); }\n',
    "warnings": "fn unused() {}\nfn main() { let x = 1; }\n",
    "a type": 'fn main() { let x: i32 = "a"; }\n',
    "a borrow": 'fn main() { let s = String::new(); let t = s; println!("{}{}", s, t); }\n',
    "no main": "fn f() {}\n",
    "not closed": "fn main() {\n",
    "nothing": "",
    "no such crate": "use nowhere::x;\nfn main() {}\n",
    "text": 'fn main() { println!("{} {}", file!(), line!()); }\n',
    "a module's file": "mod other;\nfn main() {}\n",
}
PROGRAMS = [(name, each) for name, programs in (("c", C), ("rust", RUST)) for each in programs]

Work = Callable[[Service], Coroutine[Any, Any, dict[tuple[str, str], Outcome]]]


def _with(work: Work, **variables: str) -> dict[tuple[str, str], Outcome]:
    async def go() -> dict[tuple[str, str], Outcome]:
        async with make_service(Settings.read(variables)) as service:
            return await work(service)

    return asyncio.run(go())


async def _run(service: Service, name: str, source: str) -> Outcome:
    language = service.languages[name]
    request = RunRequest(language=language, source=source.encode(), limits=language.limits)
    async with service.queue.slot("client") as slot:
        return await service.run(request, slot)


async def _waits(service: Service, name: str) -> None:
    async with asyncio.timeout(30):
        while service.slots[0].spares.warm(f"{name}/compile") != 1:  # noqa: ASYNC110 - they tell nobody that they wait
            await asyncio.sleep(0.02)


async def _all_waited_for(service: Service) -> dict[tuple[str, str], Outcome]:
    async with asyncio.timeout(60):
        while not service.offer.has_cache("c"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    told = {}
    for name, programs in (("c", C), ("rust", RUST)):
        await _run(service, name, programs["hello"] + "\n")
        for each, source in programs.items():
            await _waits(service, name)
            told[name, each] = await _run(service, name, source)
    return told


async def _all_anew(service: Service) -> dict[tuple[str, str], Outcome]:
    return {(name, each): await _run(service, name, (C if name == "c" else RUST)[each]) for name, each in PROGRAMS}


@pytest.fixture(scope="module")
def waited_for() -> dict[tuple[str, str], Outcome]:
    return _with(_all_waited_for, RUNNER_ENVIRONMENT="local", NUM_RUNNERS="1", RUNNER_COMPILE_CACHE_MB="1")


@pytest.fixture(scope="module")
def anew() -> dict[tuple[str, str], Outcome]:
    return _with(_all_anew, RUNNER_ENVIRONMENT="local", NUM_RUNNERS="1", RUNNER_ACCELERATIONS="off")


@pytest.mark.parametrize(("language", "name"), PROGRAMS, ids=lambda word: word)
def test_a_compiler_that_waited_says_and_makes_what_one_does_that_starts(
    waited_for: dict[tuple[str, str], Outcome], anew: dict[tuple[str, str], Outcome], language: str, name: str
) -> None:
    def told(outcome: Outcome) -> tuple[object, ...]:
        compiled = outcome.compile
        said = (outcome.stderr, b"", b"") if compiled is None else (outcome.stderr, compiled.stdout, compiled.stderr)
        plain = [re.sub(rb"/tmp/cc\w{6}\.o", b"/tmp/cc.o", text) for text in said]
        return outcome.status, outcome.exit_code, outcome.signal, outcome.error, outcome.stdout, plain

    assert told(waited_for[language, name]) == told(anew[language, name])


def test_the_script_calls_gcc_as_the_declaration_does() -> None:
    script = (Path(languages_file).parent / "warm" / "c.sh").read_text().replace("\\\n", "")
    (line,) = [line for line in script.splitlines() if line.startswith("calls=$(gcc ")]
    words = shlex.split(line.removeprefix("calls=$("))
    declared = arguments(all_languages()["c"].compile or ())
    assert tuple(words[: len(declared)]) == declared


def test_what_the_script_does_not_know_is_compiled_by_gcc_itself() -> None:
    language = all_languages()["c"]
    assert compile_command(language, (), {"main.c": b""}) == (*language.through, *arguments(language.compile or ()))
    for options in ("-std=c99", "-O0", "-Wall", "-lm"):
        command = compile_command(language, (options,), {"main.c": b""})
        assert (command[0], options in command) == ("gcc", True)
    assert compile_command(language, (), {"main.c": b"", "other.c": b""})[0] == "gcc"
