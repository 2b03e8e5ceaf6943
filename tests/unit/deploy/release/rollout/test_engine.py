"""The engine in single situations, over the simulation's model: which failure means what, and what it leaves behind."""

from __future__ import annotations

import dataclasses
import signal
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.errors import LedgerError, LedgerUnreachable, RolloutFailed, Unfinished
from deploy.events.times import SWITCHED
from deploy.interrupts import Interrupted
from deploy.ledger import DeploymentInfo, Direction, Intent, Status
from deploy.platforms.errors import Forbidden, PlatformError, RateLimited, Unauthorized, Unreachable
from deploy.release.desk import half_way
from deploy.release.rollout.engine import Engine
from deploy.release.rollout.pace import Pace
from deploy.release.rollout.world import Seen
from deploy.settings.environments import load_environment
from deploy.settings.policy import Strategy
from deploy.settings.secrets import Tokens
from deploy.target import Target, cloud_addresses
from tests.simulation.deployer import PACE
from tests.simulation.model import ModelMachine
from tests.unit.deploy.release.rollout.production import Stage, failing


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_ends_with_the_new_release_alone_and_the_old_one_kept(stage: Stage, strategy: Strategy) -> None:
    done = stage.engine(strategy=strategy).run()
    assert done.status is Status.DEPLOYED
    assert stage.serves("good+2")
    kept = [machine for machine in stage.scene.platform.all.values() if not machine.traffic]
    assert [(machine.launch, machine.state) for machine in kept] == [("d1", "stopped")] * 2
    judged = [event for event in stage.events if "judge" in str(getattr(event, "step", ""))]
    assert bool(judged) == (strategy in (Strategy.BLUEGREEN, Strategy.CANARY))


@pytest.mark.parametrize("behaviour", ["unhealthy", "crash", "wrong-digest", "bad-smoke", "bad-canary"])
def test_a_bad_release_is_taken_back_blamed_and_told_of(stage: Stage, behaviour: str) -> None:
    engine = stage.engine(behaviour)
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.ROLLED_BACK, True)
    assert done.reason
    assert stage.serves("good+1")
    assert {machine.launch for machine in stage.scene.platform.all.values()} == {"d1"}
    assert [event.name for event in stage.events if event.name == "escalation"] == ["escalation"]


@pytest.mark.parametrize("error", [Unreachable("x", 0, "no answer"), RateLimited("x", 429, "slower")])
@pytest.mark.parametrize("call", ["machines", "create", "admit", "withdraw", "publish", "rest"])
def test_a_platform_that_fails_for_a_while_delays_a_release_and_blames_nobody(
    stage: Stage, call: str, error: PlatformError
) -> None:
    engine = stage.engine()
    failing(stage, call, error, times=5)
    assert engine.run().status is Status.DEPLOYED
    assert stage.serves("good+2")
    assert "platform.unavailable" in {event.name for event in stage.events}


def test_a_platform_that_stays_away_ends_the_run_not_the_release(stage: Stage) -> None:
    engine = stage.engine()
    failing(stage, "create", Unreachable("create a machine", 0, "no answer"))
    before = stage.scene.timeline.passed
    with pytest.raises(Unfinished, match=r"says nothing about the release.*invoke resume"):
        engine.run()
    assert PACE.budget <= stage.scene.timeline.passed - before < PACE.budget + 60
    left = stage.snapshot().intent()
    assert left is not None
    assert (left.direction, left.blame) == (Direction.FORWARD, False)
    assert [event.status for event in stage.snapshot().events()][-1] is Status.PENDING


@pytest.mark.parametrize("error", [Unauthorized("x", 401, "expired"), Forbidden("x", 403, "not yours")])
def test_a_refused_token_ends_the_run_at_once(stage: Stage, error: PlatformError) -> None:
    engine = stage.engine()
    failing(stage, "create", error)
    before = stage.scene.timeline.passed
    with pytest.raises(Unfinished, match="invoke resume"):
        engine.run()
    assert stage.scene.timeline.passed == before
    assert isinstance(Unfinished("x"), RolloutFailed)


@pytest.mark.parametrize("code", ["insufficient_capacity", "quota_exceeded"])
def test_a_platform_without_room_turns_the_release_back_unblamed(stage: Stage, code: str) -> None:
    engine = stage.engine()
    failing(stage, "create", PlatformError("create a machine", 422, "no room", "req1", code))
    assert engine.run().status is Status.ROLLED_BACK
    assert not engine.intent.blame
    assert stage.serves("good+1")


def test_traffic_is_not_moved_to_a_machine_that_failed_meanwhile(stage: Stage) -> None:
    engine = stage.engine(strategy=Strategy.IMMEDIATE)
    withdraw = stage.scene.platform.withdraw
    look = stage.scene.platform.look

    def dies_unseen(machine: str) -> Any:
        seen = look(machine)
        if any(m.traffic and m.launch == "d2" for m in stage.scene.platform.all.values()):
            stage.scene.platform.all[machine].state = "failed"
            return look(machine)
        return seen

    stage.scene.platform.look = dies_unseen  # type: ignore[method-assign]
    withdrawn: list[str] = []

    def noted(machine: str) -> None:
        withdrawn.append(machine)
        withdraw(machine)

    stage.scene.platform.withdraw = noted  # type: ignore[method-assign]
    while not engine.intent.reason:
        engine.advance()
    assert "was to take over traffic" in engine.intent.reason or "failed" in engine.intent.reason
    assert withdrawn == []


def test_rolling_never_has_fewer_in_traffic_than_before(stage: Stage) -> None:
    engine = stage.engine(strategy=Strategy.ROLLING)
    counts = set()
    while engine.advance() is None:
        counts.add(len(stage.scene.platform.serving()))
    assert min(counts) >= 2
    assert max(counts) <= 3


def test_what_a_killed_run_had_settled_is_not_asked_again(stage: Stage) -> None:
    engine = stage.engine()
    while not engine.intent.marks:
        engine.advance()
    left = stage.snapshot().intent()
    assert left is not None
    assert left.marks == engine.intent.marks
    stage.events.clear()
    assert stage.engine_for(left).run().status is Status.DEPLOYED
    assert not [event for event in stage.events if "judge" in str(getattr(event, "step", ""))]


def test_a_release_that_was_finished_is_not_finished_again(stage: Stage) -> None:
    engine = stage.engine()
    done = engine.run()
    count = len(stage.snapshot().events())
    assert stage.book.finish(engine.intent, ()).status is done.status
    assert len(stage.snapshot().events()) == count


def test_a_second_rollout_is_not_begun_over_one_left_half_way(stage: Stage) -> None:
    stage.engine()
    with pytest.raises(LedgerError, match="is not finished; run: invoke resume"):
        stage.engine()


def test_the_outcome_tells_each_step_and_when_all_traffic_had_moved(stage: Stage) -> None:
    done: DeploymentInfo = stage.engine().run()
    names = [span.name for span in done.spans]
    assert names[-1] == SWITCHED
    assert {"create machine 1", "smoke suite", "publish the page"} <= set(names)
    assert all(span.seconds >= 0 for span in done.spans)


def test_a_kept_release_comes_back_without_a_new_machine(stage: Stage) -> None:
    stage.engine().run()
    machines = set(stage.scene.platform.all)
    first = stage.snapshot().events()[1]
    again = replace(first, id="back", status=Status.PENDING)
    intent = Intent("rollback", again, stage.snapshot().current(), Strategy.IMMEDIATE, 2)
    stage.book.begin(intent, {})
    assert stage.engine_for(intent).run().status is Status.DEPLOYED
    assert set(stage.scene.platform.all) == machines
    assert stage.serves("good+1")
    newest = stage.snapshot().events()[-1]
    assert (newest.version, newest.status) == ("good+2", Status.ROLLED_BACK)


def test_no_machine_is_made_from_a_configuration_that_the_ledger_lost(stage: Stage) -> None:
    left = stage.engine().intent
    machines = set(stage.scene.platform.all)
    with pytest.raises(
        LedgerError, match=r"the configuration c of good\+2 is not in the ledger; restore configs/c\.json"
    ):
        stage.engine_for(left, config=None).run()
    assert set(stage.scene.platform.all) == machines
    assert stage.snapshot().intent() is not None


def rolled_back(stage: Stage) -> Engine:
    """A rollback from the second release to the first, whose machines sleep."""
    stage.engine().run()
    first = stage.snapshot().events()[1]
    again = replace(first, id="back", status=Status.PENDING)
    intent = Intent("rollback", again, stage.snapshot().current(), Strategy.IMMEDIATE, 2)
    stage.book.begin(intent, {})
    return stage.engine_for(intent)


def test_a_rollback_into_a_full_region_starts_what_sleeps(stage: Stage) -> None:
    engine = rolled_back(stage)
    stage.scene.platform.full = True
    before = stage.scene.timeline.passed
    assert engine.run().status is Status.DEPLOYED
    assert stage.serves("good+1")
    assert stage.scene.timeline.passed - before < 30


def test_a_rollback_into_a_full_region_goes_on_with_the_machines_there_are(stage: Stage) -> None:
    engine = rolled_back(stage)
    stage.scene.platform.full = True
    kept = [machine for machine in stage.scene.platform.all.values() if machine.launch == "d1"]
    del stage.scene.platform.all[kept[0].id]
    done = engine.run()
    assert done.status is Status.DEPLOYED
    assert stage.serves("good+1")
    assert "the platform has no room for more machines, continuing with 1" in " ".join(done.notes)


def where(stage: Stage, launch: str) -> list[str]:
    """The regions in which a launch serves."""
    return sorted(machine.region for machine in stage.scene.platform.serving() if machine.launch == launch)


def test_a_release_in_other_regions_replaces_the_one_before_and_a_rollback_brings_that_back(stage: Stage) -> None:
    assert stage.engine(regions="fra:1,iad:2").run().status is Status.DEPLOYED
    assert (where(stage, "d2"), where(stage, "d1")) == (["fra", "iad", "iad"], [])
    assert stage.engine(regions="fra:1,syd:1").run().status is Status.DEPLOYED
    assert (where(stage, "d3"), where(stage, "d2")) == (["fra", "syd"], [])
    second = next(event for event in stage.snapshot().events() if event.launch == "d2")
    current, again = stage.snapshot().current(), replace(second, id="back", status=Status.PENDING)
    made = stage.scene.platform._made
    assert stage.begun(Intent("rollback", again, current, Strategy.IMMEDIATE, 2)).run().status is Status.DEPLOYED
    assert (where(stage, "d2"), where(stage, "d3")) == (["fra", "iad", "iad"], [])
    assert stage.scene.platform._made == made  # what slept was started, in each region


@pytest.mark.parametrize("full", ["fra", "iad"])
def test_a_release_that_finds_a_region_full_is_rolled_back_and_not_rejected(stage: Stage, full: str) -> None:
    stage.scene.platform.full_in.add(full)
    engine = stage.engine(regions="fra:1,iad:1")
    assert engine.run().status is Status.ROLLED_BACK
    assert not engine.intent.blame
    assert stage.serves("good+1")
    assert (where(stage, "d1"), {machine.launch for machine in stage.scene.platform.all.values()}) == (
        ["fra", "fra"],
        {"d1"},
    )


@pytest.mark.parametrize(("full", "left"), [("fra", ["iad"]), ("iad", ["fra"])])
def test_a_rollback_goes_on_without_a_region_that_is_full(stage: Stage, full: str, left: list[str]) -> None:
    stage.engine(regions="fra:1,iad:1").run()
    stage.engine().run()
    second = next(event for event in stage.snapshot().events() if event.launch == "d2")
    stage.scene.platform.all = {
        id_: machine for id_, machine in stage.scene.platform.all.items() if machine.launch == "d3"
    }
    stage.scene.platform.full_in.add(full)
    again = replace(second, id="back", status=Status.PENDING)
    done = stage.begun(Intent("rollback", again, stage.snapshot().current(), Strategy.IMMEDIATE, 2)).run()
    assert done.status is Status.DEPLOYED
    assert (where(stage, "d2"), where(stage, "d3")) == (left, [])
    assert f"no room for more machines in {full}" in " ".join(done.notes)


def test_a_bad_release_is_found_in_the_first_region_and_never_comes_to_the_next(stage: Stage) -> None:
    stage.engine(regions="fra:1,iad:1").run()
    engine = stage.engine("bad-canary", regions="fra:1,iad:1")
    assert engine.run().status is Status.ROLLED_BACK
    assert engine.intent.blame
    created = [event for event in stage.events if event.name == "step.begun" and "create" in getattr(event, "step", "")]
    assert where(stage, "d2") == ["fra", "iad"]
    assert len(created) == 3  # two of the release before, one of this


def test_a_kept_machine_on_a_dead_host_is_replaced(stage: Stage) -> None:
    engine = rolled_back(stage)
    kept = next(machine for machine in stage.scene.platform.all.values() if machine.launch == "d1")
    stage.scene.platform.dead.add(kept.id)
    done = engine.run()
    assert done.status is Status.DEPLOYED
    assert stage.serves("good+1")
    assert len(stage.scene.platform.serving()) == 2
    assert kept.id in " ".join(done.notes)


def test_an_old_machine_on_a_dead_host_is_left_once_the_new_ones_serve(stage: Stage) -> None:
    dead = next(iter(stage.scene.platform.all))
    stage.scene.platform.dead.add(dead)
    engine = stage.engine()
    before = stage.scene.timeline.passed
    done = engine.run()
    assert done.status is Status.DEPLOYED
    assert not engine.intent.blame
    assert stage.scene.timeline.passed - before < 60
    assert {machine.launch for machine in stage.scene.platform.serving() if machine.id != dead} == {"d2"}
    assert stage.scene.platform.all[stage.scene.checks.asked_of].launch == "d2", "the old one may still answer"
    assert f"machine {dead} was left as it is" in " ".join(done.notes)
    assert "invoke repair --env production" in " ".join(done.notes)


def test_a_refused_machine_is_tried_for_half_a_minute_before_its_release_is_blamed(stage: Stage) -> None:
    engine = stage.engine()
    failing(stage, "create", PlatformError("create a machine", 404, "no such image"), times=3)
    assert engine.run().status is Status.DEPLOYED
    engine = stage.engine()
    failing(stage, "create", PlatformError("create a machine", 422, "no such image"))
    before = stage.scene.timeline.passed
    assert engine.run().status is Status.ROLLED_BACK
    assert engine.intent.blame
    assert 30 <= stage.scene.timeline.passed - before < 90


def test_a_deployer_that_cannot_reach_the_site_blames_nobody(stage: Stage) -> None:
    stage.scene.checks.cut_off = True
    engine = stage.engine()
    assert engine.run().status is Status.ROLLED_BACK
    assert not engine.intent.blame
    assert stage.serves("good+1")


def test_a_suite_that_fails_against_the_release_before_as_well_acquits(stage: Stage) -> None:
    stage.scene.checks.broken = True
    engine = stage.engine(strategy=Strategy.IMMEDIATE)
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.ROLLED_BACK, False)
    assert "the previous release fails the smoke suite as well" in done.reason


def test_a_suite_that_cannot_be_compared_blames_nobody(stage: Stage) -> None:
    engine = stage.engine("bad-smoke", strategy=Strategy.IMMEDIATE)
    while engine.intent.forward:
        engine.advance()
    stage.scene.checks.cut_off = True
    done = engine.run()
    assert (done.status, engine.intent.blame) == (Status.ROLLED_BACK, False)
    assert "could not be run against the previous release" in done.reason


def test_a_machine_at_fault_is_asked_before_it_is_removed(stage: Stage) -> None:
    engine = stage.engine("crash")
    done = engine.run()
    assert "its program ended with exit code 1" in done.reason
    assert [report.lines for report in engine.reports] == [("its last line",)]


def test_machines_that_the_ledger_does_not_know_are_not_touched(stage: Stage) -> None:
    stranger = stage.scene.platform.create(stage.scene.release("good", stage.clock.now()), {}, 1)
    stage.scene.platform.admit(stranger)
    assert stage.engine().run().status is Status.DEPLOYED
    assert stage.scene.platform.all[stranger].traffic
    assert stage.scene.platform.all[stranger].state == "started"


def test_a_repair_starts_what_was_stopped_by_hand(stage: Stage) -> None:
    for machine in stage.scene.platform.all.values():
        machine.state = "stopped"
    serving = stage.snapshot().current()
    assert serving is not None
    again = replace(serving, id="repair", status=Status.PENDING)
    machines = set(stage.scene.platform.all)
    intent = Intent("repair", again, None, Strategy.IMMEDIATE, 2)
    stage.book.begin(intent, {})
    assert stage.engine_for(intent).run().status is Status.DEPLOYED
    assert set(stage.scene.platform.all) == machines
    assert stage.serves("good+1")


def test_a_repair_that_cannot_succeed_takes_nothing_back(stage: Stage) -> None:
    stage.scene.platform.all.clear()
    stage.scene.platform.full = True
    serving = stage.snapshot().current()
    assert serving is not None
    again = replace(serving, id="repair", status=Status.PENDING)
    intent = Intent("repair", again, None, Strategy.IMMEDIATE, 2)
    stage.book.begin(intent, {})
    with pytest.raises(Unfinished, match="invoke resume --env production"):
        stage.engine_for(intent).run()
    left = stage.snapshot().intent()
    assert left is not None
    assert left.forward


def test_a_remote_that_is_deaf_for_a_moment_delays_a_release(stage: Stage) -> None:
    engine = stage.engine()
    write, left = stage.scene.ledger.write, 3

    def deaf(*arguments: Any) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise LedgerUnreachable("no answer")
        write(*arguments)

    stage.scene.ledger.write = deaf  # type: ignore[method-assign, assignment]
    assert engine.run().status is Status.DEPLOYED


@pytest.mark.parametrize("method", ["judge", "smoke"])
@pytest.mark.parametrize("raised", [Interrupted(signal.SIGINT), Unfinished("the suite was killed from outside")])
def test_an_interrupt_leaves_the_intent_as_it_is_and_blames_nobody(
    stage: Stage, method: str, raised: BaseException
) -> None:
    engine = stage.engine()
    real = getattr(stage.scene.checks, method)

    def interrupted(*arguments: Any) -> str:
        setattr(stage.scene.checks, method, real)
        raise raised

    setattr(stage.scene.checks, method, interrupted)
    with pytest.raises(type(raised)):
        engine.run()
    assert not any(event.name in ("rollout.turned", "escalation") for event in stage.events)
    left = stage.snapshot().intent()
    assert left is not None
    assert (left.direction, left.blame) == (Direction.FORWARD, False)
    assert stage.engine_for(left).run().status is Status.DEPLOYED
    assert stage.serves("good+2")


def test_what_is_half_way_is_told_with_the_commands_that_go_on(stage: Stage) -> None:
    intent = stage.engine().intent
    target = Target(load_environment("production"), cloud_addresses({}), Tokens("production", {}), None, True)  # type: ignore[arg-type]
    resume = "invoke resume --env production"
    assert half_way(intent, target) == (
        f"promote of good+2 is half-way in production (forward). Go on with: {resume} --rehearsal; "
        f"roll it back with: {resume} --back --rehearsal"
    )
    assert half_way(intent.turned("bad", blame=True), target) == (
        f"promote of good+2 is half-way in production (rolling back). Go on with: {resume} --rehearsal"
    )


@pytest.mark.parametrize("machines", [1, 2, 5])
def test_looks_at_machines_stay_within_the_documented_rates(machines: int) -> None:
    """Five a second and a burst of ten, were they counted together for all machines of an app."""
    at, tokens, last = 0.0, 10.0, 0.0
    for pause, _ in zip(Pace().pauses(machines), range(60), strict=False):
        tokens = min(10.0, tokens + 5 * (at - last)) - machines
        assert tokens >= 0, f"refused after {at:.1f} s"
        last, at = at, at + pause
    assert 30 < at < 200


def test_a_machine_that_boots_is_waited_for_by_one_request_instead_of_looks(stage: Stage) -> None:
    asked: list[str] = []
    platform, real = stage.scene.platform, stage.scene.platform._seen

    def seen(machine: ModelMachine, now: float | None = None, dead: set[str] | None = None) -> Seen:
        booting = machine.launch == "d2" and stage.scene.timeline.passed - machine.since < 1
        shown = real(machine, now, dead)
        return dataclasses.replace(shown, state="starting") if booting else shown

    platform._seen = seen  # type: ignore[method-assign]
    platform.await_started = lambda machine, seconds: asked.append(machine)  # type: ignore[method-assign]
    assert stage.engine().run().status is Status.DEPLOYED
    assert asked
