"""A model of what the engine works on: platform, edge, ledger and time, with faults that can be armed.

Every call to the platform or the ledger passes a few *strike points*: before it takes effect, in its middle where the
real one has a middle, and after. At each of them an armed fault may strike: an error, or the death of the caller.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.errors import LedgerError, LedgerUnreachable, NotChecked, ReleaseFault
from deploy.ledger import DeploymentInfo, Intent, Snapshot
from deploy.platforms.errors import Conflict, NotFound, PlatformError, RateLimited, TimedOut, Unreachable
from deploy.release.rollout.edge import NOBODY, Answer
from deploy.release.rollout.placement import region_of
from deploy.release.rollout.platform import Report
from deploy.release.rollout.world import Seen

START = datetime(2026, 1, 1, tzinfo=UTC)
BOOT_SECONDS = 2.0


class Killed(BaseException):
    """SIGKILL: the caller is no more, whatever it was doing."""


class Timeline:
    """The one time that passes for all; `asleep` is what others do meanwhile."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.asleep: Callable[[], None] = lambda: None
        self.ticked: Callable[[], None] = lambda: None
        self._nested = False

    def sleep(self, seconds: float) -> None:
        self.ticked()
        self.passed += seconds
        self.ticked()
        if not self._nested:
            self._nested = True
            try:
                self.asleep()
            finally:
                self._nested = False


class SkewedClock:
    """One deployer's clock: the wall's hands may be wrong, and jump; what passes, passes for all."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.skew = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self._timeline.passed + self.skew)

    def monotonic(self) -> float:
        return self._timeline.passed

    def sleep(self, seconds: float) -> None:
        self._timeline.sleep(seconds)


@dataclass(eq=False)
class Fault:
    """Strikes at the `countdown`-th strike point from now, of the deployer `victim` (None: of whoever comes)."""

    kind: str
    countdown: int
    victim: int | None


@dataclass
class Chaos:
    """The armed faults. `actor` is the deployer at work; `stall` is what happens while it stands still for long."""

    armed: list[Fault] = field(default_factory=list)
    actor: int = -1
    runs: Counter[int] = field(default_factory=Counter)
    """By deployer: how many runs of the engine it began. A run remembers nothing of the one before."""
    stall: Callable[[], None] = lambda: None

    def strike(self, place: str, kinds: frozenset[str]) -> None:
        """A strike point: raise what is due here; a fault of another kind waits for a place that has it."""
        for fault in list(self.armed):
            if fault not in self.armed or fault.victim not in (None, self.actor):
                continue
            fault.countdown -= 1
            if fault.countdown <= 0 and fault.kind in kinds | {"kill"}:
                self.armed.remove(fault)
                if fault.kind != "stall":
                    raise _error(fault.kind, place)
                self.stall()

    def stale(self) -> bool:
        """Whether the next list is an old one."""
        for fault in self.armed:
            if fault.kind == "stale" and fault.victim in (None, self.actor):
                self.armed.remove(fault)
                return True
        return False


PLATFORM_FAULTS = frozenset({"unreachable", "rate", "server", "conflict", "timeout"})
LEDGER_FAULTS = frozenset({"ledger", "deaf"})
STALLS = frozenset({"stall"})
FAULTS = ("kill", "stall", "unreachable", "rate", "server", "conflict", "timeout", "ledger", "deaf", "stale")


def _error(kind: str, place: str) -> BaseException:
    errors: dict[str, BaseException] = {
        "kill": Killed(place),
        "unreachable": Unreachable(place, 0, "no answer"),
        "rate": RateLimited(place, 429, "slower"),
        "server": PlatformError(place, 502, "bad gateway"),
        "conflict": Conflict(place, 409, "leased"),
        "timeout": TimedOut(place, 408, "deadline exceeded"),
        "ledger": LedgerError(f"{place}: the remote refuses"),
        "deaf": LedgerUnreachable(f"{place}: the remote does not answer"),
    }
    return errors[kind]


class ModelLedger:
    """The ledger: compare-and-swap is a matter of course here, a lost answer is not."""

    environment = "production"

    def __init__(self, chaos: Chaos) -> None:
        self.files: dict[str, bytes] = {}
        self.written: list[str] = []
        self._chaos = chaos

    def snapshot(self) -> Snapshot:
        self._chaos.strike("read the ledger", LEDGER_FAULTS | STALLS)
        return Snapshot(str(len(self.written)), dict(self.files))

    def write(self, message: str, change: Callable[[Any], dict[str, bytes | None]]) -> None:
        self._chaos.strike("write the ledger", LEDGER_FAULTS | STALLS)
        changes = change(Snapshot(str(len(self.written)), dict(self.files)))
        for path, content in changes.items():
            if path.startswith("events/") and path in self.files:
                raise AssertionError(f"{path} was written twice: the ledger is append-only")
            if content is None:
                self.files.pop(path, None)
            else:
                self.files[path] = content
        if changes:
            self.written.append(message)
        self._chaos.strike("written to the ledger", LEDGER_FAULTS)


@dataclass
class ModelMachine:
    """A machine. `traffic` is the truth, `noted` what its metadata says."""

    id: str
    launch: str
    number: int
    digest: str
    behaviour: str
    region: str = "fra"
    state: str = "started"
    since: float = 0.0
    traffic: bool = False
    noted: bool = False
    maker: tuple[int, int] = (-1, 0)
    made: float = 0.0


class ModelPlatform:
    """Machines and page. A release behaves as its version says: good, unhealthy, crash, wrong-digest."""

    def __init__(self, timeline: Timeline, chaos: Chaos) -> None:
        self.all: dict[str, ModelMachine] = {}
        self.published = ""
        self.spontaneous = 0
        self.lost = 0
        """How many machines were taken away by their host's end or by hand: not the release's fault either."""
        self.cut_off = False
        """The deployer cannot reach the edge."""
        self.full = False
        """No machine can be created: the regions have no room."""
        self.full_in: set[str] = set()
        """Regions without room."""
        self.dead: set[str] = set()
        """Machines whose host cannot be reached: they can be looked at, and not changed."""
        self.guard: Callable[[], None] = lambda: None
        """As the real client's: whoever stood still changes nothing. A request under way is not frozen here."""
        self.lag = 2.0
        """Seconds after which the edge learns of a change of a machine."""
        self.losses: list[str] = []
        """What cost requests: deployers put away what the edge still sent requests to."""
        self._timeline, self._chaos = timeline, chaos
        self.nearest = "fra"
        """The region from which the edge serves deployers, if it can."""
        self.staleness = 0.0
        """Seconds by which lists are old, and for which a new machine is found by nobody but its maker."""
        self.tells = True
        """Whether the platform says which machines are cordoned; else only their labels do."""
        self._old: list[Seen] = []
        self._past: list[tuple[float, list[ModelMachine], set[str]]] = []
        self._made = 0
        self._routes: list[tuple[float, frozenset[str]]] = [(0.0, frozenset())]
        self._turn = 0

    # what the engine calls

    def machines(self) -> list[Seen]:
        self._chaos.strike("list machines", PLATFORM_FAULTS | STALLS)
        if self._chaos.stale():
            return self._old
        self._old = self.listed()
        return list(self._old)

    def listed(self) -> list[Seen]:
        """The list as it was `staleness` seconds ago."""
        then = self._timeline.passed - self.staleness
        before = [(machines, dead) for at, machines, dead in self._past if at <= then]
        if not self.staleness or not before:
            return [self._seen(machine) for machine in self.all.values()]
        machines, dead = before[-1]
        return [self._seen(replace(machine), then, dead) for machine in machines]

    def remember(self) -> None:
        """Called as time passes and after each change: what later lists will show."""
        now = self._timeline.passed
        self._past = [past for past in self._past if past[0] > now - 60]
        self._past.append((now, [replace(machine) for machine in self.all.values()], set(self.dead)))

    def _hidden(self, machine: ModelMachine) -> bool:
        return self._timeline.passed - machine.made < self.staleness

    def look(self, machine: str) -> Seen | None:
        self._chaos.strike("look at a machine", PLATFORM_FAULTS | STALLS)
        found = self.all.get(machine)
        if found and self._hidden(found):  # as the real client: whoever created it knows better
            mine = found.maker == (self._chaos.actor, self._chaos.runs[self._chaos.actor])
            new = Seen(machine, found.launch, found.number, "created", False, "", traffic=False, region=found.region)
            return new if mine else None
        return self._seen(found) if found else None

    def await_started(self, machine: str, seconds: float) -> None:
        self._chaos.strike("wait for a machine", PLATFORM_FAULTS | STALLS)

    def report(self, machine: str) -> Report:
        self._chaos.strike("look at a machine", PLATFORM_FAULTS | STALLS)
        return Report(machine, f"machine {machine}: its program ended with exit code 1", ("its last line",))

    def reaches(self, machine: str) -> bool:
        try:
            self._chaos.strike("lease a machine", PLATFORM_FAULTS | STALLS)
        except PlatformError:
            return False
        return machine in self.all and machine not in self.dead

    def create(
        self, release: DeploymentInfo, config: dict[str, Any], number: int, *, avoid: frozenset[str] = frozenset()
    ) -> str:
        self._chaos.strike("create a machine", PLATFORM_FAULTS | STALLS)
        self.guard()
        region = region_of(config, number) or "fra"
        for machine in self.all.values():
            same = (machine.launch, machine.number, machine.region) == (release.launch, number, region)
            if same and machine.id not in avoid:
                if machine.id not in {each.id for each in self.listed()}:
                    raise Conflict("create a machine", 409, "its name is taken")  # by one that no list shows yet
                if machine.id not in self.dead:
                    return machine.id
        if self.full or region in self.full_in:
            raise PlatformError("create a machine", 412, "insufficient resources available to fulfill request")
        self._made += 1
        behaviour = release.version.partition("+")[0]
        digest = "sha256:other" if behaviour == "wrong-digest" else release.image
        now, chaos = self._timeline.passed, self._chaos
        made = ModelMachine(f"m{self._made}", release.launch, number, digest, behaviour, region, since=now, made=now)
        made.maker = (chaos.actor, chaos.runs[chaos.actor])
        self.all[made.id] = made
        self.remember()
        self._chaos.strike("created a machine", PLATFORM_FAULTS)
        return made.id

    def start(self, machine: str) -> None:
        def work(found: ModelMachine) -> None:
            if found.state == "stopped":
                found.state, found.since = "started", self._timeline.passed

        self._change("start", machine, work)

    def admit(self, machine: str) -> None:
        self._change("uncordon", machine, lambda found: setattr(found, "traffic", True))
        self._change("note traffic of", machine, lambda found: setattr(found, "noted", True))

    def withdraw(self, machine: str) -> None:
        self._change("cordon", machine, lambda found: setattr(found, "traffic", False))
        self._change("note no traffic of", machine, lambda found: setattr(found, "noted", False))

    def rest(self, machine: str) -> None:
        def work(found: ModelMachine) -> None:
            self._note_loss(machine, "put to sleep")
            found.state = "stopped"

        self._change("rest", machine, work)

    def destroy(self, machine: str) -> None:
        self._chaos.strike("destroy a machine", PLATFORM_FAULTS | STALLS)
        self.guard()
        self._reach(machine, "destroy")
        self._note_loss(machine, "destroyed")
        if self.all.pop(machine, None) is None and machine in {each.id for each in self.listed()}:
            raise NotFound("destroy a machine", 404, "no such machine")  # as the real client: a list shows it still
        self.remember()
        self.note_routes()
        self._chaos.strike("destroyed a machine", PLATFORM_FAULTS)

    def page(self) -> str:
        self._chaos.strike("look at the page", PLATFORM_FAULTS | STALLS)
        return self.published

    def publish(self, release: DeploymentInfo) -> None:
        self._chaos.strike("publish", PLATFORM_FAULTS | STALLS)
        self.guard()
        self.published = release.page
        self._chaos.strike("published", PLATFORM_FAULTS)

    # the edge: it believes what was true `lag` seconds ago

    def ask(self, machine: str = "", region: str = "") -> Answer | None:
        """One request: to a machine that the edge believes in, in turn, and again to the next if that one is dead.

        It goes to the region that is asked for, else to the nearest, else to another.
        """
        used = sorted(self.used())
        alive = [id_ for id_ in used if id_ in self.all and self._healthy(self.all[id_])]
        if self.cut_off:
            return None
        if not alive or (machine and machine not in alive):
            return NOBODY
        there = {self.all[id_].region for id_ in alive}
        near = next((each for each in (region, self.nearest) if each in there), min(there))
        alive = [id_ for id_ in alive if self.all[id_].region == near or machine]
        self._turn += 1
        if self._turn % 7 == 0:  # often enough to be struck, and not so often that nothing else is
            self._chaos.strike("ask the edge", STALLS)
        found = self.all[machine or alive[self._turn % len(alive)]]
        return Answer(found.id, found.digest)

    def used(self, ago: float = 0.0) -> frozenset[str]:
        """The machines that the edge sends requests to, or did some seconds ago."""
        self.note_routes()
        moment = self._timeline.passed - self.lag - ago
        return next((ids for at, ids in reversed(self._routes) if at <= moment), frozenset())

    def note_routes(self) -> None:
        """Remember which machines may get requests now, for when the edge has learned of it."""
        now = frozenset(machine.id for machine in self.serving())
        if now != self._routes[-1][1]:
            self._routes.append((self._timeline.passed, now))

    def _note_loss(self, machine: str, how: str) -> None:
        """Whatever still gets requests, or worked on one a moment ago, must not go."""
        found = self.all.get(machine)
        if found and self._healthy(found):
            self.losses += [
                f"{machine} was {how} while requests went to it" for ago in (0.0, 0.9) if machine in self.used(ago)
            ]

    # what the world does

    def die(self, which: int) -> None:
        """A machine ends by itself."""
        running = [machine for machine in self.all.values() if machine.state == "started"]
        if running:
            running[which % len(running)].state = "failed"
            self.spontaneous += 1
            self.remember()

    def lose_host(self, which: int) -> None:
        """A machine's host is gone, and it with it, until `dead` is cleared."""
        alive = [machine for machine in self.all.values() if machine.id not in self.dead]
        if alive:
            self.dead.add(alive[which % len(alive)].id)
            self.lost += 1
            self.remember()

    def stop_by_hand(self, which: int) -> None:
        """Somebody stops a machine that serves."""
        running = [machine for machine in self.all.values() if machine.state == "started" and machine.traffic]
        if running:
            running[which % len(running)].state = "stopped"
            self.lost += 1
            self.remember()

    def serving(self) -> list[ModelMachine]:
        """Machines that answer requests now."""
        return [machine for machine in self.all.values() if machine.traffic and self._healthy(machine)]

    def answering(self) -> list[ModelMachine]:
        """Machines that the edge sends requests to, and that answer them."""
        return [self.all[id_] for id_ in self.used() if id_ in self.all and self._healthy(self.all[id_])]

    def _reach(self, machine: str, verb: str) -> None:
        if machine in self.dead:
            raise PlatformError(f"{verb} machine {machine}", 503, "host unreachable")

    def _healthy(self, machine: ModelMachine, now: float | None = None) -> bool:
        now = self._timeline.passed if now is None else now
        up = machine.state == "started" and machine.behaviour not in ("unhealthy", "crash")
        return up and machine.id not in self.dead and now - machine.since >= BOOT_SECONDS

    def _seen(self, machine: ModelMachine, now: float | None = None, dead: set[str] | None = None) -> Seen:
        now, dead = self._timeline.passed if now is None else now, self.dead if dead is None else dead
        if machine.behaviour == "crash" and now - machine.since >= 1:
            machine.state = "failed"
        return Seen(
            id=machine.id,
            launch=machine.launch,
            number=machine.number,
            state=machine.state,
            healthy=self._healthy(machine, now),
            digest=machine.digest,
            traffic=machine.traffic if self.tells else machine.noted,
            noted=machine.noted if self.tells else None,
            reachable=machine.id not in dead,
            region=machine.region,
        )

    def _change(self, verb: str, machine: str, work: Callable[[ModelMachine], None]) -> None:
        self._chaos.strike(f"{verb} a machine", PLATFORM_FAULTS | STALLS)
        self.guard()
        found = self.all.get(machine)
        if found is None:
            raise NotFound(f"{verb} machine {machine}", 404, "no such machine")
        self._reach(machine, verb)
        work(found)
        self.remember()
        self.note_routes()
        self._chaos.strike(f"{verb} a machine: done", PLATFORM_FAULTS)


class ModelChecks:
    """A verdict and a suite that find what the release's version says."""

    def __init__(self, timeline: Timeline, chaos: Chaos) -> None:
        self._timeline, self._chaos = timeline, chaos
        self.cut_off = False
        """The deployer cannot reach the site: old and new fail alike."""
        self.broken = False
        """What all releases need is broken: the suite fails on old and new alike."""
        self.asked_of = ""
        """The machine that the last smoke suite was for; "" for all."""

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        self._ask(intent, "bad-canary")
        return "as good as before"

    def smoke(self, intent: Intent, machine: str = "") -> str:
        self.asked_of = machine
        self._ask(intent, "bad-smoke")
        if self.broken:
            raise ReleaseFault("1 failed")
        return "passed"

    def _ask(self, intent: Intent, bad: str) -> None:
        self._chaos.strike("ask", STALLS)
        self._timeline.sleep(3)
        if self.cut_off:
            raise NotChecked("the site cannot be reached from here")
        if (intent.towards or intent.wanted).version.startswith(bad):
            raise ReleaseFault(f"{bad}: found what it was made to find")
        self._chaos.strike("answered", STALLS)
