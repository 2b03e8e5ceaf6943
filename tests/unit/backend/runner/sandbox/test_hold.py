"""Interpreters that wait at their program: forked from there again and again, or used once."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator

import pytest

from backend.runner.execution.compiled import CompileCache
from backend.runner.execution.executor import Executor
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Status
from backend.runner.execution.request import RunRequest
from backend.runner.languages import all_languages
from backend.runner.languages.language import Hold, Language, arguments
from backend.runner.sandbox.cgroup import find_cgroups
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Plan, make_slots
from backend.runner.sandbox.spares import MOST_USES, Recipe
from backend.runner.sandbox.step import SPAWNER, Step
from backend.runner.sandbox.verdict import Ending
from tests.unit.backend.runner.conftest import VARIABLES, Place, until

pytestmark = pytest.mark.any_python

RUBY = all_languages()["ruby"]
BASH = dataclasses.replace(all_languages()["bash"], hold=Hold("r"), run=("bash", "main.sh"), run_variables=())
"""It reads its program as it goes on, and so is held at once."""


@pytest.fixture(scope="module")
def place(host: Host) -> Iterator[Place]:
    made = Place(host)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def executor(host: Host) -> Executor:
    return Executor(host, Offer(), cache=CompileCache(1 << 20), accelerations=frozenset({"warm"}))


def recipe(executor: Executor, language: Language) -> Recipe:
    return Recipe(
        language=language.name, command=arguments(language.run), variables=executor.variables.of_waiting_run(language),
        limits=language.limits,
    )  # fmt: skip


def _with_template(place: Place, executor: Executor) -> int:
    async def start() -> int:
        await place.slot.open()
        place.slot.spares.tend_template(recipe(executor, RUBY))
        await until(lambda: place.slot.spares.take_template("ruby") != SPAWNER, 20)
        return place.slot.spares.take_template("ruby")

    return place.do(start())


def _ask(source: str, **fields: object) -> RunRequest:
    return RunRequest(language=RUBY, source=source.encode(), limits=RUBY.limits, **fields)  # type: ignore[arg-type]


def test_a_run_is_forked_from_the_template_and_runs_without_are_as_ever(place: Place, executor: Executor) -> None:
    number = _with_template(place, executor)
    clock = "puts Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)"
    quick = [float(place.do(executor.execute(place.slot, _ask(clock))).stdout) for _ in range(3)]
    anew = float(place.do(executor.execute(place.slot, _ask(clock, args=("x",)))).stdout)
    assert max(quick) < anew / 2
    assert place.slot.spares.take_template("ruby") == number


NOT_HELD: dict[str, dict[str, object]] = {
    "arguments": {"args": ("x",)},
    "options": {"options": ("-w",)},
    "variables": {"env": {"RUBYOPT": "-w"}},
    "a hidden file": {"files": {".gemrc": b""}},
    "a terminal": {"terminal": (25, 80)},
}


@pytest.mark.parametrize("what", NOT_HELD)
def test_what_an_interpreter_looks_at_when_it_starts_is_not_held(place: Place, executor: Executor, what: str) -> None:
    number = _with_template(place, executor)
    asked = _ask("puts ARGV, $VERBOSE.inspect", **NOT_HELD[what])
    assert executor._run_step(place.slot, asked, None, streams=False).forker == SPAWNER
    assert executor._run_step(place.slot, _ask("puts 1"), None, streams=False).forker == number


@pytest.mark.parametrize("source", ["", "#!/usr/bin/ruby -w\nputs $VERBOSE\n"])
def test_a_first_line_that_says_how_to_start_is_not_held(place: Place, executor: Executor, source: str) -> None:
    _with_template(place, executor)
    assert executor._run_step(place.slot, _ask(source), None, streams=False).forker == SPAWNER


def test_nothing_of_a_run_is_seen_by_the_next(place: Place, executor: Executor) -> None:
    _with_template(place, executor)
    hostile = """
class Object; def puts(*) = nil; end
$LEFT = 'x' * 1_000_000
ENV['LEFT'] = 'x'
File.write('left', 'x')
srand(1)
trap('TERM', 'IGNORE')
GC.disable
(3..70).each { |i| IO.for_fd(i, autoclose: false).write('O') rescue 0 }
Process.kill(:KILL, Process.ppid) rescue 0
Process.kill(:KILL, -1) rescue 0
"""
    for source in (hostile, "Process.kill(:SEGV, $$)", "exit!(3)", "fork { sleep }"):
        place.do(executor.execute(place.slot, _ask(source)))
    outcome = place.do(executor.execute(place.slot, _ask("p $LEFT, ENV['LEFT'], Dir.children('.'), GC.disable")))
    assert (outcome.status, outcome.stdout) == (Status.OK, b'nil\nnil\n["main.rb"]\nfalse\n')


def test_a_template_is_the_same_after_every_run(place: Place, executor: Executor) -> None:
    """Of Bash, which as a template needs nothing of its own: Ruby counts its forks."""

    async def fingerprint() -> int:
        return await (await place.slot.open()).fingerprint(number)

    async def start() -> int:
        await place.slot.open()
        place.slot.spares.tend_template(recipe(executor, BASH))
        await until(lambda: place.slot.spares.take_template("bash") != SPAWNER, 20)
        return place.slot.spares.take_template("bash")

    def run(source: str) -> bytes:
        asked = RunRequest(language=forked, source=source.encode(), limits=BASH.limits)
        return place.do(executor.execute(place.slot, asked)).stdout

    number, forked = place.do(start()), dataclasses.replace(BASH, hold=Hold("r", forks=True))
    assert run("echo $0") == b"main.sh\n"
    before = place.do(fingerprint())
    assert before != 0
    for source in (
        "X=$(seq 10000); export X",
        "ulimit -v 1000; exec nothing",
        "exit 3",
        "trap '' TERM; echo x > /work/left",
    ):
        run(source)
    assert place.do(fingerprint()) == before
    assert run("echo ${X-none} *") == b"none main.sh\n"
    place.slot.spares.drop_templates("bash")


def test_runs_of_a_template_do_not_share_their_random_numbers(place: Place, executor: Executor) -> None:
    number = _with_template(place, executor)
    source = "p rand, Random.new.rand, [*1..50].shuffle, Random.seed, Random.new_seed"
    seen = [place.do(executor.execute(place.slot, _ask(source))).stdout for _ in range(3)]
    assert len({line for each in seen for line in each.split(b"\n")[:-1]}) == 15
    assert place.slot.spares.take_template("ruby") == number


def test_a_program_has_the_limits_of_its_own_request(place: Place, executor: Executor) -> None:
    _with_template(place, executor)
    tight = dataclasses.replace(RUBY.limits, open_files=20, memory_kb=64 * 1024, timeout=1)
    asked = dataclasses.replace(_ask("p Process.getrlimit(:NOFILE)"), limits=tight)
    assert place.do(executor.execute(place.slot, asked)).stdout == b"[20, 20]\n"
    asked = dataclasses.replace(_ask("x = 'x' * 200_000_000\nsleep"), limits=tight)
    assert place.do(executor.execute(place.slot, asked)).status is Status.MEMORY_LIMIT
    asked = dataclasses.replace(_ask("loop {}"), limits=tight)
    assert place.do(executor.execute(place.slot, asked)).status is Status.TIMEOUT


def test_a_template_is_replaced_only_when_another_is_ready(place: Place, executor: Executor) -> None:
    first, spares = _with_template(place, executor), place.slot.spares
    asked = recipe(executor, RUBY)

    async def replace() -> int:
        spares.tend_template(asked, worn=MOST_USES)
        assert list(spares.templates) == [first]
        spares.tend_template(asked, worn=1)
        await until(lambda: len(spares.templates) == 2, 20)
        spares.tend_template(asked, worn=1)
        return spares.take_template("ruby")

    assert place.do(replace()) not in {first, SPAWNER}
    assert len(spares.templates) == 1


def test_one_that_is_not_wanted_is_ended(place: Place, executor: Executor) -> None:
    _with_template(place, executor)
    place.slot.spares.drop_templates("ruby")
    assert list(place.slot.spares.templates) == []
    assert place.do(executor.execute(place.slot, _ask("puts 1"))).stdout == b"1\n"


def test_one_that_cannot_be_held_ends_and_is_not_tried_again_at_once(place: Place, executor: Executor) -> None:
    broken = dataclasses.replace(recipe(executor, RUBY), language="other", command=("false",))
    spares = place.slot.spares

    async def start() -> None:
        await place.slot.open()
        spares.tend_template(broken)
        await until(lambda: not spares._of("other"), 20)
        spares.tend_template(broken)
        assert not spares._of("other")

    place.do(start())


def test_one_that_is_used_once_goes_on_with_the_program(place: Place, executor: Executor) -> None:
    asked = Recipe(
        language="bash",
        command=("bash", "main.sh"),
        variables=executor.variables.of_waiting_run(BASH),
        limits=BASH.limits,
    )
    place.do(place.slot.open())
    place.slot.spares.add_warm("bash", asked)
    source = b"echo $0 $# ${LD_PRELOAD-none} ${CODECANVAS_HELD-none}; ls /proc/self/fd | tr '\\n' ' '; cat\n"
    request = RunRequest(language=BASH, source=source, stdin=b"in\n", limits=BASH.limits)
    step = executor._run_step(place.slot, request, None, streams=False)
    assert step.warm
    place.slot.spares._warm["bash"] = [step.warm]
    outcome = place.do(executor.execute(place.slot, request))
    assert (outcome.status, outcome.stdout) == (Status.OK, b"main.sh 0 none none\n0 1 2 3 in\n")
    assert place.slot.spares.warm("bash") == 0


def test_what_starts_beside_a_program_is_no_memory_of_the_program(host: Host) -> None:
    """With control groups, where this machine has them: both are in one."""
    grows = "import time; time.sleep(0.3); x = b'x' * (80 << 20); time.sleep(9)"
    step = Step(command=("sleep", "1.5"), limits=Limits(memory_kb=16 * 1024), variables=VARIABLES)

    async def work() -> Ending:
        async with make_slots(Plan(host=host, cgroups=find_cgroups(), caches=None), 1) as slots:
            keeper = await slots[0].open()
            keeper.template(99, ("python3", "-c", grows), VARIABLES)
            return (await slots[0].run(step)).ending

    assert asyncio.run(work()) is Ending.EXITED
