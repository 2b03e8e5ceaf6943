"""Decides the one next step of a rollout, from its intent and what the platform shows. Pure, with no memory of its own.

Forward, in order: fill every place with a machine of the release, out of traffic; wait until all are healthy; let one
into traffic and judge it beside the old ones; let all in; wait until the edge uses them; withdraw every other machine;
wait until the edge uses none of those; publish the page; run the smoke suite; drain; put the previous release's
machines to sleep and remove those of other releases; record the outcome. Rolling back is the same towards the previous
release, without verdict and suite; the page follows at once, and the failed release's machines are removed, not kept.

In several regions traffic moves region by region, in the order of the release's numbers: the new machines of one are
made, healthy, in traffic and used by the edge before its old ones leave, and the next region begins when they have. No
more leave than have come there, so that the whole never serves less than before; the others leave at the end. The
verdict is given in the first region with old machines to compare with. Those where the release has none leave last.

A rollback, started by a person or by a failure, must need as little as possible: it starts sleeping machines before it
creates any, wherever they are; without room for more it continues with those it has, in that region or in another; it
leaves a machine on a lost host alone.
"""

from __future__ import annotations

from deploy.ledger import DeploymentInfo, Intent
from deploy.release.rollout.steps import (
    Admit,
    AwaitHealthy,
    Compare,
    Create,
    Destroy,
    Drain,
    Finish,
    Judge,
    Publish,
    Quiet,
    Reach,
    Rest,
    Smoke,
    Start,
    Step,
    TurnBack,
    Withdraw,
)
from deploy.release.rollout.world import Seen, World
from deploy.settings.policy import Strategy

JUDGED, SMOKED = "judged", "smoke suite passed"
SUSPECT, COMPARED = "smoke suite failed", "compared with the release before"
ATTEMPTS = 3  # at starting one machine, or at filling one place, before it is called broken
EXITS = 2  # of a new machine's program before it is called broken: one may be bad luck
JUDGING = frozenset({Strategy.BLUEGREEN, Strategy.CANARY})


def decide(intent: Intent, world: World) -> Step:
    """The next step."""
    release = intent.towards
    usable = [machine for machine in world.machines if machine.id not in world.unusable]
    if release is None:
        return _leave_nothing(usable, world)
    # A machine that cannot be used takes no place, so that another is created for it; nor is it a surplus to remove.
    there = [machine for machine in world.of(release.launch) if machine.id not in world.unusable]
    places = intent.places
    ours, surplus = _places(there, places)
    others = [machine for machine in usable if machine.launch != release.launch] + surplus
    if broken := _broken(intent, release, ours, world):
        return broken
    if intent.forward and intent.strategy is Strategy.ROLLING and (step := _roll(intent, ours, others, world)):
        return step
    # The order is the safety argument: nothing old leaves traffic before all that replaces it is healthy and used by
    # the edge; a new page follows the machines, whose API it needs; nothing old is put away before the suite passed.
    return (
        (None if intent.releasing else _started(ours))
        or _moved(intent, ours, others, world)
        or (_unused(others, world) if intent.releasing else None)
        or (Publish(release.frontend) if world.page != release.page else None)
        or _unused(others, world)  # a rollback's page waits for nothing: an API serves older pages
        or _checked(intent)
        or _retire(others, intent, world)
        or _refill(places, ours, world)
        or Finish()
    )


def _places(machines: list[Seen], places: tuple[str, ...]) -> tuple[list[Seen], list[Seen]]:
    """One machine for each number, in its region, and those that are too many or were moved elsewhere."""
    # Two machines of one number: a creation answered by an error had worked, or a lost one came back. `World.of`
    # lists the one in traffic first, then the healthy one, so that one is kept.
    ours: dict[int, Seen] = {}
    surplus: list[Seen] = []
    for machine in machines:
        number = machine.number
        known = 1 <= number <= len(places)
        if number in ours or not known or not _in(machine, places[number - 1], unknown=True):
            surplus.append(machine)
        else:
            ours[machine.number] = machine
    return list(ours.values()), surplus


def _broken(intent: Intent, release: DeploymentInfo, ours: list[Seen], world: World) -> Step | None:
    """What to do about a machine that will not serve: while releasing, the release is at fault; else replace it."""
    for machine in ours:
        blame = True
        if machine.digest and machine.digest != release.image:
            # Before all else: bytes that were never proven must not get a request, however healthy they look.
            why = f"machine {machine.id} runs {machine.digest}, not {release.image}"
        elif machine.failed:
            why = f"machine {machine.id} is {machine.state}"
        elif intent.releasing and machine.exits >= EXITS and not machine.healthy:
            why = f"machine {machine.id} exited on its own {machine.exits} times"
        elif machine.asleep and world.starts.get(machine.id, 0) >= ATTEMPTS:
            why = f"machine {machine.id} is {machine.state} again after {ATTEMPTS} starts"
            blame = machine.exits > 0  # else somebody stopped it each time: a person, or the proxy as one too many
        elif machine.asleep and intent.releasing and machine.exits:  # one that a person stopped is started again
            why = f"machine {machine.id} exited on its own ({machine.state})"
        else:
            continue
        # A kept machine that will not start is replaced; one just created for this release speaks against the release.
        if intent.releasing or world.creations.get(machine.number, 0) >= ATTEMPTS:
            return TurnBack(why, blame=blame, machine=machine.id)
        return Destroy(machine.id)
    return None


def _in(machine: Seen, region: str, *, unknown: bool = False) -> bool:
    """Whether a machine is in a region; "" is any. `unknown`: what counts where the platform does not say."""
    return machine.region == region or not region or (unknown and not machine.region)


def _numbers(places: tuple[str, ...], region: str) -> list[int]:
    """The numbers of a region's machines."""
    return [number for number, place in enumerate(places, 1) if place == region]


def _moved(intent: Intent, ours: list[Seen], others: list[Seen], world: World) -> Step | None:
    """Traffic moves region by region; one without any machine of ours, for lack of room, is left to the others."""
    places = intent.places
    for region in dict.fromkeys(places):
        numbers = _numbers(places, region)
        here = [machine for machine in ours if machine.number in numbers]
        old = [machine for machine in others if _in(machine, region)]
        if step := _fill(numbers, ours, world, places):
            return step
        if not here:
            continue
        judged = _judged(intent, here, old, world) if intent.releasing else None
        if step := _ready(here) or judged or _switch(here, old, world, _held(intent, region, numbers)):
            return step
    return _switch(ours, others, world)


def _held(intent: Intent, region: str, numbers: list[int]) -> int:
    """How many old machines of a region stay until every region serves: it gets fewer, and others carry their load."""
    return max(0, intent.replaced_in(region) - len(numbers))


def _started(ours: list[Seen]) -> Step | None:
    return next((Start(machine.id) for machine in ours if machine.asleep), None)


def _fill(numbers: list[int], ours: list[Seen], world: World, places: tuple[str, ...]) -> Step | None:
    """Start sleeping machines, then create missing ones: a rollback must not depend on room that it does not need."""
    here = [machine for machine in ours if machine.number in numbers]
    if step := _started(here):
        return step
    # One machine that serves beats waiting for room; without any there is nothing to continue with, so it tries on.
    if world.full.get(places[numbers[0] - 1]) and (ours or not all(map(world.full.get, places))):
        return None
    there = {machine.number for machine in here}
    for number in numbers:
        if number not in there:
            if world.creations.get(number, 0) >= ATTEMPTS:
                return TurnBack(f"machine {number} was gone again after {ATTEMPTS} creations")
            return Create(number)
    return None


def _refill(places: tuple[str, ...], ours: list[Seen], world: World) -> Step | None:
    """After a lack of room, try once more when the other machines are gone: they may have been what filled it."""
    there = {machine.number for machine in ours}
    missing = [(number, region) for number, region in enumerate(places, 1) if number not in there]
    # `full` counts the refusals: after the second one the rollout ends with fewer instead of trying for ever.
    return next((Create(number) for number, region in missing if world.full.get(region) == 1), None)


def _ready(ours: list[Seen]) -> Step | None:
    waiting = tuple(machine.id for machine in ours if not machine.healthy or not machine.digest)
    return AwaitHealthy(waiting) if waiting else None


def _judged(intent: Intent, ours: list[Seen], others: list[Seen], world: World) -> Step | None:
    # Only healthy old machines are a fair measure, near the new one; without any there is nothing to compare with.
    blue = tuple(machine.id for machine in others if machine.traffic and machine.healthy)
    if intent.strategy not in JUDGING or JUDGED in intent.marks or not blue:
        return None
    first = ours[0]
    # The edge refuses a request for a machine that it does not know yet, and that would count against the release.
    return (_reached([first], world) or Judge(first.id, blue)) if first.admitted else Admit(first.id)


def _reached(ours: list[Seen], world: World) -> Step | None:
    """The platform's word that a machine is in traffic is not the edge's."""
    unseen = tuple(machine.id for machine in ours if machine.id not in world.reached)
    return Reach(unseen) if unseen else None


def _switch(ours: list[Seen], others: list[Seen], world: World, held: int = 0) -> Step | None:
    for machine in ours:
        if not machine.admitted:
            return Admit(machine.id)
    if step := _reached(ours, world):
        return step
    # Only now, with every new machine (of the region) in traffic and used, may an old one leave.
    heirs = tuple(machine.id for machine in ours)
    left = [machine for machine in others if not machine.withdrawn]
    return Withdraw(left[0].id, heirs) if len(left) > held else None


def _unused(others: list[Seen], world: World) -> Step | None:
    """No suite, no sleep and no end for a machine that the edge may still send requests to."""
    awake = (machine.id for machine in others if not machine.asleep and not machine.failed)
    used = tuple(id_ for id_ in awake if id_ not in world.quiet)
    return Quiet(used) if used else None


def _checked(intent: Intent) -> Step | None:
    """Forward: the smoke suite. Back from a release that failed it: the same suite against the previous release."""
    if intent.releasing:
        return None if SMOKED in intent.marks else Smoke()
    if not intent.forward and intent.blame and SUSPECT in intent.marks and COMPARED not in intent.marks:
        return Compare()
    return None


def _roll(intent: Intent, ours: list[Seen], others: list[Seen], world: World) -> Step | None:
    """Rolling strategy: one machine in, one out, region by region; None when every place is filled and in traffic."""
    places = intent.places
    for region in dict.fromkeys(places):
        numbers = _numbers(places, region)
        here = [machine for machine in ours if machine.number in numbers]
        serving = [machine for machine in here if machine.admitted]
        old = [machine for machine in others if machine.traffic and _in(machine, region)]
        if len(serving) >= len(numbers):
            continue
        # An old one leaves only while there is one more in traffic than needed: capacity never falls below the count.
        if old and serving and len(serving) + len(old) > len(numbers) + _held(intent, region, numbers):
            return _reached(serving, world) or Withdraw(old[0].id, tuple(machine.id for machine in serving))
        if step := _fill(numbers[: len(serving) + 1], ours, world, places):
            return step
        if place := next((machine for machine in here if not machine.admitted), None):
            return _ready([place]) or Admit(place.id)
    return None


def _retire(others: list[Seen], intent: Intent, world: World) -> Step | None:
    """Drain machines out of traffic, then put those of the previous release to sleep for a rollback, remove others."""
    kept = intent.previous.launch if intent.forward and intent.previous else ""
    left = others
    if not intent.forward:  # sleeping machines of an earlier release stay: the next rollback would start them
        left = [machine for machine in others if machine.launch == intent.wanted.launch or not machine.asleep]
    if step := _drained(left, world):
        return step
    # One is kept for each place: one that was replaced while its host was lost is not needed when it is back.
    resting = sorted((each for each in left if each.launch == kept), key=lambda each: (not each.asleep, each.id))
    spare = _places(resting, ("",) * max((each.number for each in resting), default=0))[1]
    for machine in left:
        if machine.launch != kept or machine.failed or machine in spare:
            return Destroy(machine.id)
        if not machine.asleep:
            return Rest(machine.id)
    return None


def _drained(machines: list[Seen], world: World) -> Step | None:
    awake = (machine.id for machine in machines if not machine.asleep and not machine.failed)
    undrained = tuple(id_ for id_ in awake if id_ not in world.drained)
    return Drain(undrained) if undrained else None


def _leave_nothing(machines: list[Seen], world: World) -> Step:
    """Nothing served before this release, so its machines are removed; what they were asked already is finished."""
    for machine in machines:
        if not machine.withdrawn:
            return Withdraw(machine.id, ())
    if step := _unused(machines, world) or _drained(machines, world):
        return step
    return Destroy(machines[0].id) if machines else Finish()
