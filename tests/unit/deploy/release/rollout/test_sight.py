"""The engine over a platform whose lists are seconds old, and which knows better than labels what is cordoned."""

from __future__ import annotations

import pytest

from deploy.ledger import Status
from deploy.settings.policy import Strategy
from tests.unit.deploy.release.rollout.production import Stage


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize("strategy", list(Strategy))
def test_each_strategy_ends_well_over_lists_that_are_seconds_old(stage: Stage, strategy: Strategy, tells: bool) -> None:
    stage.scene.platform.staleness, stage.scene.platform.tells = 3, tells
    engine = stage.engine(strategy=strategy)
    assert engine.run().status is Status.DEPLOYED
    assert stage.serves("good+2")
    machines = stage.scene.platform.all.values()
    assert sorted((each.launch, each.number) for each in machines) == [("d1", 1), ("d1", 2), ("d2", 1), ("d2", 2)]


def test_what_was_cordoned_past_the_pipeline_is_labelled_so(stage: Stage) -> None:
    engine = stage.engine()
    old = [each for each in stage.scene.platform.all.values() if each.launch == "d1"]
    old[0].traffic = False  # its label still says that it serves
    assert engine.run().status is Status.DEPLOYED
    assert all(each.noted == each.traffic == (each.launch == "d2") for each in stage.scene.platform.all.values())


def test_what_was_uncordoned_past_the_pipeline_is_withdrawn(stage: Stage) -> None:
    engine = stage.engine()
    old = [each for each in stage.scene.platform.all.values() if each.launch == "d1"]
    while any(each.traffic for each in old):
        engine.advance()
    old[0].traffic = True
    assert engine.run().status is Status.DEPLOYED
    assert {each.launch for each in stage.scene.platform.all.values() if each.traffic} == {"d2"}


def test_a_new_machine_that_counts_as_uncordoned_is_let_in_all_the_same(stage: Stage) -> None:
    """One created without being registered gets no requests, whether or not the platform calls that cordoned."""
    engine = stage.engine()
    while not (new := [each for each in stage.scene.platform.all.values() if each.launch == "d2"]):
        engine.advance()
    new[0].traffic = True
    assert engine.run().status is Status.DEPLOYED
    assert f"send requests to {new[0].id}" in [getattr(event, "step", "") for event in stage.events]
    assert new[0].noted


def test_a_rollback_right_after_an_interrupt_leaves_no_machine_that_no_list_showed(stage: Stage) -> None:
    stage.scene.platform.staleness = 3
    engine = stage.engine()
    while len(stage.scene.platform.all) < 3:
        engine.advance()
    stage.scene.chaos.runs[-1] += 1  # another run, which knows of nothing
    left = engine.intent.turned("by hand", blame=False)
    stage.book.keep(left, "by hand")
    done = stage.engine_for(left, takes_over=True).run()
    assert done.status is Status.ROLLED_BACK
    assert {each.launch for each in stage.scene.platform.all.values()} == {"d1"}
