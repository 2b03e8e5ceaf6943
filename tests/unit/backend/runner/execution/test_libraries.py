"""Templates that hold libraries: which is taken, what is new in each run, when they are made and when they go.

The libraries are of the standard library, which every machine has; tests/warm does the same with those of others.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time

import pytest

from backend.runner.execution.executor import Executor
from backend.runner.execution.libraries import recipe, template_name
from backend.runner.execution.offer import Offer
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.readiness import Tender
from backend.runner.execution.request import RunRequest
from backend.runner.languages import all_languages
from backend.runner.languages.imports import Held
from backend.runner.languages.language import Library
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.step import SPAWNER
from backend.runner.settings import Settings
from tests.unit.backend.runner.conftest import Place, until

HELD = (Held("random", 1), Held("logging", 2), Held("decimal", 3), Held("logging.config", 4, implies=("logging",)))
PYTHON = dataclasses.replace(all_languages()["python3"], libraries=(Library("some", "python3-minimal", held=HELD),))
QUICK = frozenset({"fork_server", "warm"})


class Holding:
    """A slot whose templates hold what is asked for, and an executor that takes them."""

    def __init__(self, place: Place, host: Host) -> None:
        self.place, self.spares = place, place.slot.spares
        self.executor = Executor(host, Offer(), cache=None, accelerations=QUICK)

    def hold(self, *modules: str) -> list[int]:
        """Numbers of the templates that hold `modules`: one, that was made."""
        name = template_name(PYTHON, modules)

        async def wait() -> None:
            await self.place.slot.open()
            self.spares.add_templates(recipe(PYTHON, self.executor.variables.of_waiting_run(PYTHON), modules), 1)
            await until(lambda: all(self.spares.templates_of(name).values()))

        self.place.do(wait())
        return [*self.spares.templates_of(name)]

    def run(self, source: str, **more: object) -> Outcome:
        return self.place.do(self.executor.execute(self.place.slot, request(source, **more)))

    def taken(self, source: str, **more: object) -> int:
        return self.executor.libraries.take(self.spares, request(source, **more))


def request(source: str, **more: object) -> RunRequest:
    return RunRequest(language=PYTHON, source=source.encode(), limits=PYTHON.limits, **more)  # type: ignore[arg-type]


@pytest.fixture
def held(place: Place, host: Host) -> Holding:
    return Holding(place, host)


def test_a_program_is_forked_from_one_that_holds_what_it_imports(held: Holding) -> None:
    usual, random, both = held.hold(), held.hold("random"), held.hold("decimal", "random")
    assert held.taken("print(1)") in usual
    assert held.taken("import random") in random
    assert held.taken("import sys\nimport random, decimal") in both
    assert held.taken("import random\nimport logging.config") in random  # a part of it is better than nothing
    assert held.taken("import decimal") in usual  # another would have imported too much
    assert held.taken("print(1)\nimport random") in usual
    assert held.taken("import random", files={"random.py": b""}) in usual
    assert {*held.executor.libraries.asked} == {
        "python3+random", "python3+decimal+random", "python3+logging.config+random", "python3+decimal",
    }  # fmt: skip


def test_a_part_is_held_where_all_of_it_would_be_too_much(held: Holding) -> None:
    held.executor.libraries.most_mb = 12
    usual, part = held.hold(), held.hold("logging.config")
    assert held.taken("import logging.config, random, decimal") in part
    assert {*held.executor.libraries.asked} == {"python3+logging.config"}
    held.executor.libraries.most_mb = 8
    assert held.taken("import random") in usual
    assert {*held.executor.libraries.asked} == {"python3+logging.config"}


def test_it_is_forked_from_none_where_none_waits(held: Holding) -> None:
    assert held.taken("import random") == SPAWNER
    assert held.run("import random\nprint(random.Random(1).random())").stdout == b"0.13436424411240122\n"


def test_chance_and_clocks_begin_with_the_program(held: Holding) -> None:
    held.hold("logging", "random")
    record = "logging.LogRecord('n', 30, 'p', 1, 'm', (), None)"
    source = f"import random, logging\nprint(random.random(), 0 <= {record}.relativeCreated < 900)"
    time.sleep(1)
    outputs = [held.run(source).stdout.split() for _ in range(3)]
    assert len({chance for chance, _ in outputs}) == 3
    assert {new for _, new in outputs} == {b"True"}


def test_a_run_with_less_room_than_usual_imports_by_itself(held: Holding) -> None:
    usual, random = held.hold(), held.hold("random")
    for less in ({"inodes": 2}, {"disk_kb": 4}):
        limits = dataclasses.replace(PYTHON.limits, **less)
        assert (
            held.executor.libraries.take(held.spares, dataclasses.replace(request("import random"), limits=limits))
            in usual
        )
    assert held.taken("import random") in random


def test_what_the_environment_says_is_read_anew(held: Holding) -> None:
    held.hold("logging")
    uses = {**held.spares.templates_of("python3+logging")}
    outcome = held.run("import logging, os\nprint(os.environ['A'])", env={"A": "b"})
    assert outcome.stdout == b"b\n"
    assert {**held.spares.templates_of("python3+logging")} == uses
    assert held.executor.libraries.asked == {}


def test_a_template_that_would_differ_never_waits(held: Holding, place: Place) -> None:
    module = "this"  # its import prints
    name = template_name(PYTHON, ["random"])

    async def wait() -> None:
        await place.slot.open()
        made = recipe(PYTHON, held.executor.variables.of_waiting_run(PYTHON), ["random"])
        variables = tuple((key, value.replace("random", module)) for key, value in made.variables)
        held.spares.add_templates(dataclasses.replace(made, variables=variables), 1)
        await until(lambda: not held.spares.templates_of(name))

    place.do(wait())
    assert held.taken("import random") == SPAWNER


@pytest.mark.parametrize(
    ("megabytes", "held_names"), [(64, {"python3+decimal", "python3+random"}), (11, {"python3+random"})]
)
def test_they_are_made_where_programs_come_and_memory_is_set_aside(
    place: Place, host: Host, megabytes: int, held_names: set[str]
) -> None:
    offer = Offer({"python3": PYTHON})
    executor = Executor(host, offer, cache=None, accelerations=QUICK)
    settings = Settings.read({"RUNNER_WARM_MB": str(megabytes), "RUNNER_TEMPLATES": "1"})
    tender = Tender(offer, executor.variables, [place.slot], settings, executor.libraries)
    spares = place.slot.spares

    def waiting() -> set[str]:
        return {name for name in ("python3+decimal", "python3+random") if spares.templates_of(name)}

    async def tended() -> None:
        await place.slot.open()
        tending = asyncio.create_task(tender.tend())
        await asyncio.sleep(0.3)
        assert not waiting()
        executor.libraries.take(spares, request("import decimal"))
        executor.libraries.take(spares, request("import random"))
        await until(lambda: bool(waiting()))
        assert waiting() == {"python3+random"}  # what was asked for last comes first, and others some seconds later
        await until(lambda: waiting() == held_names)
        for name in [*executor.libraries.asked]:
            executor.libraries.asked[name] -= 400  # nobody came for it since
        await until(lambda: not waiting())
        tending.cancel()

    place.do(tended())


def test_one_that_is_used_is_replaced_in_time() -> None:
    made = recipe(PYTHON, (), ["random"])
    assert (made.uses_at_rest > 1, made.forks, made.megabytes) == (True, True, 9)
