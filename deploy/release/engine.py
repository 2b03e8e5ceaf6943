"""The engine that brings a release to an environment, or takes it back, whatever happens on the way.

Theory of operation.

Actors: one *holder* of the environment's lock, who runs this engine; the *ledger* (git), which holds the intent; the
*platform* (machines and page), which holds the world. Nothing else remembers anything: a run that is killed loses only
what it can find out again.

A rollout first writes its intent to the ledger. Then, again and again: the lock is renewed, the platform looked at, one
next step decided (`decide.py`, pure) and taken, until world and intent agree; then one commit records the outcome and
takes the intent away. Whoever finds an intent with no living holder goes on from there, because

- every step may be taken twice: creations carry a launch key and a name of their own, so one that was answered by an
  error is found by looking; the others name a state to be in;
- what a look cannot show (a verdict, a passed suite, the turn back) is written into the intent before it is acted upon;
- every write to the ledger is refused unless its writer still holds the lock.

Failures are told apart. *The release is at fault* (unhealthy, wrong digest, failed verdict or suite): the
intent turns back, the release is rejected. *The platform cannot be reached* or asks to go slower: tried again, more
and more slowly and never in step with others, within a budget; then the run stops, the intent stays, and nobody blames
the release. *The platform has no room*: the intent turns back, and the release is not blamed either.
*We may not go on* (token refused, lock lost, ledger gone): the run stops at once and the intent stays.

In production, at every moment, a whole release that was proven is in traffic: a machine leaves it only after those that
take over were seen healthy, and the page follows the machines.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deploy.errors import DeployError, LedgerError, ReleaseFault, Unfinished
from deploy.ledger import DeploymentInfo, Intent
from deploy.ledger.lock import Clock
from deploy.platforms.errors import (
    Conflict,
    Forbidden,
    NotFound,
    PlatformError,
    RateLimited,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from deploy.release import steps
from deploy.release.book import Book
from deploy.release.decide import JUDGED, SMOKED, decide
from deploy.release.events import Bus
from deploy.release.platform import Platform
from deploy.release.world import Seen, World

SWITCHED = "all traffic moved"


@dataclass(frozen=True)
class Pace:
    """How long things may take, in seconds; `budget`: how long the platform may be out of reach until a run stops."""

    health: float = 120
    poll: float = 0.05
    drain: float = 5
    budget: float = 120
    first_pause: float = 0.5
    longest_pause: float = 15


class Checks(Protocol):
    """What is asked of a release beside the platform's own checks. Each raises ReleaseFault, or lets it pass."""

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        """Compare machines in traffic; returns the verdict's words."""

    def smoke(self, intent: Intent) -> str:
        """Run the smoke suite; returns what it found."""


@dataclass
class _Memory:
    """What this run did itself. Losing it costs time, never correctness."""

    drained: set[str] = field(default_factory=set)
    withdrawn: dict[str, float] = field(default_factory=dict)
    starts: Counter[str] = field(default_factory=Counter)
    creations: Counter[int] = field(default_factory=Counter)
    waiting: dict[tuple[str, ...], float] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    page: str | None = None
    """As last looked at: under the lock it changes by this run alone, which looks again after each change."""


class Engine:
    """Carries out one intent. `advance` is one turn of the loop; `run` turns until it is done.

    `configs` yields the machine configuration of a digest, None when the ledger has lost it.
    """

    def __init__(
        self,
        intent: Intent,
        *,
        platform: Platform,
        book: Book,
        checks: Checks,
        clock: Clock,
        bus: Bus,
        configs: Callable[[str], dict[str, Any] | None],
        pace: Pace = Pace(),
    ) -> None:
        self.intent = intent
        self._configs = configs
        self._platform, self._book, self._checks = platform, book, checks
        self._clock, self._bus, self._pace = clock, bus, pace
        self._memory = _Memory()
        self._spans: list[tuple[str, float]] = []
        self._begun = clock.monotonic()
        self._failing: float | None = None
        self._pauses = 0
        self.log: Path | None = None
        """Where the story of what turned it back is kept."""

    def run(self) -> DeploymentInfo:
        """Until done; the outcome. Raises Unfinished, LockLost or LedgerError when it must stop, the intent kept."""
        while True:
            if done := self.advance():
                return done

    def advance(self) -> DeploymentInfo | None:
        """Look, decide, take one step; the outcome when that was the last."""
        try:
            self._book.holding.keep()
            step = self._next()
            done = self._take(step)
        except (Unauthorized, Forbidden) as refused:
            raise self._stopped(refused) from refused
        except PlatformError as failed:
            if failed.exhausted and self.intent.forward:
                self._turn(str(failed), blame=False)
            else:
                self._again(failed)
            return None
        except ReleaseFault as fault:
            self.log = fault.log or self.log
            self._turn(str(fault), blame=True)
            return None
        self._failing, self._pauses = None, 0
        return done

    def observe(self) -> World:
        """The world now. What this run made is asked for by name when a list, perhaps an old one, leaves it out."""
        listed = {machine.id: machine for machine in self._platform.machines()}
        for id_ in self._memory.made - listed.keys() - self._memory.gone:
            if found := self._platform.look(id_):
                listed[id_] = found
            else:
                self._memory.made.discard(id_)
        memory = self._memory
        machines = tuple(machine for machine in listed.values() if machine.id not in memory.gone)
        if memory.page is None:
            memory.page = self._platform.page()
        return World(machines, memory.page, frozenset(memory.drained), memory.starts, memory.creations)

    # one step

    def _next(self) -> steps.Step:
        return decide(self.intent, self.observe())

    def _take(self, step: steps.Step) -> DeploymentInfo | None:
        begun = self._clock.monotonic()
        environment, id_ = self.intent.wanted.environment, self.intent.id
        with self._bus.step(step.text, environment, id_, direction=self.intent.direction.value):
            done = self._perform(step)
        self._spans.append((step.text, self._clock.monotonic() - begun))
        return done

    def _perform(self, step: steps.Step) -> DeploymentInfo | None:
        """The one place where steps are executed."""
        platform, memory = self._platform, self._memory
        match step:
            case steps.Create(number):
                self._create(number)
            case steps.Start(machine):
                self._await_asleep(machine)
                platform.start(machine)
                memory.starts[machine] += 1
            case steps.AwaitHealthy(machines):
                self._await_healthy(machines)
            case steps.Admit(machine):
                platform.admit(machine)
            case steps.Judge(green, blue):
                verdict = self._checks.judge(green, blue, self.intent)
                self._mark(JUDGED, verdict)
            case steps.Withdraw(machine, heirs):
                self._confirm(heirs)
                platform.withdraw(machine)
                memory.withdrawn[machine] = self._clock.monotonic()
                self._moved()
            case steps.Publish(_):
                memory.page = None
                platform.publish(self._release())
                self._moved()
            case steps.Smoke():
                self._mark(SMOKED, self._checks.smoke(self.intent))
            case steps.Drain(machines):
                self._drain(machines)
            case steps.Rest(machine):
                platform.rest(machine)
            case steps.Destroy(machine):
                platform.destroy(machine)
                memory.gone.add(machine)
            case steps.TurnBack(reason, blame):
                self._turn(reason, blame=blame)
            case steps.Finish():
                return self._finish()
            case _:
                raise TypeError(f"no such step: {step!r}")
        return None

    def _moved(self) -> None:
        """Note when traffic, or the page, was moved: the last time counts."""
        self._spans.append((SWITCHED, self._clock.monotonic() - self._begun))

    def _release(self) -> DeploymentInfo:
        """The release that the steps concern; on the way back to nothing, the one that is taken away."""
        return self.intent.towards or self.intent.wanted

    def _create(self, number: int) -> None:
        release = self._release()
        config = self._configs(release.config)
        if config is None:
            raise LedgerError(
                f"the configuration {release.config or '(none)'} of {release.version} is not in the ledger; restore "
                f"configs/{release.config}.json by a new commit on its branch"
            )
        made = self._platform.create(release, config, number)
        self._memory.creations[number] += 1
        self._memory.made.add(made)
        self._memory.gone.discard(made)

    def _await_healthy(self, machines: tuple[str, ...]) -> None:
        """Look until all are healthy; a machine that stops or fails meanwhile is left to the next decision."""
        image = self._release().image
        # From when these were first waited for: a platform that fails now and then does not give them time for ever.
        deadline = self._memory.waiting.setdefault(machines, self._clock.monotonic()) + self._pace.health
        while True:
            asked = self._clock.monotonic()
            looks = [self._platform.look(id_) for id_ in machines]
            if any(seen is None or seen.failed or seen.asleep for seen in looks):
                return
            if all(seen and seen.healthy and seen.digest == image for seen in looks):
                return
            if any(seen and seen.digest and seen.digest != image for seen in looks):
                return
            if asked > deadline:  # by a look that began after it: one who stood still does not blame the release
                raise ReleaseFault(_unhealthy(looks, self._pace.health))
            self._book.holding.keep()
            self._clock.sleep(self._pace.poll)

    def _await_asleep(self, machine: str) -> None:
        """A machine that is just being stopped cannot be started yet."""
        deadline = self._clock.monotonic() + self._pace.health
        while (seen := self._platform.look(machine)) and seen.state in ("stopping", "suspending"):
            if self._clock.monotonic() > deadline:
                return
            self._book.holding.keep()
            self._clock.sleep(self._pace.poll)

    def _confirm(self, heirs: tuple[str, ...]) -> None:
        """Capacity is never lowered on the word of an old list: those that take over are looked at once more."""
        for id_ in heirs:
            seen = self._platform.look(id_)
            if seen is None or not seen.healthy:
                state = seen.state if seen else "gone"
                raise ReleaseFault(f"machine {id_} was to take over and is {state}, not healthy")

    def _drain(self, machines: tuple[str, ...]) -> None:
        now = self._clock.monotonic()
        last = max(self._memory.withdrawn.get(id_, now) for id_ in machines)
        end = last + self._pace.drain
        while (left := end - self._clock.monotonic()) > 0:
            self._book.holding.keep()
            self._clock.sleep(min(left, 1.0))
        self._memory.drained.update(machines)

    # how the intent changes

    def _mark(self, mark: str, words: str) -> None:
        marked = self.intent.marked(mark)
        self._book.keep(marked, words)
        self.intent = marked

    def _turn(self, reason: str, *, blame: bool) -> None:
        if not self.intent.forward:
            raise self._stopped(ReleaseFault(reason))
        turned = self.intent.turned(reason, blame=blame)
        self._book.keep(turned, "turns back")
        self.intent = turned
        self._memory.starts.clear()
        self._memory.creations.clear()
        self._memory.waiting.clear()
        self._bus.emit("rollout.turned", turned.wanted.environment, turned.id, reason=reason, blame=blame)

    def _finish(self) -> DeploymentInfo:
        done = self._book.finish(self.intent, _summed(self._spans))
        intent = self.intent
        fields = {"status": done.status.value, "reason": intent.reason, "version": done.version, "blame": intent.blame}
        self._bus.emit("rollout.ended", done.environment, done.id, **fields)
        if not intent.forward and done.environment == "production":
            self._bus.emit("escalation", done.environment, done.id, **fields)
        return done

    # when it does not go on

    def _again(self, failed: PlatformError) -> None:
        """Wait before the next try, longer each time and with jitter; give up when the budget is used up."""
        now = self._clock.monotonic()
        self._failing = now if self._failing is None else self._failing
        if now - self._failing > self._pace.budget or not _passing(failed):
            raise self._stopped(failed) from failed
        pause = min(self._pace.first_pause * 2**self._pauses, self._pace.longest_pause)
        self._pauses += 1
        self._bus.emit(
            "platform.unavailable", self.intent.wanted.environment, self.intent.id, problem=str(failed)[:500]
        )
        self._clock.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _stopped(self, failed: DeployError) -> Unfinished:
        wanted, environment = self.intent.wanted, self.intent.wanted.environment
        doing = "the rollout of" if self.intent.forward else "taking back"
        about = "" if isinstance(failed, ReleaseFault) else " It says nothing about the release, which is not rejected."
        self._bus.emit("rollout.stopped", environment, self.intent.id, problem=str(failed)[:500])
        return Unfinished(
            f"{environment}: {doing} {wanted.version} stopped half-way: {failed}.{about} "
            f"Go on with: invoke resume --env {environment}",
            log=failed.log,
        )


def _passing(failed: PlatformError) -> bool:
    """Whether trying again may help: no answer, too fast, somebody's lease, what an old list named, its own fault."""
    return isinstance(failed, (Unreachable, RateLimited, Conflict, TimedOut, NotFound)) or failed.status >= 500


def _unhealthy(looks: list[Seen | None], seconds: float) -> str:
    states = "; ".join(f"{seen.id} is {seen.state}, not healthy" for seen in looks if seen and not seen.healthy)
    return f"not healthy after {seconds:.0f} s: {states or 'no digest was reported'}"


def _summed(spans: list[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """Spans in order; of the moment when all traffic had moved, only the last one counts."""
    switched = [span for span in spans if span[0] == SWITCHED]
    return (*(span for span in spans if span[0] != SWITCHED), *switched[-1:])
