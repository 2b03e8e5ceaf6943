"""An environment in the hands of one deployer: the lock held, the clients open, an engine for each rollout."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import interrupts
from deploy.console import Teller
from deploy.errors import LedgerError, RolloutFailed, Unfinished
from deploy.ledger import DeploymentInfo, Holding, Intent, Snapshot, Status
from deploy.ledger.lock import SystemClock
from deploy.ledger.store import who
from deploy.platforms.fly import FlyClient
from deploy.platforms.fly.toml import FlyConfig, read_fly_toml
from deploy.platforms.registry import RegistryClient
from deploy.policy import Strategy
from deploy.release.book import Book
from deploy.release.checks import RealChecks
from deploy.release.consequences import consequences_for
from deploy.release.engine import Engine, Pace
from deploy.release.events import Bus
from deploy.release.listeners import kept_in, logged_to, told_to
from deploy.release.platform import CloudPlatform
from deploy.target import Target


@dataclass
class Desk:
    """What a verb works with while it holds the lock."""

    target: Target
    teller: Teller
    logs: Path
    book: Book
    fly: FlyClient
    registry: RegistryClient
    platform: CloudPlatform
    bus: Bus

    @functools.cached_property
    def toml(self) -> FlyConfig:
        """The environment's fly.toml."""
        return read_fly_toml(self.target.config.fly_toml)

    def snapshot(self) -> Snapshot:
        """The ledger as it is now."""
        return self.book.snapshot()

    def settle(self, *, back: bool = False) -> DeploymentInfo | None:
        """Finish, or take back, what a deployer left half-way; the release that serves; None when there was nothing.

        `back` turns what still goes forward; the release is not blamed, because a person decides it.
        """
        left = self.snapshot().intent()
        if left is None:
            return None
        if back and left.forward:
            left = left.turned(f"taken back by {who()}", blame=False)
            self.book.keep(left, "turns back")
        self.teller.say(
            f"{left.verb} of {left.wanted.version} was left half-way "
            f"({'going forward' if left.forward else 'going back'}); going on with it"
        )
        try:
            return self._run(left)
        except RolloutFailed as failed:
            if isinstance(failed, Unfinished) or not back or left.previous is None:
                raise
            return left.previous  # what was asked for

    def roll_out(
        self,
        verb: str,
        wanted: DeploymentInfo,
        config: dict[str, Any],
        strategy: Strategy,
        notes: tuple[str, ...] = (),
    ) -> DeploymentInfo:
        """Begin a rollout and carry it out; raises RolloutFailed when it was taken back.

        With as many machines as serve now, and at least as many as fly.toml asks for. Another environment's machines
        are refused before anything is begun.
        """
        serving = sum(machine.traffic and machine.state == "started" for machine in self.platform.machines())
        count = max(self.toml.min_machines, serving)
        intent = Intent(verb, wanted, self.snapshot().current(), strategy, count, notes=notes)
        with interrupts.telling(lambda: halfway(intent, self.target)):
            self.book.begin(intent, config)
            for note in notes:
                self.bus.emit("override", self.target.name, intent.id, note=note)
            self.bus.emit("rollout.begun", self.target.name, intent.id, verb=verb, version=wanted.version)
            done = self._run(intent)
            # Run again, a rollback would go back by one more.
            interrupts.from_now_on(
                lambda: (
                    f"{verb} of {wanted.version} is done, {self.target.name} serves it. "
                    f"See: invoke status --env {self.target.name}{self.target.flag}"
                )
            )
        return done

    def _run(self, intent: Intent) -> DeploymentInfo:
        policy = self.target.config.release
        engine = Engine(
            intent,
            platform=self.platform,
            book=self.book,
            checks=RealChecks(self.target, self.logs),
            clock=SystemClock(),
            bus=self.bus,
            pace=Pace(drain=policy.drain.total_seconds()),
            configs=self.snapshot().config,
        )
        # The engine's intent, not this one: it may turn back meanwhile.
        with interrupts.telling(lambda: halfway(engine.intent, self.target)):
            done = engine.run()
        if done.status is not Status.DEPLOYED:
            raise RolloutFailed(told(intent, done), log=engine.log)
        return done


def halfway(intent: Intent, target: Target) -> str:
    """What an interrupted rollout leaves, and the commands that go on from there."""
    resume = f"invoke resume --env {target.name}"
    back = f"; take it back with: {resume} --back{target.flag}" if intent.forward else ""
    direction = "forward" if intent.forward else "going back"
    return (
        f"{intent.verb} of {intent.wanted.version} is half-way in {target.name} ({direction}). "
        f"Go on with: {resume}{target.flag}{back}"
    )


def told(intent: Intent, done: DeploymentInfo) -> str:
    """What failed, and what serves now."""
    now = f"{intent.previous.version} serves" if intent.previous else "nothing served before, and nothing serves now"
    return f"{done.environment}: {done.version} was not released: {done.reason}. {now[0].upper()}{now[1:]}"


@contextlib.contextmanager
def at_work(target: Target, doing: str, teller: Teller, logs: Path) -> Iterator[Desk]:
    """Take the environment's lock and open its clients; raises LockHeld saying who works on it."""
    target.require_tokens()
    holding = Holding(target.ledger, f"{who()} pid {os.getpid()}", doing, SystemClock())
    try:
        holding.take()
    except interrupts.Interrupted:
        _give_back(holding)
        raise
    with contextlib.ExitStack() as stack:
        stack.callback(_give_back, holding)
        stack.enter_context(holding.renewing())
        fly, pages = stack.enter_context(target.fly()), stack.enter_context(target.pages())
        registry = stack.enter_context(target.registry())
        fly.sender.guard = pages.sender.guard = _guard(holding)
        file = stack.enter_context(kept_in(logs))
        bus = Bus(logged_to(sys.stderr) if teller.json_steps else told_to(teller), logged_to(file))
        book = Book(target.ledger, holding, consequences_for(target))
        platform = CloudPlatform(target, fly, pages, registry)
        yield Desk(target, teller, logs, book, fly, registry, platform, bus)


def _give_back(holding: Holding) -> None:
    """A lock that cannot be given back ends by itself; what went wrong before matters more."""
    with contextlib.suppress(LedgerError), interrupts.shielded():
        holding.release()


def _guard(holding: Holding) -> Callable[[], None]:
    """Called before each change on a platform: by the lock's holder alone, and not by a verb that is ending."""

    def guard() -> None:
        interrupts.check()
        holding.fresh()

    return guard
