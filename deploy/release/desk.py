"""What a verb works with in one environment: the held lock, the open clients, and an engine for each rollout."""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deploy import interrupts
from deploy.clock import SystemClock
from deploy.errors import DeployError, LedgerError, LockHeld, RolloutFailed, Unfinished
from deploy.events.bus import Bus
from deploy.events.events import GateOverridden, RolloutBegun
from deploy.ledger import DeploymentInfo, Holding, Intent, Snapshot, Status
from deploy.ledger.identity import who
from deploy.ledger.unlock import leave_unlocking
from deploy.platforms.fly import FlyClient
from deploy.platforms.fly.toml import FlyConfig, read_fly_toml
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.app_secrets import not_brought_back
from deploy.release.gates.consequences import consequences_for
from deploy.release.rollout.book import Book
from deploy.release.rollout.checks import RealChecks
from deploy.release.rollout.edge import RealEdge
from deploy.release.rollout.engine import Engine
from deploy.release.rollout.former import known_former
from deploy.release.rollout.pace import MANY_PROXIES_SECONDS, ONE_PROXY_SECONDS, Pace
from deploy.release.rollout.placement import machines_of, placed, shares
from deploy.release.rollout.platform import CloudPlatform, Report
from deploy.release.rollout.strangers import Stranger, launches_of, refuse, strangers
from deploy.settings.chain import read_chain
from deploy.settings.environments import Role
from deploy.settings.policy import Strategy
from deploy.target import Target


@dataclass
class Desk:
    """An environment's lock, ledger and clients, for as long as one verb holds the lock."""

    target: Target
    logs: Path
    book: Book
    fly: FlyClient
    pages: PagesClient
    registry: RegistryClient
    platform: CloudPlatform
    bus: Bus

    log: Path | None = None
    """Log file of the check that failed in the last rollout, if any."""
    last_output: str = ""
    """Last log lines of the machines at fault in the last rollout."""

    @functools.cached_property
    def toml(self) -> FlyConfig:
        """The environment's fly.toml."""
        return read_fly_toml(self.target.config.fly_toml)

    def snapshot(self) -> Snapshot:
        """The ledger as it is now."""
        return self.book.snapshot()

    def settle(self) -> DeploymentInfo | None:
        """Continue the rollout that a deployer left half-way; returns its outcome, None when there is none."""
        left = self.snapshot().intent()
        if left is None:
            return None
        self.bus.say(
            f"{left.verb} of {left.wanted.version} was left half-way "
            f"({'going forward' if left.forward else 'rolling back'}); continuing it"
        )
        return self.carry_out(left)

    def strangers(self) -> tuple[Stranger, ...]:
        """Machines of the app that the ledger does not know."""
        there = self.fly.machines.list() if self.fly.app_exists() else []
        return strangers(there, self.target.name, launches_of(self.snapshot()))

    def refuse_strangers(self, *, releasing: bool = True) -> None:
        """Raise DeployError if machines that the ledger does not know are in traffic; report the other unknown ones.

        With `releasing` False (rollback, repair) only machines made from another ledger are a reason to refuse.
        """
        found, target = self.strangers(), self.target
        refuse(
            [each for each in found if releasing or each.foreign],
            target.name,
            self.fly.app,
            target.ledger.place,
            target.flag,
        )
        for each in found:
            self.bus.note(f"machine {each.id} is left alone: {each.why}{' (ignored)' if each.ignored else ''}")

    def roll_out(
        self,
        verb: str,
        wanted: DeploymentInfo,
        config: dict[str, Any],
        strategy: Strategy,
        notes: tuple[str, ...] = (),
    ) -> DeploymentInfo:
        """Begin a rollout and carry it out; raises RolloutFailed when it was rolled back.

        Raises DeployError, before anything is changed, if machines serve that the ledger does not know.
        """
        snapshot = self.snapshot()
        intent = Intent(verb, wanted, snapshot.current(), strategy, self.count(snapshot, config), notes=notes)
        if intent.releasing:
            self.refuse_strangers()
        return self.begin(intent, config)

    def begin(self, intent: Intent, config: dict[str, Any], *, instead_of: Intent | None = None) -> DeploymentInfo:
        """Write the intent (`instead_of` one that was left half-way) and carry it out."""
        verb, wanted, intent = intent.verb, intent.wanted, self._placed(intent, config)
        with interrupts.explained_by(lambda: half_way(intent, self.target)):
            if instead_of:
                self.book.replace(instead_of, intent, config)
            else:
                self.book.begin(intent, config)
            for note in intent.notes:
                self.bus.emit(GateOverridden(note=note, deployment=intent.id))
            done = self.carry_out(intent, takes_over=instead_of is not None or verb == "repair")
            # Run again, a rollback would go back by one more.
            interrupts.from_now_on(
                lambda: (
                    f"{verb} of {wanted.version} is done, {self.target.name} serves it. "
                    f"See: invoke status --env {self.target.name}{self.target.flag}"
                )
            )
        return done

    def _placed(self, intent: Intent, config: dict[str, Any]) -> Intent:
        """The intent with the regions of both its releases."""
        snapshot, previous = self.snapshot(), intent.previous
        before = snapshot.config(previous.config) if previous else None
        open_ended = shares(config) and not shares(before or {})
        return placed(intent, config, before, self._serving(snapshot) if open_ended else 0)

    def count(self, snapshot: Snapshot, config: dict[str, Any], usual: int | None = None) -> int:
        """How many machines a release of this configuration gets: those of its regions, if it names them.

        Else as many as serve now (`usual`, where that is known), and at least as many as fly.toml asks for. What serves
        in other regions than the release's own is no measure for it.
        """
        if said := machines_of(config):
            return said
        current = snapshot.current()
        several = bool(current and shares(snapshot.config(current.config) or {}))
        if usual is None or several:
            usual = self._serving(snapshot, str(config.get("region") or "") if several else "")
        return max(self.toml.min_machines, usual, 1)

    def _serving(self, snapshot: Snapshot, region: str = "") -> int:
        """In how many places a machine of the serving release is in traffic, in this region or in all."""
        current = snapshot.current()
        launches = {current.launch} if current else launches_of(snapshot)  # none that was left behind counts
        there = [each for each in self.platform.machines() if each.launch in launches and each.traffic]
        there = [each for each in there if region in ("", each.region)]
        # Places, not machines: one that was replaced while its host was gone may be back beside the other. One whose
        # host is gone now has a place that is to be filled.
        places = {(each.launch, each.number) for each in there if not each.reachable or each.state == "started"}
        return len(places)

    def carry_out(self, intent: Intent, *, takes_over: bool = True) -> DeploymentInfo:
        """Carry out an intent that is in the ledger; raises RolloutFailed when it was rolled back."""
        done = self.end(intent, takes_over=takes_over)
        if done.status is not Status.DEPLOYED:
            if intent.previous and (note := not_brought_back(self.snapshot(), intent.previous.secrets_version)):
                self.bus.say(note)
            raise RolloutFailed(failure_message(intent, done) + self.last_output, log=self.log)
        return done

    def _pace(self) -> Pace:
        proxies = ONE_PROXY_SECONDS if self.target.rehearsal and not self.target.strict else MANY_PROXIES_SECONDS
        return Pace(drain=self.target.config.release.drain.total_seconds(), proxies=proxies)

    def end(self, intent: Intent, *, takes_over: bool = True) -> DeploymentInfo:
        """Carry out an intent that is in the ledger, whatever its outcome; raises Unfinished when it stops half-way.

        `takes_over`: another deployer began it, or what it replaces; or it mends what a list may not show yet.
        """
        begun = RolloutBegun(verb=intent.verb, version=intent.wanted.version, deployment=intent.id)
        self.bus.emit(begun)
        snapshot = self.snapshot()
        engine = Engine(
            intent,
            platform=self.platform,
            book=self.book,
            checks=RealChecks(self.target, self.logs),
            edge=RealEdge(self.target.config.service_url),
            clock=SystemClock(),
            bus=self.bus,
            pace=self._pace(),
            configs=snapshot.config,
            launches=frozenset(launches_of(snapshot)),  # all read now: nothing may fail half-way for an old event
            flag=self.target.flag,
            escalates=self.target.config.role is Role.PROTECTED,
            takes_over=takes_over,
        )
        try:
            # The engine's intent, not this one: it may turn back meanwhile.
            with interrupts.explained_by(lambda: half_way(engine.intent, self.target)):
                return engine.run()
        except RolloutFailed:
            raise
        except DeployError as failed:
            why = failed.problem if isinstance(failed, LedgerError) else failed  # what is half-way is said here
            raise Unfinished(f"{why}. {half_way(engine.intent, self.target)}", log=failed.log) from failed
        finally:
            self.log, self.last_output = engine.log, last_output(engine.reports)


def half_way(intent: Intent, target: Target) -> str:
    """One sentence that says which rollout is unfinished, and the commands that continue it or roll it back."""
    resume = f"invoke resume --env {target.name}"
    back = f"; roll it back with: {resume} --back{target.flag}" if intent.releasing else ""
    direction = "forward" if intent.forward else "rolling back"
    return (
        f"{intent.verb} of {intent.wanted.version} is half-way in {target.name} ({direction}). "
        f"Go on with: {resume}{target.flag}{back}"
    )


def failure_message(intent: Intent, done: DeploymentInfo) -> str:
    """What failed, and what serves now."""
    now = f"{intent.previous.version} serves" if intent.previous else "nothing served before, and nothing serves now"
    return f"{done.environment}: {done.version} was not released: {done.reason}. {now[0].upper()}{now[1:]}"


def last_output(reports: Sequence[Report]) -> str:
    """The last log lines of machines at fault, for the end of a message; "" when there are none."""
    written = [each for each in reports if each.lines]
    return "".join(f"\nlast output of machine {each.machine}:\n  " + "\n  ".join(each.lines) for each in written)


@contextlib.contextmanager
def working_on(target: Target, doing: str, bus: Bus, logs: Path, *, wait: timedelta = timedelta()) -> Iterator[Desk]:
    """Take the environment's lock and open its clients; raises LockHeld, naming the holder, when `wait` is over."""
    target.require_tokens()
    _warn_of_sharing(target, bus)
    holding = Holding(target.ledger, f"{who()} pid {os.getpid()}", doing, SystemClock())
    interrupts.at_end(lambda: leave_unlocking(target.ledger, holding.token) if holding.left else None)
    try:
        _take(holding, wait, bus)
    except interrupts.Interrupted:
        _give_back(holding)
        raise
    with contextlib.ExitStack() as stack:
        stack.callback(_give_back, holding)
        stack.enter_context(holding.renewing())
        fly, pages = stack.enter_context(target.fly()), stack.enter_context(target.pages())
        registry = stack.enter_context(target.registry())
        fly.sender.guard = pages.sender.guard = _guard(holding)
        pages.tell = bus.about(target.name).note
        book = Book(target.ledger, holding, consequences_for(target))
        platform = CloudPlatform(target, fly, pages, registry, lambda one: known_former(target.ledger, one, pages.tell))
        yield Desk(target, logs, book, fly, pages, registry, platform, bus.about(target.name))


def _warn_of_sharing(target: Target, bus: Bus) -> None:
    """Say which environments are in the same organisation. A rehearsal has none of its own: there it is no use."""
    if target.rehearsal or not (shared := read_chain().sharing(target.name)):
        return
    names = ", ".join(f".env.{name}" for name in (target.name, *shared))
    bus.say(
        f"warning: {target.name} and {', '.join(shared)} share the Fly organisation {target.config.fly_organization}: "
        f"whoever may act on one may act on the other. Give each its own: FLY_ORGANIZATION in {names}"
    )


def _take(holding: Holding, wait: timedelta, bus: Bus) -> None:
    """Take the lock; while another deployer holds it, try again until `wait` is over, then raise LockHeld."""
    end, shown = time.monotonic() + wait.total_seconds(), ""
    while True:
        try:
            return holding.take()
        except LockHeld as held:
            if time.monotonic() >= end:
                raise
            if str(held) != shown:
                shown = str(held)
                bus.say(f"waiting: {held}")
            time.sleep(min(1.0, max(0.0, end - time.monotonic())))


def _give_back(holding: Holding) -> None:
    """Release the lock. A failure is ignored: the lease expires anyway, and must not hide the verb's own error."""
    with contextlib.suppress(LedgerError), interrupts.shielded():
        holding.release()


def _guard(holding: Holding) -> Callable[[], None]:
    """Called before each change on a platform; raises if the lock was lost or the verb is being interrupted."""

    def guard() -> None:
        interrupts.check()
        holding.fresh()

    return guard
