"""Random schedules of deployers, faults, kills and clocks, and what must hold whatever they are.

A schedule is a list of plain tuples, so that one that failed once is kept in `schedules/` and run again for ever. By
default a few hundred are tried, in four shares; `nox -s simulate` tries ten thousand. A failing one is shrunk and
printed: put it into `schedules/`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.simulation.model import FAULTS
from tests.simulation.world import Simulation

KEPT = sorted((Path(__file__).parent / "schedules").glob("*.json"))
BEHAVIOURS = ("good",) * 6 + ("unhealthy", "crash", "wrong-digest", "bad-smoke", "bad-canary")
STRATEGIES = ("bluegreen", "canary", "rolling", "immediate")
REGIONS = ("",) * 4 + ("fra:2", "fra:1,iad:1", "fra:2,iad:1", "fra:1,iad:2", "iad:2", "iad:1,fra:1,syd:1")
WHO = st.integers(0, 1)
TURNS = st.sampled_from((40, 40, 40, 20, 12, 9, 6, 3, 0))  # a rollout takes some fifteen


class Schedules(RuleBasedStateMachine):
    """Draws a schedule, one action at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation()

    def _do(self, *action: Any) -> None:
        self.simulation.do(*action)

    @initialize(seconds=st.sampled_from((0, 2, 10)))
    def lag(self, seconds: int) -> None:
        self._do("lag", seconds)

    @initialize(region=st.sampled_from(("fra", "iad")))
    def nearest(self, region: str) -> None:
        self._do("nearest", region)

    @rule(
        who=WHO,
        behaviour=st.sampled_from(BEHAVIOURS),
        strategy=st.sampled_from(STRATEGIES),
        regions=st.sampled_from(REGIONS),
        turns=TURNS,
    )
    def promote(self, who: int, behaviour: str, strategy: str, regions: str, turns: int) -> None:
        self._do("promote", who, behaviour, strategy, regions)
        self._do("turn", who, turns)

    @rule(who=WHO, turns=TURNS)
    def rollback(self, who: int, turns: int) -> None:
        self._do("rollback", who)
        self._do("turn", who, turns)

    @rule(who=WHO, turns=TURNS)
    def resume(self, who: int, turns: int) -> None:
        self._do("resume", who)
        self._do("turn", who, turns)

    @rule(who=WHO, turns=TURNS)
    def turn(self, who: int, turns: int) -> None:
        self._do("turn", who, turns)

    @rule(kind=st.sampled_from(FAULTS), countdown=st.integers(1, 60), who=st.one_of(st.none(), WHO))
    def arm(self, kind: str, countdown: int, who: int | None) -> None:
        self._do("arm", kind, countdown, who)

    @rule(seconds=st.sampled_from((1, 5, 12, 25, 60)))
    def wait(self, seconds: int) -> None:
        self._do("wait", seconds)

    @rule(who=WHO, seconds=st.sampled_from((-3600, -30, 0, 30, 3600)))
    def skew(self, who: int, seconds: int) -> None:
        self._do("skew", who, seconds)

    @rule(which=st.integers(0, 5))
    def die(self, which: int) -> None:
        self._do("die", which)

    @rule(full=st.booleans(), region=st.sampled_from(("", "fra", "iad")))
    def full(self, full: bool, region: str) -> None:
        self._do("full", full, region)

    @rule(seconds=st.sampled_from((0, 1, 3)))
    def staleness(self, seconds: int) -> None:
        self._do("staleness", seconds)

    @rule(tells=st.booleans())
    def tells(self, tells: bool) -> None:
        self._do("tells", tells)

    @rule(which=st.integers(0, 5))
    def lose_host(self, which: int) -> None:
        self._do("lose_host", which)

    @rule()
    def hosts_back(self) -> None:
        self._do("hosts_back")

    @rule(which=st.integers(0, 5))
    def stop_by_hand(self, which: int) -> None:
        self._do("stop_by_hand", which)

    @rule(cut_off=st.booleans(), broken=st.booleans())
    def checks(self, cut_off: bool, broken: bool) -> None:
        self._do("checks", cut_off, broken)

    @rule(who=WHO, turns=TURNS)
    def repair(self, who: int, turns: int) -> None:
        self._do("repair", who)
        self._do("turn", who, turns)

    @rule(behaviour=st.sampled_from(BEHAVIOURS))
    def foreign_ledger(self, behaviour: str) -> None:
        self._do("foreign", behaviour)

    @rule(who=WHO)
    def interrupt(self, who: int) -> None:
        self._do("interrupt", who)

    @rule(who=WHO, paused=st.booleans())
    def pause(self, who: int, paused: bool) -> None:
        self._do("pause", who, paused)

    @invariant()
    def holds(self) -> None:
        self.simulation.check_always()

    def teardown(self) -> None:
        try:
            self.simulation.settle()
        except BaseException:
            print("schedule:", json.dumps(self.simulation.schedule))
            raise


@pytest.mark.parametrize("share", range(4))
def test_random_schedules(share: int) -> None:
    count = int(os.environ.get("CODECANVAS_SCHEDULES", "300")) // 4
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    profile = settings(
        max_examples=count,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=slow,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        print_blob=True,
    )
    run_state_machine_as_test(Schedules, settings=profile)


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_schedules_that_failed_once(file: Path) -> None:
    Simulation.run(json.loads(file.read_text()))
