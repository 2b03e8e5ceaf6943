"""A deployer of the simulation: the real engine, book, lock and consequences, over the model; one turn at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from deploy.errors import DeployError, LedgerError, LockHeld
from deploy.ledger import DeploymentInfo, Holding, Intent, Status
from deploy.policy import Strategy
from deploy.release.book import Book
from deploy.release.engine import Engine, Pace
from deploy.release.events import Bus
from deploy.release.verbs import earlier
from tests.simulation.model import Chaos, Killed, ModelChecks, ModelLedger, ModelPlatform, SkewedClock, Timeline

COUNT = 2
PACE = Pace(health=30, poll=0.5, drain=1, budget=60)


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

    def release(self, behaviour: str, now: datetime) -> DeploymentInfo:
        """A new release that behaves so."""
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
            config="c",
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
        self.said: list[str] = []

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""
        return self.holding is None

    def begin(self, verb: str, release: DeploymentInfo | None, strategy: Strategy = Strategy.BLUEGREEN) -> None:
        """Take the lock, or say who has it."""
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
        if done.status is not Status.DEPLOYED and self.engine.intent.blame:
            self.scene.blamed.append(done.version)
        self.engine = None

    def _next_engine(self) -> Engine | None:
        """What was left half-way comes first, then what this one was asked for."""
        if self.holding is None:
            return None
        book = Book(self.scene.ledger, self.holding)
        left = book.snapshot().intent()
        if left is not None:
            return self._engine(left, book)
        if self.wanted is None or self.wanted[0] == "resume":
            return None
        verb, release, strategy = self.wanted
        self.wanted = None
        snapshot = book.snapshot()
        if verb == "rollback":
            back = earlier("production", snapshot, None)
            fresh = self.scene.release("good", self.clock.now())
            release = DeploymentInfo(**{**vars(back), "id": fresh.id, "status": Status.PENDING, "reason": ""})
            strategy = Strategy.IMMEDIATE
        if release is None:
            return None
        serving = sum(machine.traffic and machine.state == "started" for machine in self.scene.platform.machines())
        intent = Intent(verb, release, snapshot.current(), strategy, max(COUNT, serving))
        book.begin(intent, {})
        return self._engine(intent, book)

    def _engine(self, intent: Intent, book: Book) -> Engine:
        return Engine(
            intent,
            platform=self.scene.platform,
            book=book,
            checks=self.scene.checks,
            clock=self.clock,
            bus=Bus(),
            pace=PACE,
            configs=lambda _: {},
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
