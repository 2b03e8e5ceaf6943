"""A deployer of the simulation: the real engine, book, lock and consequences, over the model; one turn at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from deploy.errors import DeployError, LedgerError, LockHeld
from deploy.events.bus import Bus
from deploy.ledger import DeploymentInfo, Holding, Intent, Snapshot, Status
from deploy.release.recovery import earlier_release
from deploy.release.rollout.book import Book
from deploy.release.rollout.engine import Engine
from deploy.release.rollout.pace import Pace
from deploy.release.rollout.placement import placed
from deploy.release.rollout.strangers import launches_of
from deploy.release.rollout.unfinished import BY_HAND, Way, way_to_roll_back
from deploy.settings.policy import Strategy
from tests.simulation.model import Chaos, Killed, ModelChecks, ModelLedger, ModelPlatform, SkewedClock, Timeline

COUNT = 2
PACE = Pace(health=30, poll=0.5, drain=1, budget=60, proxies=1, edge=60, blind=20, settle=5)


@dataclass
class Scene:
    """All that deployers share."""

    timeline: Timeline = field(default_factory=Timeline)
    chaos: Chaos = field(default_factory=Chaos)
    releases: int = 0
    blamed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = ModelLedger(self.chaos)
        self.platform = ModelPlatform(self.timeline, self.chaos)
        self.checks = ModelChecks(self.timeline, self.chaos)
        self.timeline.ticked = self.platform.note_routes

    def config(self, name: str) -> dict[str, Any]:
        """The configuration of this name, which tells its regions (`fra:1,iad:2`); of any other name all is in fra."""
        said = [part.split(":") for part in name.split(",")] if ":" in name else []
        regions = [{"region": region, "count": int(count)} for region, count in said]
        return {"region": regions[0]["region"], "regions": regions} if regions else {"region": "fra"}

    def release(self, behaviour: str, now: datetime, regions: str = "") -> DeploymentInfo:
        """A new release that behaves so, with machines in these regions; "" for wherever there are some."""
        self.releases += 1
        name = f"{self.releases:040x}"
        return DeploymentInfo(
            id=f"d{self.releases}",
            environment="production",
            version=f"{behaviour}+{self.releases}",
            commit_sha=name,
            deployed_at=now,
            deployed_by="simulation",
            status=Status.PENDING,
            image=f"sha256:image{self.releases}",
            frontend=f"sha256:page{self.releases}",
            config=regions or "c",
            launch=f"d{self.releases}",
        )


class Deployer:
    """Holds at most one lock and one engine. Everything it raises to a person is caught and remembered in `said`."""

    def __init__(self, number: int, scene: Scene) -> None:
        self.number, self.scene = number, scene
        self.clock = SkewedClock(scene.timeline)
        self.holding: Holding | None = None
        self.engine: Engine | None = None
        self.wanted: tuple[str, DeploymentInfo | None, Strategy] | None = None
        self.paused = False
        self.expected = ""
        """The commit that a rollback must bring back: that of the last good release, never one before it."""
        self.said: list[str] = []

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return self.holding is None

    def begin(self, verb: str, release: DeploymentInfo | None, strategy: Strategy = Strategy.BLUEGREEN) -> None:
        """Take the lock, or say who has it."""
        self.expected = ""
        holding = Holding(self.scene.ledger, f"deployer {self.number}", verb, self.clock, process="")
        self.wanted = (verb, release, strategy)
        self._guarded(lambda: self._take(holding))

    def turn(self) -> None:
        """One turn of its work."""
        if self.holding is not None:
            self._guarded(self._work)

    def interrupt(self) -> None:
        """A person's Ctrl+C: it stops where it is and gives the lock back; the intent stays for the next one."""
        if self.holding is not None:
            self._guarded(self._leave)

    def renew(self) -> None:
        """What the background thread does while another deployer's time passes."""
        if self.holding is None or self.paused:
            return
        actor, self.scene.chaos.actor = self.scene.chaos.actor, self.number
        try:
            self.holding.keep()
        except LedgerError:
            pass
        except Killed:
            self._vanish()
        finally:
            self.scene.chaos.actor = actor

    def _take(self, holding: Holding) -> None:
        holding.take()
        self.holding = holding

    def _work(self) -> None:
        if self.engine is None:
            self.engine = self._next_engine()
            if self.engine is None:
                self._leave()
            return
        done = self.engine.advance()
        if done is None:
            return
        if self.expected and self.holding and self.engine.intent.forward == (self.engine.intent.verb == "rollback"):
            serving = Book(self.scene.ledger, self.holding).snapshot().current()
            found = serving.commit_sha if serving else ""
            assert found == self.expected, f"a rollback led to {found}, not {self.expected}"
        self.expected = ""
        if done.status is not Status.DEPLOYED and self.engine.intent.blame:
            self.scene.blamed.append(done.version)
        self.engine = None

    def _next_engine(self) -> Engine | None:
        """What was left half-way comes first, then what this one was asked for."""
        if self.holding is None:
            return None
        book = Book(self.scene.ledger, self.holding)
        left = book.snapshot().intent()
        if self.wanted is not None and self.wanted[0] == "rollback":
            self.wanted = None
            return self._rollback(left, book)
        if left is not None:
            return self._engine(left, book)
        if self.wanted is None or self.wanted[0] == "resume":
            return None
        verb, release, strategy = self.wanted
        self.wanted = None
        snapshot = book.snapshot()
        if verb == "repair":
            release, strategy = self._again(snapshot.current()), Strategy.IMMEDIATE
        if release is None:
            return None
        previous = self._kept(snapshot) if verb == "repair" else snapshot.current()
        intent = self._placed(Intent(verb, release, previous, strategy, self._count(snapshot)), snapshot)
        if intent.releasing and self._strange(snapshot):
            raise DeployError("machines are in traffic that this ledger does not know")
        book.begin(intent, self.scene.config(release.config))
        return self._engine(intent, book, takes_over=verb == "repair")

    def _rollback(self, left: Intent | None, book: Book) -> Engine:
        """As `recovery.py` does it: the shortest path, whatever was left half-way."""
        snapshot = book.snapshot()
        way = way_to_roll_back(left, None)
        self.expected = ""
        if left is not None and way is Way.TURN and left.previous:
            self.expected = left.previous.commit_sha
        elif left is not None and way in (Way.CONTINUE, Way.FORWARD):
            self.expected = left.wanted.commit_sha
        elif way is Way.BEGIN:
            self.expected = earlier_release("production", snapshot, None).commit_sha
        if left is None or way in (Way.BEGIN, Way.REPLACE):
            back = self._again(earlier_release("production", snapshot, None))
            assert back is not None
            count = left.count if left and not left.regions else self._count(snapshot)
            intent = self._placed(Intent("rollback", back, snapshot.current(), Strategy.IMMEDIATE, count), snapshot)
            config = self.scene.config(back.config)
            if left is None:
                book.begin(intent, config)
            else:
                book.replace(left.turned("by hand", blame=False) if left.forward else left, intent, config)
            return self._engine(intent, book, takes_over=left is not None)
        if way is Way.FORWARD:
            left = left.turned_forward()
            book.keep(left, "goes on as a rollback")
        elif way is Way.TURN and left.forward:
            left = left.marked(BY_HAND).turned("by hand", blame=False)
            book.keep(left, "by hand")
        return self._engine(left, book)

    def _again(self, release: DeploymentInfo | None) -> DeploymentInfo | None:
        """The same release under a new deployment's id."""
        if release is None:
            return None
        fresh = self.scene.release("good", self.clock.now())
        return replace(release, id=fresh.id, status=Status.PENDING, reason="")

    def _kept(self, snapshot: Snapshot) -> DeploymentInfo | None:
        try:
            return earlier_release("production", snapshot, None)
        except DeployError:
            return None

    def _placed(self, intent: Intent, snapshot: Snapshot) -> Intent:
        """As `Desk` does it."""
        before = self.scene.config(intent.previous.config) if intent.previous else None
        return placed(intent, self.scene.config(intent.wanted.config), before, self._count(snapshot))

    def _count(self, snapshot: Snapshot) -> int:
        current = snapshot.current()
        if current and ":" in current.config:
            return COUNT
        launches = {current.launch} if current else launches_of(snapshot)
        there = [each for each in self.scene.platform.machines() if each.launch in launches and each.traffic]
        return max(COUNT, len({(e.launch, e.number) for e in there if not e.reachable or e.state == "started"}))

    def _strange(self, snapshot: Snapshot) -> bool:
        known = launches_of(snapshot)
        return any(each.traffic and each.launch not in known for each in self.scene.platform.machines())

    def _engine(self, intent: Intent, book: Book, *, takes_over: bool = True) -> Engine:
        self.scene.chaos.runs[self.number] += 1
        return Engine(
            intent,
            platform=self.scene.platform,
            book=book,
            checks=self.scene.checks,
            edge=self.scene.platform,
            clock=self.clock,
            bus=Bus(),
            pace=PACE,
            configs=self.scene.config,
            launches=frozenset(launches_of(book.snapshot())),
            takes_over=takes_over,
        )

    def _leave(self) -> None:
        holding, self.holding, self.engine = self.holding, None, None
        if holding:
            holding.release()

    def _vanish(self) -> None:
        """Killed: nothing is given back."""
        self.holding = self.engine = self.wanted = None

    def _guarded(self, work: object) -> None:
        chaos = self.scene.chaos
        actor, chaos.actor = chaos.actor, self.number
        guard, self.scene.platform.guard = self.scene.platform.guard, self._fresh
        try:
            try:
                work()  # type: ignore[operator]
            except LockHeld as held:
                self.said.append(str(held))
                self._vanish()
            except DeployError as failed:
                self.said.append(str(failed))
                try:
                    self._leave()
                except LedgerError:
                    self._vanish()
        except Killed:
            self._vanish()
        finally:
            chaos.actor, self.scene.platform.guard = actor, guard

    def _fresh(self) -> None:
        if self.holding is not None:
            self.holding.fresh()
