"""Production for tests of the engine: the simulation's model, and a deployer who holds its lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deploy.events.bus import Bus
from deploy.events.events import Event
from deploy.ledger import Holding, Intent, Snapshot
from deploy.platforms.errors import PlatformError
from deploy.release.rollout.book import Book
from deploy.release.rollout.engine import Engine
from deploy.release.rollout.placement import placed
from deploy.settings.policy import Strategy
from tests.simulation.deployer import PACE, Scene
from tests.simulation.model import SkewedClock

EMPTY: dict[str, Any] = {}


class Stage:
    """Production, a deployer who holds its lock, and a way to bring releases to it."""

    def __init__(self) -> None:
        self.scene = Scene()
        self.clock = SkewedClock(self.scene.timeline)
        holding = Holding(self.scene.ledger, "a test", "promote", self.clock, process="")
        holding.take()
        self.book = Book(self.scene.ledger, holding)
        self.events: list[Event] = []

    def engine(
        self,
        behaviour: str = "good",
        strategy: Strategy = Strategy.BLUEGREEN,
        verb: str = "promote",
        regions: str = "",
    ) -> Engine:
        release = self.scene.release(behaviour, self.clock.now(), regions)
        return self.begun(Intent(verb, release, self.snapshot().current(), strategy, 2))

    def begun(self, intent: Intent) -> Engine:
        """An intent with the regions of its releases, in the ledger."""
        before = self.scene.config(intent.previous.config) if intent.previous else None
        intent = placed(intent, self.scene.config(intent.wanted.config), before, 2)
        self.book.begin(intent, {})
        return self.engine_for(intent, self.scene.config)

    def engine_for(
        self,
        intent: Intent,
        config: dict[str, Any] | Callable[[str], dict[str, Any]] | None = EMPTY,
        *,
        takes_over: bool = False,
    ) -> Engine:
        return Engine(
            intent,
            platform=self.scene.platform,
            book=self.book,
            checks=self.scene.checks,
            edge=self.scene.platform,
            clock=self.clock,
            bus=Bus(self.events.append),
            pace=PACE,
            configs=config if callable(config) else lambda _: config,
            escalates=True,
            takes_over=takes_over,
        )

    def snapshot(self) -> Snapshot:
        return self.book.snapshot()

    def serves(self, version: str) -> bool:
        current = self.snapshot().current()
        launches = {machine.launch for machine in self.scene.platform.serving()}
        return current is not None and current.version == version and launches == {current.launch}


def failing(stage: Stage, call: str, error: PlatformError, times: int = 10**6) -> None:
    """Let a call to the platform fail from now on."""
    real: Callable[..., Any] = getattr(stage.scene.platform, call)
    left = times

    def fail(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise error
        return real(*arguments, **options)

    setattr(stage.scene.platform, call, fail)
