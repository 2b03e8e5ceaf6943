"""Promotions that stand still in one phase each until they are cancelled: `python -m tests.deploy.cancelled`.

Arguments: a directory, the strategy, the phases. Each phase is a process of its own, forked from this one so that their
imports are made once. Real are the lock, the ledger in git with its remote, the engine, the clients and what handles
signals; the platform is the simulation's. In the phase's directory are its files `pid`, `out` (`ready`, where it stands
still), `err`, and `code` once it has ended.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from deploy import interrupts, processes
from deploy.artifacts.oci import BlobStore, Layout, directory_image, write_layout
from deploy.events.bus import Bus
from deploy.events.events import Event, StepBegun
from deploy.ledger import DeploymentInfo, Intent, Ledger
from deploy.platforms.errors import RateLimited
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.platforms.registry import RegistryClient
from deploy.release import desk as desks
from deploy.release.desk import Desk, working_on
from deploy.release.stock import push
from deploy.settings.environments import load_environment
from deploy.settings.policy import Strategy
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.simulation.deployer import Scene
from tests.simulation.model import SkewedClock

PHASES = {
    "creating": "create machine 2",
    "waiting for health": "wait until",
    "letting in": "send requests to",
    "waiting until the edge follows": "wait until requests reach",
    "judging": "judge",
    "withdrawing": "send no more requests to",
    "waiting until the edge has left": "wait until no request reaches",
    "publishing": "publish the page",
    "in the smoke suite": "smoke suite",
    "draining": "let ",
    "putting to sleep": "put ",
}
"""By phase, how the step begins in which it stands still. The others are in `main`."""
OTHERS = ("held back by the platform", "held back by the client", "pushing", "rolling back")


def stand_still() -> None:
    """As a request without an answer does."""
    print("ready", flush=True)
    time.sleep(60)


class Standing:
    """Calls of the platform and pauses of the clock pass, but for those of the step in which it stands still."""

    def __init__(self) -> None:
        self.step, self.still = "", "none"
        self.how: Callable[[], Any] = stand_still

    def hear(self, event: Event) -> None:
        if isinstance(event, StepBegun):
            self.step = event.step

    def pass_by(self) -> None:
        if self.step.startswith(self.still):
            self.how()


class Slow:
    """Something whose every method asks `Standing` first."""

    def __init__(self, what: Any, standing: Standing) -> None:
        self._what, self._standing = what, standing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._what, name)
        if not callable(found) or name in ("now", "monotonic"):
            return found

        def call(*arguments: Any, **options: Any) -> Any:
            self._standing.pass_by()
            return found(*arguments, **options)

        return call


def suite_that_lasts() -> None:
    print("ready", flush=True)
    processes.run(["sleep", "60"])


def refused() -> None:
    raise RateLimited("create a machine", 429, "slower")


def through_the_client() -> None:
    """A request that the platform answers with 429 again and again."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not asked:
            print("ready", flush=True)
        asked.append(request.url.path)
        return httpx.Response(429, headers={"retry-after": "60"}, json={"error": "slower"})

    fly = FlyClient("http://fly", "runner", Secret("t"), transport=httpx.MockTransport(answer), patience=Patience(99))
    fly.machines.create("one", "fra", {})


def pushing(desk: Desk, place: Path) -> None:
    """An upload that never ends."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            stand_still()
        return httpx.Response(404 if request.method == "HEAD" else 202, headers={"location": "/v2/upload"})

    (place / "content").mkdir()
    (place / "content" / "file").write_text("x")
    store = BlobStore(place / "blobs")
    write_layout(store, directory_image(store, place / "content", {}), place / "layout")
    desk.registry = RegistryClient("localhost", "runner", Secret("t"), transport=httpx.MockTransport(answer))
    push(desk, Layout(place / "layout"), "tag")


def target_in(place: Path) -> Target:
    names = ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")
    tokens = Tokens("production", dict.fromkeys(names, Secret("t")))
    remote = os.environ.get("CANCELLED_HOST", "") + str(place / "remote.git")
    ledger = Ledger(place / "ledger.git", "production", remote)
    addresses = Addresses("http://fly", "http://cf", "localhost")
    return Target(load_environment("production"), addresses, tokens, ledger, rehearsal=True)


def promote(place: Path, strategy: Strategy, phase: str) -> None:
    """Bring a first release to production, then another, which stands still in this phase."""
    scene, standing = Scene(), Standing()
    clock = SkewedClock(scene.timeline)
    bus = Bus(standing.hear)
    target = target_in(place)
    with working_on(target, "promote", bus, place) as desk:
        replaced: Any = desks
        replaced.RealChecks = lambda *_: Slow(scene.checks, standing)
        replaced.RealEdge = lambda _: Slow(scene.platform, standing)
        replaced.SystemClock = lambda: Slow(clock, standing)
        desk.platform = Slow(scene.platform, standing)  # type: ignore[assignment]

        def begin(release: DeploymentInfo, previous: DeploymentInfo | None, chosen: Strategy) -> None:
            desk.begin(Intent("promote", release, previous, chosen, 2), {})

        first = scene.release("good", datetime.now(UTC))
        begin(first, None, Strategy.IMMEDIATE)
        if phase == "pushing":
            pushing(desk, place)
        standing.step = ""
        standing.still = PHASES.get(phase, "create machine 2")
        if phase == "in the smoke suite":
            standing.how = suite_that_lasts
        if phase == "held back by the client":
            standing.how = through_the_client
        if phase == "held back by the platform":
            standing.how = refused
            clock.sleep = lambda seconds: stand_still()  # type: ignore[method-assign]
            replaced.SystemClock = lambda: clock
        if phase == "rolling back":
            standing.still = "remove"
        bad = "bad-smoke" if phase == "rolling back" else "good"
        begin(scene.release(bad, datetime.now(UTC)), first, strategy)


def forked(place: Path, strategy: Strategy, phase: str) -> int:
    """Begin a phase's process; its id."""
    pid = os.fork()
    if not pid:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(place / name, os.O_WRONLY | os.O_CREAT), number)
        interrupts.guarded(lambda: promote(place, strategy, phase))
    (place / "pid").write_text(str(pid))
    return pid


def main() -> None:
    """Begin all phases, and write down how each ends."""
    root, strategy = Path(sys.argv[1]), Strategy(sys.argv[2])
    left = {forked(root / phase, strategy, phase): phase for phase in sys.argv[3:]}
    while left:
        pid, status = os.wait()
        (root / left.pop(pid) / "code").write_text(str(os.waitstatus_to_exitcode(status)))


if __name__ == "__main__":
    main()
