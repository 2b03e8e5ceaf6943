"""The engine that brings a release to an environment, or rolls it back, whatever happens during the rollout.

Theory of operation.

The actors: one *holder* of the lock, who runs this engine; the *ledger* (git), which holds the intent; the *platform*
(machines and page), which holds the world. Nothing else has state, so a killed run loses only what the next one can
find out again.

A rollout first writes its intent to the ledger. Then it loops: renew the lock, look at the platform, decide one next
step (`decide.py`, pure), take it, until world and intent agree. One commit then records the outcome and removes the
intent. Whoever finds an intent whose holder is gone can continue from there, because

- every step may be taken twice: a creation carries a launch key and a name of its own, so one that was answered by an
  error is found by looking; every other step names a state to be in;
- what the platform cannot show (a verdict, a passed suite, the decision to roll back) is written into the intent first;
- every write to the ledger is refused unless its writer still holds the lock.

`trouble.py` says what each failure means:

- *The release is at fault* (unhealthy, wrong digest, failed verdict or suite): it is rolled back and rejected. If the
  previous release then fails the same suite, the release is acquitted: rolled back, but not rejected.
- *The platform or the ledger's remote does not answer*, or asks to go slower: the step is tried again after growing,
  jittered pauses, within a budget. Then the run stops and the intent stays; the release is not rejected.
- *The platform has no room*: a release is rolled back without blame; a rollback continues with the machines it has.
- *One machine's host is gone*: that machine is left alone.
- *This run may not continue* (token refused, lock lost): it stops at once and the intent stays.

Only machines of launches that the ledger knows are touched; other machines in the app are not ours.

In production a whole, proven release is in traffic at every moment: a machine leaves traffic only after those that take
over were seen healthy and used by the edge, and goes only after the edge was seen to use it no more (`edge.py`).
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from deploy.clock import Clock
from deploy.errors import DeployError, LedgerError, LedgerUnreachable, NotChecked, ReleaseFault, Unfinished, Unhealthy
from deploy.events.bus import Bus
from deploy.events.events import (
    Escalation,
    MachineReported,
    PlatformUnavailable,
    RolloutEnded,
    RolloutNoted,
    RolloutStopped,
    RolloutTurned,
    TrafficMoved,
)
from deploy.events.times import Spans
from deploy.ledger import DeploymentInfo, Intent
from deploy.platforms.errors import PlatformError
from deploy.release.rollout import steps
from deploy.release.rollout.asked import Checks
from deploy.release.rollout.book import Book
from deploy.release.rollout.decide import COMPARED, EXITS, JUDGED, SMOKED, SUSPECT, decide
from deploy.release.rollout.edge import Edge, Follower
from deploy.release.rollout.memory import Memory
from deploy.release.rollout.pace import STARTING_SECONDS, Pace
from deploy.release.rollout.platform import Platform, Report
from deploy.release.rollout.sight import machines_now, touch
from deploy.release.rollout.trouble import MACHINE_TRIES, Case, Meaning, meaning, stopped, unhealthy
from deploy.release.rollout.world import Seen, World


class Engine:
    """Carries out one intent. `advance` is one turn of the loop; `run` turns until it is done.

    `configs` returns the machine configuration of a digest, None when the ledger has lost it. `launches` are those that
    the ledger knows beside the intent's own; `flag` is added to the commands that messages name. `escalates`: whether
    people are alerted when a release is rolled back; `takes_over`: another run may just have changed machines.
    """

    def __init__(
        self,
        intent: Intent,
        *,
        platform: Platform,
        book: Book,
        checks: Checks,
        edge: Edge,
        clock: Clock,
        bus: Bus,
        configs: Callable[[str], dict[str, Any] | None],
        pace: Pace = Pace(),  # noqa: B008 - frozen
        launches: frozenset[str] = frozenset(),
        flag: str = "",
        escalates: bool = False,
        takes_over: bool = False,
    ) -> None:
        self.intent, self._takes_over = intent, takes_over
        self._flag, self._escalates = flag, escalates
        releases = (intent.wanted, intent.previous)
        self._launches = launches | {release.launch for release in releases if release}
        self._configs = configs
        self._platform, self._book, self._checks = platform, book, checks
        self._clock, self._pace = clock, pace
        self._spans = Spans()
        self._bus = bus.about(intent.wanted.environment, intent.id).also(self._spans)
        self._memory = Memory()
        self._follower = Follower(edge, platform, self._memory, clock, pace, book.holding.keep, self._note)
        self._begun = clock.monotonic()
        self._failing: float | None = None
        self._pauses = 0
        self.log: Path | None = None
        """Log file of the check that failed, if any."""
        self.reports: list[Report] = []
        """Reports of the machines at fault, read before they were removed."""

    def run(self) -> DeploymentInfo:
        """Run to the outcome. Raises Unfinished, LockLost or LedgerError when it must stop; the intent then stays."""
        while True:
            if done := self.advance():
                return done

    def advance(self) -> DeploymentInfo | None:
        """Look, decide, take one step; returns the outcome when that step was the last, else None."""
        step: steps.Step | None = None  # still None when looking fails: then no step is at fault
        try:
            # First the lock: a run that slept for long must not even decide, let alone act, on another's rollout.
            self._book.holding.keep()
            step = self._next()
            done = self._take(step)
        except (PlatformError, LedgerUnreachable, NotChecked, ReleaseFault) as failed:
            self._answer(failed, step)
            return None
        # Any step that succeeds shows that the platform answers, so the budget for its silence starts over.
        self._memory.failures.pop(repr(step), None)
        self._failing, self._pauses = None, 0
        return done

    def observe(self) -> World:
        """The world as it is now."""
        memory = self._memory
        machines = machines_now(self._platform, memory, self._launches, self._clock.monotonic())
        for machine in machines:
            if not machine.reachable:
                self._leave(machine.id, "its host cannot be reached")
        if memory.page is None:
            memory.page = self._platform.page()
        towards = self.intent.towards
        memory.images = {machine.id: machine.digest for machine in machines}
        memory.regions = {machine.id: machine.region for machine in machines}
        memory.ours = tuple(
            machine.id
            for machine in machines
            if towards and machine.launch == towards.launch and machine.id not in memory.unusable
        )
        return memory.world(machines, memory.page)

    # one step

    def _next(self) -> steps.Step:
        step = decide(self.intent, self.observe())
        if isinstance(step, steps.Finish) and self._takes_over:
            self._settle()
            step = decide(self.intent, self.observe())
        return step

    def _take(self, step: steps.Step) -> DeploymentInfo | None:
        changed = (*getattr(step, "machines", ()), *filter(None, [getattr(step, "machine", "")]))
        try:
            with self._bus.step(step.text, direction=self.intent.direction.value, clock=self._clock.monotonic):
                return self._perform(step)
        finally:
            touch(self._memory, changed, self._clock.monotonic())

    def _perform(self, step: steps.Step) -> DeploymentInfo | None:
        """The one place where steps are executed."""
        platform, memory = self._platform, self._memory
        match step:
            case steps.Create(number):
                self._create(number)
            case steps.Start(machine):
                memory.asked = machine
                if not self._await_asleep(machine):
                    return None  # it runs: the list was older than its start
                platform.start(machine)
                memory.starts[machine] += 1
                memory.starts_anew((machine,))
                memory.waiting.clear()  # a machine just started gets the whole time to become healthy
            case steps.AwaitHealthy(machines):
                memory.starts_anew(machines)
                self._await_healthy(machines)
            case steps.Admit(machine):
                memory.let_in(machine)  # before, not after: a failed call may have let it in all the same
                platform.admit(machine)
            case steps.Reach(machines):
                self._follower.reach(machines, releasing=self.intent.releasing)
            case steps.Judge(green, blue):
                verdict = self._checks.judge(green, blue, self.intent)
                self._mark(JUDGED, verdict)
            case steps.Withdraw(machine, heirs):
                if not self._confirmed(heirs):
                    return None
                platform.withdraw(machine)
                memory.taken_out(machine)
                self._moved(self._clock.monotonic())
            case steps.Quiet(machines):
                self._moved(self._follower.quiet(machines, releasing=self.intent.releasing))
            case steps.Publish(_):
                memory.page = None  # forgotten before, not after: a failed call may have published all the same
                platform.publish(self._release())
                self._moved(self._clock.monotonic())
            case steps.Smoke():
                self._mark(SMOKED, self._checks.smoke(self.intent, self._asked_alone()))
            case steps.Drain(machines):
                self._drain(machines)
            case steps.Rest(machine):
                platform.rest(machine)
            case steps.Destroy(machine):
                platform.destroy(machine)
                memory.gone.add(machine)  # a stale list may still show it, and it must not be destroyed for ever
            case steps.Compare():
                self._compare()
            case steps.TurnBack(reason, blame, machine):
                self._turn(reason, blame=blame, machines=(machine,) if machine else ())
            case steps.Finish():
                return self._finish()
            case _:
                raise TypeError(f"no such step: {step!r}")
        return None

    def _moved(self, at: float) -> None:
        """Emit when traffic or the page was switched, if later than before: the last such event of a rollout counts."""
        self._memory.moved = max(self._memory.moved, at)
        self._bus.emit(TrafficMoved(seconds=self._memory.moved - self._begun))

    def _release(self) -> DeploymentInfo:
        """The release that the steps bring to traffic; if nothing served before, the one that is removed."""
        return self.intent.towards or self.intent.wanted

    def _create(self, number: int) -> None:
        release = self._release()
        config = self._configs(release.config)
        if config is None:
            raise LedgerError(
                f"the configuration {release.config or '(none)'} of {release.version} is not in the ledger; restore "
                f"configs/{release.config}.json by a new commit on its branch"
            )
        made = self._platform.create(release, config, number, avoid=frozenset(self._memory.unusable))
        self._memory.creations[number] += 1
        self._memory.made.add(made)
        self._memory.gone.discard(made)

    def _await_healthy(self, machines: tuple[str, ...]) -> None:
        """Wait until all are healthy; returns early when one stops or fails, so that `decide` sees it."""
        image = self._release().image
        # The deadline outlives this call: were it set anew after each platform error, it might never come.
        deadline = self._memory.waiting.setdefault(machines, self._clock.monotonic()) + self._pace.health
        for pause in self._pace.pauses(len(machines)):
            asked = self._clock.monotonic()
            looks = [self._look(id_) for id_ in machines]
            if any(seen is None or seen.failed or seen.asleep or not seen.reachable for seen in looks):
                return
            # A program that exits is restarted each time; two exits tell enough, without waiting for the deadline.
            if self.intent.releasing and any(seen and seen.exits >= EXITS and not seen.healthy for seen in looks):
                return
            if all(seen and seen.healthy and seen.digest == image for seen in looks):
                return
            if any(seen and seen.digest and seen.digest != image for seen in looks):
                return
            # Only a look that started after the deadline counts, so a suspended deployer cannot blame the release.
            if asked > deadline:
                raise unhealthy(looks, self._pace.health)
            self._book.holding.keep()
            if booting := next((seen for seen in looks if seen and seen.state != "started"), None):
                self._platform.await_started(booting.id, STARTING_SECONDS)
            self._clock.sleep(pause)

    def _look(self, machine: str) -> Seen | None:
        self._memory.asked = machine
        if (seen := self._platform.look(machine)) and not seen.reachable:
            self._leave(machine, "its host cannot be reached")  # a list may say so later, or not at all
        return seen

    def _await_asleep(self, machine: str) -> bool:
        """Wait while a machine is stopping: the platform refuses to start it until it has stopped. Whether it rests."""
        deadline = self._clock.monotonic() + self._pace.health
        pauses = self._pace.pauses(1)
        while (seen := self._platform.look(machine)) and seen.state in ("stopping", "suspending"):
            if self._clock.monotonic() > deadline:
                return True  # started all the same: the platform's refusal says more than a guess of ours
            self._book.holding.keep()
            self._clock.sleep(next(pauses))
        return seen is None or seen.asleep

    def _confirmed(self, heirs: tuple[str, ...]) -> bool:
        """Look once more at the machines that take over, before one is withdrawn: a stale list must not cost capacity.

        Returns False when the host of one of them is gone, or somebody (the proxy, as one too many) stopped it: that is
        no fault of the release, and `decide` looks again. Raises Unhealthy when one is not healthy.
        """
        for id_ in heirs:
            seen = self._look(id_)
            if seen and (not seen.reachable or seen.asleep):
                return False
            if seen is None or not seen.healthy:
                state = seen.state if seen else "gone"
                raise Unhealthy(f"machine {id_} was to take over traffic but is {state}, not healthy", (id_,))
        return True

    def _drain(self, machines: tuple[str, ...]) -> None:
        last = max(self._memory.quiet.get(id_, self._clock.monotonic()) for id_ in machines)
        end = last + self._pace.drain
        while (left := end - self._clock.monotonic()) > 0:
            self._book.holding.keep()
            self._clock.sleep(min(left, 1.0))
        self._memory.drained.update(machines)

    # how the intent changes

    def _mark(self, mark: str, words: str) -> None:
        # The ledger first: if that write fails, this run must not go on as if the check had been recorded.
        marked = self.intent.marked(mark)
        self._book.keep(marked, words)
        self.intent = marked

    def _compare(self) -> None:
        """Run the smoke suite against the previous release: if it fails there too, the new release is acquitted."""
        intent, words = self.intent.marked(COMPARED), "the previous release passes the smoke suite"
        try:
            self._checks.smoke(self.intent, self._asked_alone())
        except ReleaseFault as fault:
            words = f"the previous release fails the smoke suite as well ({fault}): the release is not rejected"
            intent = intent.acquitted(words)
        except NotChecked as unknown:
            words = f"the smoke suite could not be run against the previous release ({unknown}): nothing is rejected"
            intent = intent.acquitted(words)
        self._book.keep(intent, words[:200])
        self.intent = intent
        self._note(words)

    def _asked_alone(self) -> str:
        """The machine to send the suite to, "" for any: one left in traffic may answer for another release."""
        return self._memory.ours[0] if self._memory.unusable and self._memory.ours else ""

    def _turn(self, reason: str, *, blame: bool, machines: tuple[str, ...] = ()) -> None:
        # There is nothing to turn to: a rollback has left the other release, and a repair leads to what serves already.
        if not self.intent.forward or self.intent.verb == "repair":
            raise self._stopped(ReleaseFault(reason))
        reports = self._reported(machines)
        reason += "".join(f"; {report.summary}" for report in reports if report.summary)
        blame = blame and not any(report.exhausted for report in reports)
        turned = self.intent.turned(reason, blame=blame)
        self._book.keep(turned, "turns back")
        self.intent = turned
        # The counts were about the failed release's machines: the previous one's get all of their tries.
        self._memory.starts.clear()
        self._memory.creations.clear()
        self._memory.waiting.clear()
        self._memory.failures.clear()
        self._memory.full.clear()
        self._bus.emit(RolloutTurned(reason=reason, blame=blame))

    def _reported(self, machines: tuple[str, ...]) -> list[Report]:
        """Read what failing machines report before they are removed. Best effort: it must not delay a rollback."""
        read: list[Report] = []
        for id_ in machines:
            with contextlib.suppress(PlatformError):
                read.append(report := self._platform.report(id_))
                self._bus.emit(MachineReported(machine=id_, summary=report.summary, lines=tuple(report.lines)))
        self.reports += read
        return read

    def _settle(self) -> None:
        """Wait until no list can lack a machine any more that the run before this one created."""
        left = self._begun + self._pace.settle - self._clock.monotonic()
        if left > 0:
            with self._bus.step("wait for lists that may be old", clock=self._clock.monotonic):
                self._clock.sleep(left)
        self._takes_over = False

    def _finish(self) -> DeploymentInfo:
        done = self._book.finish(self.intent, self._spans.summed())
        intent, status = self.intent, done.status.value
        ended = RolloutEnded(status=status, reason=intent.reason, version=done.version, blame=intent.blame)
        self._bus.emit(ended)
        if not intent.forward and self._escalates:
            self._bus.emit(Escalation(**msgspec.structs.asdict(ended)))
        return done

    # when it does not go on

    def _answer(self, failed: PlatformError | LedgerUnreachable | NotChecked | ReleaseFault, step: Any) -> None:
        """Find out what a failure means (`trouble.py`) and act on it."""
        memory, now = self._memory, self._clock.monotonic()
        tries, first = memory.failures.get(repr(step), (0, now))
        memory.failures[repr(step)] = (tries + 1, first)
        several = isinstance(step, (steps.AwaitHealthy, steps.Reach, steps.Quiet))
        machine = getattr(step, "machine", "") or (memory.asked if several else "")
        # Only a step on one machine can fail because that machine's host is gone.
        alone = bool(machine) and self._others_answer(machine, tries + 1)
        region = self.intent.places[step.number - 1] if isinstance(step, steps.Create) and self.intent.towards else ""
        elsewhere = bool(set(self.intent.places) - memory.full.keys() - {region})
        found = meaning(failed, self.intent, step, Case(tries + 1, now - first, len(memory.ours), alone, elsewhere))
        # Before a release is rejected: a lost host makes its machines look unhealthy too, and is nobody's fault.
        if found is Meaning.BLAME and self._nobodys_fault(step):
            return
        match found:
            case Meaning.STOP:
                raise self._stopped(failed) from failed
            case Meaning.AGAIN:
                self._again(failed)
            case Meaning.LEAVE:
                self._leave(machine, str(failed))
            case Meaning.FEWER:
                memory.full[region] += 1
                place = f" in {region}" if region else ""
                ours = len(memory.ours)
                self._note(f"the platform has no room for more machines{place}, continuing with {ours}: {failed}")
            case Meaning.RENEW:
                self._renew(getattr(failed, "machines", ()), failed)
            case Meaning.TURN | Meaning.BLAME:
                self.log = failed.log or self.log
                # `decide` then runs the suite against the previous release too, which may acquit this one.
                if isinstance(step, steps.Smoke) and isinstance(failed, ReleaseFault):
                    self.intent = self.intent.marked(SUSPECT)
                self._turn(str(failed), blame=found is Meaning.BLAME, machines=getattr(failed, "machines", ()))

    def _others_answer(self, machine: str, tries: int) -> bool:
        """Whether the platform still acts on another machine of the release, so that only `machine` is lost."""
        if tries < MACHINE_TRIES:
            return False  # one failure is no pattern, and asking takes a lease on another machine
        others = [id_ for id_ in self._memory.ours if id_ != machine]
        try:
            return self._platform.reaches(others[0]) if others else True
        except PlatformError:
            return False

    def _nobodys_fault(self, step: Any) -> bool:
        """Whether a machine of the release has lost its host, or somebody stopped it while it was checked.

        Then a failure says nothing about the release. The proxy stops what it thinks one too many, and during a rollout
        there are; `decide` starts it again.
        """
        checked, found = isinstance(step, (steps.Judge, steps.Smoke)), False
        for id_ in self._memory.ours:
            with contextlib.suppress(PlatformError):
                seen = self._look(id_)
                if seen and not seen.reachable:
                    found = True
                elif checked and seen and seen.asleep and not seen.exits:
                    self._note(f"machine {id_} was {seen.state} meanwhile: {step.text} is done again")
                    found = True
        return found

    def _leave(self, machine: str, why: str) -> None:
        """Continue without a machine and never touch it again; `decide` fills its place with another one."""
        if machine in self._memory.unusable:
            return
        self._memory.unusable.add(machine)
        mend = f"once it answers again: invoke repair --env {self.intent.wanted.environment}{self._flag}"
        self._note(f"machine {machine} was left as it is: {why[:300]}; {mend}")

    def _renew(self, machines: tuple[str, ...], failed: DeployError) -> None:
        """Remove machines that do not become healthy; `decide` creates others in their place."""
        for id_ in machines:
            try:
                self._platform.destroy(id_)
                self._memory.gone.add(id_)
            except PlatformError as refused:
                self._leave(id_, str(refused))  # a rollback must not wait for a machine that it does without
        self._note(f"{failed}; it is replaced")

    def _note(self, text: str) -> None:
        """Report something unusual, and record it with the outcome."""
        self.intent = replace(self.intent, notes=(*self.intent.notes, text[:500]))
        self._bus.emit(RolloutNoted(note=text))

    def _again(self, failed: DeployError) -> None:
        """Wait before the next try, longer each time and with jitter; give up when the budget is used up."""
        now = self._clock.monotonic()
        self._failing = now if self._failing is None else self._failing
        if now - self._failing > self._pace.budget:
            raise self._stopped(failed) from failed
        # Longer each time, so that a struggling platform is not held down; jitter keeps deployers out of step.
        pause = min(self._pace.first_pause * 2**self._pauses, self._pace.longest_pause)
        self._pauses += 1
        self._bus.emit(PlatformUnavailable(problem=str(failed)[:500]))
        self._clock.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    def _stopped(self, failed: DeployError) -> Unfinished:
        self._bus.emit(RolloutStopped(problem=str(failed)[:500]))
        return stopped(failed, self.intent, self._flag)
