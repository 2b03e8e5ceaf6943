"""Watches whom the platform's proxy sends requests to: what the platform says of a machine, the proxy learns later.

A machine that was just let into traffic gets nothing for seconds, and one that was just withdrawn goes on getting
requests. Who withdraws the old machines by the platform's word alone loses requests. So the edge itself is asked,
over a new connection each time, and the service answers which machine it runs on:

- *reach*: until each new machine has answered a request that named none;
- *quiet*: until enough answers in a row, over enough time, came from none of the machines that were withdrawn. One
  silence is no proof, and neither are many answers within a moment.

The edge serves from the nearest region. So where there are several, it is asked for each region in turn
(`fly-prefer-region`): else machines elsewhere would never answer, and their silence would prove nothing.

Both last at least `Pace.proxies`, since only the nearest proxies are asked. A request that names a machine is a
fallback: one that a proxy could reach but prefers others to has answered too. A release from before the service named
its machine is known by its image; where old and new share that, nothing can be told apart, and time alone counts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from deploy.clock import Clock
from deploy.errors import NotChecked
from deploy.release.rollout.memory import Memory
from deploy.release.rollout.pace import MANY_PROXIES_SECONDS, Pace
from deploy.release.rollout.platform import Platform

IN_A_ROW, FOR_EACH = 20, 10
"""Answers in a row that make a silence: at least so many, and so many for each machine that could have answered."""
LOOK_SECONDS = 2.0
"""How often it is looked whether the machines that are waited for are still healthy."""
LONGEST_PAUSE, SHORTEST_PAUSE = 0.5, 0.02
TIMEOUT_SECONDS = 5.0
FORCED, PREFERRED = "fly-force-instance-id", "fly-prefer-region"


@dataclass(frozen=True)
class Answer:
    """Who answered: the machine's id, "" from a release that does not say it, and the digest of its image."""

    machine: str
    image: str


NOBODY = Answer("", "")
"""The edge's own answer when it has no machine to send a request to."""
NOBODY_STATUS = frozenset({502, 503, 504})


class Edge(Protocol):
    """The public address of an environment's service."""

    def ask(self, machine: str = "", region: str = "") -> Answer | None:
        """Who answers one request; None when no answer came, or one that tells nothing.

        It may name a machine, and a region, where another one answers only if nothing does there.
        """


class RealEdge:
    """The service's address as its users reach it."""

    def __init__(self, service_url: str) -> None:
        self._url = f"{service_url}version"
        # A kept connection goes where the last request went: each one must find its machine anew, as a new user's.
        once = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(limits=once, timeout=TIMEOUT_SECONDS, headers={"connection": "close"})

    def ask(self, machine: str = "", region: str = "") -> Answer | None:
        """One request over a connection of its own."""
        headers = {name: value for name, value in ((FORCED, machine), (PREFERRED, region)) if value}
        try:
            answer = self._client.get(self._url, headers=headers)
            if answer.status_code in NOBODY_STATUS:
                return NOBODY
            told = answer.raise_for_status().json()
            found = Answer(str(told.get("machine") or ""), str(told.get("image") or ""))
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, AttributeError):
            return None
        return found if found.machine or found.image else None


class EdgeLate(NotChecked):
    """The edge did not follow the platform within its time: no fault of the release."""


@dataclass
class Sight:
    """What a watch saw: the machines that answered, how many answers told who gave them, and who gave the last."""

    answered: set[str] = field(default_factory=set)
    told: int = 0
    given_up: bool = False
    """The time was over before all was seen."""
    last: float = 0.0
    """Monotonic time of the last answer of a machine that should give none; of the beginning if there was none."""

    @property
    def blind(self) -> bool:
        """Nobody has answered at all."""
        return not self.told


class Watch:
    """Asks until it has seen enough. `between` is called between two questions, and may raise to end the watch.

    `regions` tells where machines are, by their ids; empty where all are in one region.
    """

    def __init__(
        self,
        edge: Edge,
        clock: Clock,
        pace: Pace,
        between: Callable[[], None],
        regions: Mapping[str, str] = {},
    ) -> None:
        self._edge, self._clock, self._pace, self._between, self._regions = edge, clock, pace, between, regions

    def reach(
        self, machines: Mapping[str, str], since: float, *, patient: bool, healthy: Callable[[], bool]
    ) -> Sight | None:
        """Until each of `machines` (id to image) has answered, or the time is over.

        `since`: when this wait began, maybe in an earlier call. With `patient` False an edge that nobody answers from
        is given up soon. None when one of the machines is not `healthy` any more.
        """
        sight, unnamed, looked = Sight(), Counter[str](), self._clock.monotonic()
        for turn in itertools.count():
            late = self._clock.monotonic() - since > self._pace.edge / 2
            missing = [id_ for id_ in machines if id_ not in sight.answered] or [""]
            asked = missing[0] if late and turn % 2 else ""
            region = self._regions.get(asked or missing[turn // FOR_EACH % len(missing)], "")
            if (answer := self._edge.ask(asked, region)) and answer != NOBODY:
                sight.told += 1
                unnamed[answer.image] += not answer.machine
                sight.answered |= _answered(answer, machines, unnamed)
            now = self._clock.monotonic()
            if sight.answered >= machines.keys() and now - since >= self._pace.proxies:
                return sight
            if self._over(sight, now - since, patient):
                sight.given_up = True
                return sight
            if now - looked >= LOOK_SECONDS:
                looked = now
                if not healthy():
                    return None
            self._pause(IN_A_ROW)
        raise AssertionError("unreachable")

    def quiet(self, withdrawn: Mapping[str, str], serving: Mapping[str, str], *, patient: bool) -> Sight:
        """Until no answer comes from `withdrawn` any more (both map ids to images), or the time is over.

        With nothing left in `serving`, the edge's word that it has nobody is what there is to see.
        """
        begun = self._clock.monotonic()
        sight, row = Sight(last=begun), 0
        # Region after region, not in turn: an edge that takes machines in turn might always give the same one then.
        asked = [
            region
            for region in sorted({self._regions.get(id_, "") for id_ in withdrawn})
            for _ in range(max(IN_A_ROW, FOR_EACH * self._could_answer(region, withdrawn, serving)))
        ]
        needed, least = len(asked), self._pace.proxies
        for turn in itertools.count():
            answer = self._edge.ask(region=asked[turn % len(asked)])
            now = self._clock.monotonic()
            sight.told += answer not in (None, NOBODY)
            if answer is None or answer == NOBODY:
                row = row + 1 if answer and not serving else 0  # it may have been one of them that did not answer
            elif answer.machine in withdrawn or (not answer.machine and _only(answer.image, withdrawn, serving)):
                row, sight.last = 0, now
                sight.answered.add(answer.machine or answer.image)
            else:
                row += 1
                if not answer.machine and answer.image in withdrawn.values():
                    least = max(least, MANY_PROXIES_SECONDS)  # it cannot be told whose answer it was
            if row >= needed and now - sight.last >= least:
                return sight
            if self._over(sight, now - begun, patient):
                sight.given_up = True
                return sight
            self._pause(needed)
        raise AssertionError("unreachable")

    def _could_answer(self, region: str, withdrawn: Mapping[str, str], serving: Mapping[str, str]) -> int:
        """How many machines could answer a question for a region: those that serve elsewhere if none does there."""
        left, there = (sum(self._regions.get(id_, "") == region for id_ in ids) for ids in (withdrawn, serving))
        return left + (there or len(serving))

    def _over(self, sight: Sight, seconds: float, patient: bool) -> bool:
        return seconds > self._pace.edge or (sight.blind and not patient and seconds > self._pace.blind)

    def _pause(self, answers: int) -> None:
        self._between()
        self._clock.sleep(min(LONGEST_PAUSE, max(SHORTEST_PAUSE, self._pace.proxies / answers)))


class Follower:
    """Carries out the steps `Reach` and `Quiet` with a `Watch`, and keeps in `memory` what was seen.

    A release that the edge does not follow within `Pace.edge` is rolled back, and nobody is blamed (EdgeLate). A
    rollback has nothing better to turn to: it goes on without proof, and notes so, when nobody answers at all (it must
    not depend on the deployer's own way to the service) or a part of it is used. It stops when the edge answers and
    uses none of it: withdrawing what serves would leave nothing.
    """

    def __init__(
        self,
        edge: Edge,
        platform: Platform,
        memory: Memory,
        clock: Clock,
        pace: Pace,
        keep: Callable[[], None],
        note: Callable[[str], None],
    ) -> None:
        self._platform, self._memory, self._clock, self._pace, self._note = platform, memory, clock, pace, note
        self._edge, self._keep = edge, keep

    def _watch(self) -> Watch:
        regions = self._memory.regions
        several = len({region for region in regions.values() if region}) > 1
        return Watch(self._edge, self._clock, self._pace, self._keep, regions if several else {})

    def reach(self, machines: tuple[str, ...], *, releasing: bool) -> None:
        """Wait until the edge uses them all; returns early when one is not healthy any more, for `decide` to see."""
        memory, key = self._memory, ("edge", *machines)
        since = memory.waiting.setdefault(key, self._clock.monotonic())
        images = {id_: memory.images.get(id_, "") for id_ in machines}
        watch = self._watch()
        sight = watch.reach(images, since, patient=releasing, healthy=lambda: all(map(self._healthy, machines)))
        if sight is None:
            return
        memory.waiting.pop(key, None)
        if missing := [id_ for id_ in machines if id_ not in sight.answered]:
            by = "nobody answers there who can be told" if sight.blind else "other machines answer"
            names = ", ".join(missing)
            words = f"after {self._clock.monotonic() - since:.0f} s the edge sends no request to {names} yet ({by})"
            if releasing or not (sight.blind or sight.answered):
                raise EdgeLate(f"{words}, though healthy and in traffic; this says nothing about the release")
            self._note(f"{words}; it goes on all the same")
        memory.reached.update(machines)

    def quiet(self, machines: tuple[str, ...], *, releasing: bool) -> float:
        """Wait until the edge uses none of them; returns when, in monotonic time, it was last seen to use one."""
        memory = self._memory
        for id_ in machines:
            memory.asked = id_
            if id_ not in memory.withdrawn:  # an earlier run may have let it in, and ended before it noted so
                self._platform.withdraw(id_)
                memory.taken_out(id_)
        left, ours = ({id_: memory.images.get(id_, "") for id_ in ids} for ids in (machines, memory.ours))
        sight = self._watch().quiet(left, ours, patient=releasing)
        if sight.given_up:
            by = f"{', '.join(sorted(sight.answered))} answered" if sight.answered else "too few answers came"
            words = f"the edge was not seen to leave {', '.join(machines)} within its time ({by})"
            if releasing:
                raise EdgeLate(f"{words}; this says nothing about the release")
            self._note(f"{words}; it goes on all the same")
        memory.quiet.update(dict.fromkeys(machines, self._clock.monotonic()))
        return sight.last

    def _healthy(self, machine: str) -> bool:
        self._memory.asked = machine
        seen = self._platform.look(machine)
        return seen is not None and seen.healthy and seen.reachable


def _answered(answer: Answer, machines: Mapping[str, str], unnamed: Counter[str]) -> set[str]:
    """The machines that this answer, and those before it, speak for."""
    if answer.machine:
        return {answer.machine} & machines.keys()
    alike = {id_ for id_, image in machines.items() if image == answer.image}
    return alike if unnamed[answer.image] >= FOR_EACH * len(alike) else set()


def _only(image: str, withdrawn: Mapping[str, str], serving: Mapping[str, str]) -> bool:
    return image in withdrawn.values() and image not in serving.values()
