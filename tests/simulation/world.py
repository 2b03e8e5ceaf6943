"""A simulation: what can be done in it, and the invariants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deploy.ledger import Snapshot, Status
from deploy.ledger.lock import PATH
from deploy.release.rollout.decide import SUSPECT
from deploy.settings.policy import Strategy
from tests.simulation.deployer import COUNT, Deployer, Scene
from tests.simulation.model import Fault, ModelLedger


class Simulation:
    """Two deployers, one production."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.deployers = [Deployer(number, self.scene) for number in range(2)]
        self.scene.timeline.asleep = self._others_renew
        self.scene.chaos.stall = self._stall
        self.schedule: list[list[Any]] = []
        self.deaths = 0
        self.losses = 0
        self.healed: list[str] = []
        self.served_in: Counter[str] = Counter()
        """By region: the most machines that served there at once, as long as both releases have some there."""
        self.followed = 0
        """The most machines that the edge ever sent requests to at once, and that answered."""
        self.reached = 0
        """The most machines that ever served at once, while none has died by itself."""

    @classmethod
    def run(cls, schedule: Sequence[Sequence[Any]]) -> Simulation:
        """Do all of a schedule, with every check."""
        simulation = cls()
        for action in schedule:
            simulation.do(*action)
            simulation.check_always()
        simulation.settle()
        return simulation

    def do(self, name: str, *arguments: Any) -> None:
        """One action."""
        self.schedule.append([name, *arguments])
        getattr(self, f"_{name}")(*arguments)

    def _promote(self, who: int, behaviour: str, strategy: str, regions: str = "") -> None:
        deployer = self.deployers[who]
        if deployer.idle:
            release = self.scene.release(behaviour, deployer.clock.now(), regions)
            deployer.begin("promote", release, Strategy(strategy))

    def _rollback(self, who: int) -> None:
        if self.deployers[who].idle:
            self.deployers[who].begin("rollback", None)

    def _resume(self, who: int) -> None:
        if self.deployers[who].idle:
            self.deployers[who].begin("resume", None)

    def _turn(self, who: int, turns: int) -> None:
        for _ in range(turns):
            self.deployers[who].turn()
            self.check_always()

    def _arm(self, kind: str, countdown: int, who: int | None) -> None:
        if len(self.scene.chaos.armed) < 6:
            self.scene.chaos.armed.append(Fault(kind, countdown, who))

    def _wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.scene.timeline.sleep(1)

    def _skew(self, who: int, seconds: float) -> None:
        self.deployers[who].clock.skew = seconds

    def _die(self, which: int) -> None:
        if self.deaths < 2:
            self.deaths += 1
            self.scene.platform.die(which)

    def _full(self, full: bool, region: str = "") -> None:
        """No room any more, in a region or at all; or room again."""
        if region and full:
            self.scene.platform.full_in.add(region)
        else:
            self.scene.platform.full = full
            self.scene.platform.full_in.clear()

    def _nearest(self, region: str) -> None:
        """Where the edge is that deployers ask."""
        self.scene.platform.nearest = region

    def _staleness(self, seconds: float) -> None:
        """How old lists are from now on, and how long a new machine is hidden."""
        self.scene.platform.staleness = seconds

    def _tells(self, tells: bool) -> None:
        self.scene.platform.tells = tells

    def _lose_host(self, which: int) -> None:
        if self.losses < 2:
            self.losses += 1
            self.scene.platform.lose_host(which)

    def _stop_by_hand(self, which: int) -> None:
        if self.losses < 2:
            self.losses += 1
            self.scene.platform.stop_by_hand(which)

    def _hosts_back(self) -> None:
        self.scene.platform.dead.clear()
        self.scene.platform.remember()

    def _checks(self, cut_off: bool, broken: bool) -> None:
        intent = self.snapshot().intent()
        if self.scene.checks.broken and not broken and intent and SUSPECT in intent.marks:
            # It healed between the suite's run against the release and the one against the release before: no two
            # runs one after the other can tell that from a bad release.
            self.healed.append(intent.wanted.version)
        self.scene.checks.cut_off, self.scene.checks.broken = cut_off, broken
        self.scene.platform.cut_off = cut_off

    def _lag(self, seconds: float) -> None:
        """How late the edge learns of things; before all else, since what it knows must not go back in time."""
        self.scene.platform.lag = seconds

    def _repair(self, who: int) -> None:
        if self.deployers[who].idle:
            self.deployers[who].begin("repair", None)

    def _foreign(self, behaviour: str) -> None:
        """A deployer with an empty ledger, as with a fork for its remote: what serves must not be touched."""
        scene = self.scene
        if not any(machine.traffic for machine in scene.platform.listed()):  # none serves that anybody could see
            return
        ours, armed = scene.ledger, list(scene.chaos.armed)
        scene.chaos.armed.clear()
        scene.ledger = ModelLedger(scene.chaos)
        before = repr(scene.platform.all)
        other = Deployer(7, scene)
        other.begin("promote", scene.release(behaviour, other.clock.now()))
        for _ in range(5):
            other.turn()
        assert repr(scene.platform.all) == before, "a deployer touched machines that its ledger does not know"
        assert "does not know" in other.said[-1]
        scene.ledger, scene.chaos.armed = ours, armed

    def _interrupt(self, who: int) -> None:
        self.deployers[who].interrupt()

    def _pause(self, who: int, paused: bool) -> None:
        self.deployers[who].paused = paused

    def _others_renew(self) -> None:
        self.scene.platform.remember()
        for deployer in self.deployers:
            deployer.renew()

    def _stall(self) -> None:
        """Whoever works now is frozen for longer than its lock holds, while the other goes on with what it finds."""
        frozen = self.deployers[self.scene.chaos.actor % len(self.deployers)]
        before, frozen.paused = frozen.paused, True
        self._wait(45)
        for other in self.deployers[:2]:
            if other is not frozen and other.idle:
                other.begin("resume", None)
                for _ in range(60):
                    other.turn()
        frozen.paused = before

    # what must hold

    def snapshot(self) -> Snapshot:
        """The ledger, past all faults."""
        return Snapshot("c", dict(self.scene.ledger.files))

    def check_always(self) -> None:
        """At every moment: capacity, proven digests, an append-only ledger."""
        platform = self.scene.platform
        serving = platform.serving()
        if self.snapshot().current() is not None:
            self.reached = max(self.reached, min(COUNT, len(serving)))
            self.followed = max(self.followed, min(COUNT, len(platform.answering())))
        taken = platform.spontaneous + platform.lost
        assert len(serving) >= self.reached - taken, "capacity was lowered by a deployer"
        assert len(platform.answering()) >= self.followed - taken, "requests were lost: the edge knew too few machines"
        assert not platform.losses, platform.losses
        self._check_regions(taken)
        for machine in platform.all.values():
            if machine.traffic:
                assert machine.digest != "sha256:other", "a machine with another digest was let into traffic"
                assert machine.behaviour != "crash", "a machine that never came up was let into traffic"
        for pages in Counter(self._outcomes()).values():
            assert pages == 1, "an outcome was recorded twice"

    def _check_regions(self, taken: int) -> None:
        """A region that the release before and the release after have is never left without what both have there."""
        snapshot = self.snapshot()
        intent, current = snapshot.intent(), snapshot.current()
        if current is None:
            return
        releases = [release for release in (current, intent and intent.wanted, intent and intent.previous) if release]
        everywhere = [self._wanted_in(release.config) for release in releases]
        now = Counter(machine.region for machine in self.scene.platform.serving())
        for region in {region for counts in everywhere for region in counts}:
            least = min(counts[region] for counts in everywhere)
            most = self.served_in[region] = min(least, max(self.served_in[region], now[region]))
            assert now[region] >= most - taken, f"capacity was lowered in {region}"

    def _wanted_in(self, config: str) -> Counter[str]:
        found = self.scene.config(config).get("regions") or [{"region": "fra", "count": COUNT}]
        return Counter({each["region"]: each["count"] for each in found})

    def _outcomes(self) -> list[tuple[str, str]]:
        return [(event.id, event.status.value) for event in self.snapshot().events()]

    def settle(self) -> None:
        """No more faults: all deployers die, time passes, one more runs resume, and then repair."""
        chaos = self.scene.chaos
        chaos.armed.clear()
        self._full(False)
        self._checks(False, False)
        self._hosts_back()
        for deployer in self.deployers:
            deployer._vanish()
        before = self.scene.timeline.passed
        last = Deployer(9, self.scene)
        self.deployers.append(last)
        while not self._takes(last):
            self.scene.timeline.sleep(1)
            assert self.scene.timeline.passed - before <= 30, f"blocked for longer than 30 s: {last.said[-1:]}"
        for _ in range(300):
            if last.idle:
                break
            last.turn()
        assert last.idle, "it never came to an end"
        assert not last.said or "locked by" in last.said[-1], last.said[-1]
        self.check_settled(repaired=False)
        if self.snapshot().current() is None:
            return
        last.begin("repair", None)
        for _ in range(300):
            last.turn()
        assert last.idle, "the repair never came to an end"
        self.check_settled(repaired=True)

    def _takes(self, deployer: Deployer) -> bool:
        """Whether it can take the lock now."""
        deployer.begin("resume", None)
        return not deployer.idle

    def check_settled(self, *, repaired: bool) -> None:
        """Afterwards: one whole release serves, as the ledger says, and nothing is left of others.

        Before the repair, machines that were taken away (they died, their host was gone, somebody stopped them) may be
        missing, or be back beside the others.
        """
        snapshot, platform = self.snapshot(), self.scene.platform
        untouched = not platform.lost
        unharmed = repaired or (not platform.spontaneous and untouched)
        assert snapshot.intent() is None
        assert PATH not in self.scene.ledger.files, "the lock was not given back"
        events = snapshot.events()
        pending = {event.id for event in events if event.status is Status.PENDING}
        ended = {event.id for event in events if event.status is not Status.PENDING}
        assert pending == ended, "a deployment has no outcome"
        current = snapshot.current()
        traffic = [machine for machine in platform.all.values() if machine.traffic]
        if current is None:
            assert not platform.all or not untouched, "machines of a release that never was"
            return
        behaviour = current.version.partition("+")[0]
        assert behaviour == "good" or behaviour == "bad-canary", f"a {behaviour} release serves"
        alive = {machine.id: machine for machine in traffic}
        if repaired or untouched:
            assert {machine.launch for machine in alive.values()} <= {current.launch}, "two releases serve"
        assert all(machine.noted == machine.traffic for machine in platform.all.values())
        numbers = [machine.number for machine in alive.values() if machine.launch == current.launch]
        if repaired or untouched:
            assert len(numbers) == len(set(numbers)), "two machines in one place"
            wanted = self._wanted_in(current.config)
            assert len(numbers) <= wanted.total(), "more machines than there should be"
        assert platform.published == current.page, "the page is another release's"
        if unharmed:
            assert len(platform.serving()) >= COUNT, "fewer machines than there should be"
            placed = Counter(machine.region for machine in platform.serving())
            assert placed == self._wanted_in(current.config), "machines in other regions than the release's"
        launches = {event.launch for event in events}
        for machine in platform.all.values():
            assert machine.launch in launches, "an orphan"
            if machine.id not in alive and unharmed:
                assert machine.state == "stopped", f"{machine.id} of another release still runs"
        if not platform.spontaneous:
            blamed = [version for version in self.scene.blamed if version not in self.healed]
            good = [version for version in blamed if version.startswith("good")]
            assert not good, f"blamed for what was not its fault: {good}"
