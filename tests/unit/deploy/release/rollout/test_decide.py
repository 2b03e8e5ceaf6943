"""What a rollout does next: one row a situation. Read as the specification of `decide`.

A machine is written `n1:on`: `n` of the release that is new, `o` of the one that served, `x` of an earlier one; then
the number of its place; then how it is seen:

    on      in traffic, healthy         up      healthy, out of traffic
    sick    started, not healthy        ill     in traffic, not healthy
    asleep  stopped                     failed  it will not come up
    wrong   runs another image          exits   ended by itself twice
    open    in traffic, not by label    shut    out of traffic, in it by its label

Where regions count, `n1@fra:on` is in fra.
"""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Direction, Intent, Share, Status
from deploy.release.rollout.decide import ATTEMPTS, COMPARED, JUDGED, SMOKED, SUSPECT, decide
from deploy.release.rollout.steps import Step, Withdraw
from deploy.release.rollout.world import Seen, World
from deploy.settings.policy import Strategy

LAUNCHES = {"n": "new", "o": "old", "x": "earlier"}
PLAIN = Seen("", "", 0, "started", healthy=True, digest="", traffic=False)
STATES: dict[str, dict[str, Any]] = {
    "on": {"traffic": True},
    "up": {},
    "sick": {"healthy": False},
    "ill": {"traffic": True, "healthy": False},
    "asleep": {"state": "stopped", "healthy": False},
    "failed": {"state": "failed", "healthy": False},
    "wrong": {"digest": "sha256:other"},
    "exits": {"healthy": False, "exits": 2},
    "open": {"traffic": True, "noted": False},
    "shut": {"traffic": False, "noted": True},
}


def release(launch: str) -> DeploymentInfo:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return DeploymentInfo(
        id=launch,
        environment="production",
        version=launch,
        commit_sha=launch,
        deployed_at=now,
        deployed_by="me",
        status=Status.DEPLOYED,
        image=f"sha256:{launch}",
        frontend=f"page:{launch}",
        launch=launch,
    )


NEW, OLD = release("new"), release("old")
PROMOTE = Intent("promote", NEW, OLD, Strategy.IMMEDIATE, 2)
BLUEGREEN = replace(PROMOTE, strategy=Strategy.BLUEGREEN)
ROLLING = replace(PROMOTE, strategy=Strategy.ROLLING)
PASSED = replace(PROMOTE, marks=(SMOKED,))
BACK = replace(PROMOTE, direction=Direction.BACK, reason="sick", blame=True)
ROLLBACK = replace(PROMOTE, verb="rollback")
FIRST = replace(PROMOTE, previous=None)
GONE = replace(FIRST, direction=Direction.BACK, reason="sick")


def spread(text: str) -> tuple[Share, ...]:
    """`fra:2,iad:1` as an intent holds it."""
    return tuple(Share(region=one[:3], count=int(one[4:])) for one in text.split(","))


TWO = spread("fra:1,iad:1")
EACH = replace(PROMOTE, regions=TWO, before=TWO)
EACH_BLUE = replace(EACH, strategy=Strategy.BLUEGREEN)
EACH_BACK = replace(EACH, direction=Direction.BACK, reason="sick", blame=True)
ADDED, DROPPED = replace(EACH, before=spread("fra:1")), replace(EACH, regions=spread("fra:1"), count=1)


def seen(text: str) -> Seen:
    """`n1:on` as a look at the platform shows it."""
    whole, _, state = text.partition(":")
    id_, _, region = whole.partition("@")
    launch = LAUNCHES[id_[0]]
    there = dataclasses.replace(
        PLAIN, id=id_, launch=launch, number=int(id_[1]), digest=f"sha256:{launch}", region=region
    )
    return dataclasses.replace(there, **STATES[state])


def following(intent: Intent, machines: str, **world: Any) -> Step:
    """The step that follows; the page is the old release's unless `page` says otherwise."""
    page = world.pop("page", OLD.page)
    there = tuple(seen(each) for each in machines.split())
    ids = frozenset(machine.id for machine in there)
    return decide(intent, World(there, page, **{"reached": ids, "quiet": ids, **world}))


FORWARD: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("an empty place is filled first", PROMOTE, "o1:on o2:on", {}, "create machine 1"),
    ("then the next", PROMOTE, "o1:on o2:on n1:up", {}, "create machine 2"),
    ("what sleeps is started before more is made", PROMOTE, "o1:on n1:asleep", {}, "start machine n1"),
    ("all are waited for together", PROMOTE, "o1:on o2:on n1:sick n2:sick", {}, "wait until 2 machines are healthy"),
    ("only those that are not healthy", PROMOTE, "o1:on o2:on n1:up n2:sick", {}, "wait until n2 is healthy"),
    ("a healthy release enters traffic", PROMOTE, "o1:on o2:on n1:up n2:up", {}, "send requests to n1"),
    ("all of it", PROMOTE, "o1:on o2:on n1:on n2:up", {}, "send requests to n2"),
    (
        "not before the edge uses all of it",
        PROMOTE,
        "o1:on o2:on n1:on n2:on",
        {"reached": {"n1"}},
        "wait until requests reach n2",
    ),
    ("the old ones leave once it is in", PROMOTE, "o1:on o2:on n1:on n2:on", {}, "send no more requests to o1"),
    ("strangers of earlier releases too", PROMOTE, "x1:on n1:on n2:on", {}, "send no more requests to x1"),
    (
        "a new page never meets the old API",
        PROMOTE,
        "o1:up o2:up n1:on n2:on",
        {"quiet": {"o1"}},
        "wait until no request reaches o2",
    ),
    ("the page follows the machines", PROMOTE, "o1:up o2:up n1:on n2:on", {}, "publish the page"),
    (
        "a first release is used before its page",
        FIRST,
        "n1:on n2:on",
        {"reached": set()},
        "wait until requests reach 2 machines",
    ),
    ("then the smoke suite", PROMOTE, "o1:up n1:on n2:on", {"page": NEW.page}, "smoke suite"),
    ("passed, the old ones finish", PASSED, "o1:up o2:up n1:on n2:on", {"page": NEW.page}, "let 2 machines finish"),
    (
        "and are kept asleep",
        PASSED,
        "o1:up n1:on n2:on",
        {"page": NEW.page, "drained": frozenset({"o1"})},
        "put o1 to sleep",
    ),
    ("earlier ones are removed", PASSED, "x1:asleep o1:asleep n1:on n2:on", {"page": NEW.page}, "remove x1"),
    (
        "one that came back beside what replaced it is not kept",
        PASSED,
        "o1:asleep o1b:up n1:on n2:on",
        {"page": NEW.page, "drained": frozenset({"o1b"})},
        "remove o1b",
    ),
    ("one that was let in past the pipeline is labelled so", PROMOTE, "o1:on n1:open n2:on", {}, "send requests to n1"),
    ("as is one cordoned past it", PROMOTE, "o1:shut n1:on n2:on", {}, "send no more requests to o1"),
    ("a broken old one is not kept", PASSED, "o1:failed n1:on n2:on", {"page": NEW.page}, "remove o1"),
    ("all agrees", PASSED, "o1:asleep n1:on n2:on", {"page": NEW.page}, "record the outcome"),
    ("one too many of ours leaves traffic", PROMOTE, "n1:on n2:on n3:on", {}, "send no more requests to n3"),
]

JUDGING: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("blue-green lets one in first", BLUEGREEN, "o1:on o2:on n1:up n2:up", {}, "send requests to n1"),
    (
        "unknown to the edge it is not judged",
        BLUEGREEN,
        "o1:on n1:on n2:up",
        {"reached": {"o1"}},
        "wait until requests reach n1",
    ),
    ("and judges it", BLUEGREEN, "o1:on o2:on n1:on n2:up", {}, "judge n1 beside 2 old machines"),
    (
        "a canary likewise",
        replace(PROMOTE, strategy=Strategy.CANARY),
        "o1:on n1:on n2:up",
        {},
        "judge n1 beside the old machine",
    ),
    ("judged once", replace(BLUEGREEN, marks=(JUDGED,)), "o1:on n1:on n2:up", {}, "send requests to n2"),
    ("not beside sick ones", BLUEGREEN, "o1:ill n1:on n2:up", {}, "send requests to n2"),
    ("nor where nothing served", replace(BLUEGREEN, previous=None), "n1:up n2:up", {}, "send requests to n1"),
    ("a rollback is not judged", replace(BLUEGREEN, verb="rollback"), "o1:on n1:on n2:up", {}, "send requests to n2"),
]

MACHINE_BY_MACHINE: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("one is made", ROLLING, "o1:on o2:on", {}, "create machine 1"),
    ("and waited for", ROLLING, "o1:on o2:on n1:sick", {}, "wait until n1 is healthy"),
    ("it enters", ROLLING, "o1:on o2:on n1:up", {}, "send requests to n1"),
    ("the edge learns of it", ROLLING, "o1:on o2:on n1:on", {"reached": {"o1"}}, "wait until requests reach n1"),
    ("one leaves", ROLLING, "o1:on o2:on n1:on", {}, "send no more requests to o1"),
    ("then the next", ROLLING, "o1:up o2:on n1:on", {}, "create machine 2"),
    ("to the last", ROLLING, "o1:up o2:on n1:on n2:on", {}, "send no more requests to o2"),
]

FAULTS: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("a new machine that failed", PROMOTE, "o1:on n1:failed", {}, "turn back"),
    ("with another image", PROMOTE, "o1:on n1:wrong", {}, "turn back"),
    ("whose program ends", PROMOTE, "o1:on n1:exits", {}, "turn back"),
    ("asleep after some starts", PROMOTE, "o1:on n1:asleep", {"starts": {"n1": ATTEMPTS}}, "turn back"),
    ("gone after some creations", PROMOTE, "o1:on", {"creations": {1: ATTEMPTS}}, "turn back"),
    ("of a rollback, it is made anew", ROLLBACK, "o1:on n1:failed", {}, "remove n1"),
    ("but not for ever", ROLLBACK, "o1:on n1:failed", {"creations": {1: ATTEMPTS}}, "turn back"),
]

BACKWARD: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("what was kept is started", BACK, "n1:on n2:on o1:asleep o2:asleep", {}, "start machine o1"),
    ("what is gone is made", BACK, "n1:on n2:on o1:up", {}, "create machine 2"),
    ("it enters before the bad one leaves", BACK, "n1:on n2:on o1:up o2:up", {}, "send requests to o1"),
    ("nor before the edge uses it", BACK, "n1:on o1:on o2:on", {"reached": {"o1"}}, "wait until requests reach o2"),
    ("the bad one leaves", BACK, "n1:on o1:on o2:on", {}, "send no more requests to n1"),
    ("its page too", BACK, "n1:up o1:on o2:on", {"page": NEW.page}, "publish the page"),
    (
        "which waits for no silence",
        BACK,
        "n1:up o1:on o2:on",
        {"page": NEW.page, "quiet": set()},
        "publish the page",
    ),
    (
        "what the edge still uses stays",
        BACK,
        "n1:up o1:on o2:on",
        {"quiet": {"o1"}},
        "wait until no request reaches n1",
    ),
    ("no suite is asked", BACK, "n1:up o1:on o2:on", {}, "let n1 finish"),
    ("and it is not kept", BACK, "n1:up o1:on o2:on", {"drained": frozenset({"n1"})}, "remove n1"),
    ("earlier ones stay as they were", BACK, "x1:asleep o1:on o2:on", {}, "record the outcome"),
    (
        "a suite that failed is tried on the old one",
        replace(BACK, marks=(SUSPECT,)),
        "n1:up o1:on o2:on",
        {},
        "run the smoke suite against the previous release",
    ),
    ("once", replace(BACK, marks=(SUSPECT, COMPARED)), "n1:up o1:on o2:on", {}, "let n1 finish"),
    ("to nothing: out of traffic first", GONE, "n1:on n2:up", {}, "send no more requests to n1"),
    ("until the edge knows", GONE, "n1:up n2:up", {"quiet": {"n1"}}, "wait until no request reaches n2"),
    ("what was asked is finished", GONE, "n1:up n2:up", {}, "let 2 machines finish"),
    ("then away", GONE, "n1:up n2:up", {"drained": {"n1", "n2"}}, "remove n1"),
    ("until nothing is left", GONE, "", {}, "record the outcome"),
]

ROOM_AND_HOSTS: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("no room: it goes on with what there is", ROLLBACK, "o1:on n1:up", {"full": {"": 1}}, "send requests to n1"),
    (
        "and tries once more at the end",
        ROLLBACK,
        "o1:asleep n1:on",
        {"full": {"": 1}, "page": NEW.page},
        "create machine 2",
    ),
    ("but once", ROLLBACK, "o1:asleep n1:on", {"full": {"": 2}, "page": NEW.page}, "record the outcome"),
    ("no room at all: it asks again", ROLLBACK, "o1:on", {"full": {"": 1}}, "create machine 1"),
    ("a lost machine is replaced", PROMOTE, "o1:on n1:up n2:up", {"unusable": frozenset({"n1"})}, "create machine 1"),
    ("a lost old one is left alone", PROMOTE, "o1:on n1:on n2:on", {"unusable": frozenset({"o1"})}, "publish the page"),
]

REGIONS: list[tuple[str, Intent, str, dict[str, Any], str]] = [
    ("the first region begins", EACH, "o1@fra:on o2@iad:on", {}, "create machine 1"),
    ("and goes on alone", EACH, "o1@fra:on o2@iad:on n1@fra:sick", {}, "wait until n1 is healthy"),
    ("to traffic", EACH, "o1@fra:on o2@iad:on n1@fra:up", {}, "send requests to n1"),
    ("seen by the edge", EACH, "o1@fra:on o2@iad:on n1@fra:on", {"reached": set()}, "wait until requests reach n1"),
    ("then its old one leaves", EACH, "o2@iad:on o1@fra:on n1@fra:on", {}, "send no more requests to o1"),
    ("then the next begins", EACH, "o1@fra:up o2@iad:on n1@fra:on", {}, "create machine 2"),
    (
        "whose old one waits for its own new one",
        EACH,
        "o1@fra:up o2@iad:on n1@fra:on n2@iad:on",
        {"reached": {"n1"}},
        "wait until requests reach n2",
    ),
    ("and leaves", EACH, "o1@fra:up o2@iad:on n1@fra:on n2@iad:on", {}, "send no more requests to o2"),
    ("the page waits for all regions", EACH, "o1@fra:up o2@iad:up n1@fra:on n2@iad:on", {}, "publish the page"),
    ("the first region judges", EACH_BLUE, "o1@fra:on o2@iad:on n1@fra:up", {}, "send requests to n1"),
    (
        "beside its own old ones",
        EACH_BLUE,
        "o1@fra:on o2@iad:on n1@fra:on",
        {},
        "judge n1 beside the old machine",
    ),
    (
        "once for all regions",
        replace(EACH_BLUE, marks=(JUDGED,)),
        "o1@fra:up o2@iad:on n1@fra:on n2@iad:up",
        {},
        "send requests to n2",
    ),
    (
        "where the first has none, the next one judges",
        replace(EACH_BLUE, before=spread("iad:1")),
        "o1@iad:on n1@fra:on n2@iad:on",
        {},
        "judge n2 beside the old machine",
    ),
    ("an added region is filled like others", ADDED, "o1@fra:up n1@fra:on", {}, "create machine 2"),
    ("and enters with nobody to replace", ADDED, "o1@fra:up n1@fra:on n2@iad:up", {}, "send requests to n2"),
    (
        "what a dropped region has leaves last",
        DROPPED,
        "o2@iad:on o1@fra:up n1@fra:on",
        {},
        "send no more requests to o2",
    ),
    (
        "a region that gets fewer keeps the rest until the others serve",
        replace(EACH, before=spread("fra:2")),
        "o1@fra:on o2@fra:on n1@fra:on",
        {},
        "send no more requests to o1",
    ),
    (
        "so that less never serves",
        replace(EACH, before=spread("fra:2")),
        "o1@fra:up o2@fra:on n1@fra:on",
        {},
        "create machine 2",
    ),
    (
        "and lets it go then",
        replace(EACH, before=spread("fra:2")),
        "o1@fra:up o2@fra:on n1@fra:on n2@iad:on",
        {},
        "send no more requests to o2",
    ),
    ("one that was moved elsewhere is replaced", EACH, "o1@fra:on n1@iad:on", {}, "create machine 1"),
    ("where the platform does not say, it is believed", EACH, "o1@fra:on n1:up", {}, "send requests to n1"),
    (
        "rolling, too, region by region",
        replace(EACH, strategy=Strategy.ROLLING),
        "o1@fra:on o2@iad:on",
        {},
        "create machine 1",
    ),
    (
        "one in, one out, in each",
        replace(EACH, strategy=Strategy.ROLLING, regions=spread("fra:2,iad:1"), before=spread("fra:2,iad:1")),
        "o1@fra:on o2@fra:on o3@iad:on n1@fra:on",
        {},
        "send no more requests to o1",
    ),
    (
        "then the next region",
        replace(EACH, strategy=Strategy.ROLLING),
        "o1@fra:up o2@iad:on n1@fra:on",
        {},
        "create machine 2",
    ),
    ("back, what sleeps is started everywhere", EACH_BACK, "n1@fra:on o1@fra:up o2@iad:asleep", {}, "start machine o2"),
    ("the first region first", EACH_BACK, "n1@fra:on n2@iad:on o1@fra:up o2@iad:sick", {}, "send requests to o1"),
    ("its bad one leaves", EACH_BACK, "n2@iad:on n1@fra:on o1@fra:on o2@iad:sick", {}, "send no more requests to n1"),
    ("then the next", EACH_BACK, "n1@fra:up n2@iad:on o1@fra:on o2@iad:sick", {}, "wait until o2 is healthy"),
    (
        "to a release with other regions",
        replace(EACH_BACK, before=spread("syd:1")),
        "n1@fra:on n2@iad:on",
        {},
        "create machine 1",
    ),
    (
        "where nothing of the bad one is in the way",
        replace(EACH_BACK, before=spread("syd:1")),
        "n1@fra:on n2@iad:on o1@syd:on",
        {},
        "send no more requests to n1",
    ),
    (
        "a region without room is left to the others",
        EACH_BACK,
        "n1@fra:on n2@iad:on o1@fra:on",
        {"full": {"iad": 1}},
        "send no more requests to n1",
    ),
    (
        "which then serve for it",
        EACH_BACK,
        "n1@fra:up n2@iad:on o1@fra:on",
        {"full": {"iad": 1}},
        "send no more requests to n2",
    ),
    ("the first too", EACH_BACK, "n1@fra:on n2@iad:on", {"full": {"fra": 1}}, "create machine 2"),
    ("until none has room", EACH_BACK, "n1@fra:on n2@iad:on", {"full": {"fra": 1, "iad": 1}}, "create machine 1"),
    (
        "and is tried once more at the end",
        EACH_BACK,
        "o1@fra:on",
        {"full": {"iad": 1}},
        "create machine 2",
    ),
    ("but once", EACH_BACK, "o1@fra:on", {"full": {"iad": 2}}, "record the outcome"),
]

ROWS = {
    f"{table}: {name}": (intent, machines, world, step)
    for table, rows in (
        ("forward", FORWARD),
        ("judging", JUDGING),
        ("rolling", MACHINE_BY_MACHINE),
        ("at fault", FAULTS),
        ("back", BACKWARD),
        ("room and hosts", ROOM_AND_HOSTS),
        ("regions", REGIONS),
    )
    for name, intent, machines, world, step in rows
}


@pytest.mark.parametrize("row", ROWS)
def test_the_next_step(row: str) -> None:
    intent, machines, world, step = ROWS[row]
    assert following(intent, machines, **world).text == step


@pytest.mark.parametrize("intent", [EACH, EACH_BLUE, replace(EACH, strategy=Strategy.ROLLING), EACH_BACK, ADDED])
def test_no_region_loses_its_last_machine_while_its_new_one_is_not_in(intent: Intent) -> None:
    """Of every mixture of old and new machines in two regions."""
    leaving, coming = ("n", "o") if not intent.forward else ("o", "n")
    states = ("on", "up", "sick", "asleep")
    for one, two, other, last in itertools.product(states, repeat=4):
        there = {f"{leaving}1": one, f"{leaving}2": two, f"{coming}1": other, f"{coming}2": last}
        text = " ".join(f"{id_}@{'fra' if id_[1] == '1' else 'iad'}:{state}" for id_, state in there.items())
        step = following(intent, text)
        if isinstance(step, Withdraw) and step.machine[0] == leaving:
            assert there[coming + step.machine[1]] == "on", text


@pytest.mark.parametrize("intent", [PROMOTE, BLUEGREEN, ROLLING, BACK, ROLLBACK])
def test_nothing_leaves_traffic_before_those_that_take_over_are_in(intent: Intent) -> None:
    """Of every mixture of two old and two new machines, the last healthy one in traffic is never withdrawn."""
    states = ("on", "up", "sick", "asleep")
    for old in states:
        for new in states:
            for other in states:
                step = following(intent, f"o1:{old} o2:{old} n1:{new} n2:{other}")
                if (left := getattr(step, "heirs", None)) is not None:
                    assert left, (old, new, other)
