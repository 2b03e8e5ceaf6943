"""Measures what rollouts cost users: promotes and rolls back again and again while it counts requests.

Against the rehearsal on this machine, through the verbs that people use. Two proven releases take turns. Where
production has known only one, another is made of the same source, in a clone with one more commit, and goes the whole
way from build to production first. The edge of a rehearsal learns of machines late, as the provider's does, and how
late decides how long a change takes: it is measured for several lags.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy import rehearsals
from deploy.artifacts.source import resolve_sha
from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.git import git
from deploy.ledger import Snapshot, Status
from deploy.processes import run
from deploy.release import recovery, verbs
from deploy.settings.chain import read_chain, require_promoted
from deploy.settings.environments import ROOT
from deploy.target import Target
from deploy.unkindness import Unkindness, unkind
from deploy.verification.traffic import Traffic, TrafficReport
from deploy.verification.witness import Witness

ARM_SECONDS = 30.0
CLONE_SECONDS = 300.0
SHARED = ("dist", "frontend/node_modules", ".tools")  # by commit, or locked: a clone may use them
IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@codecanvas.invalid")


@dataclass(frozen=True)
class Times:
    """Seconds of each change: `switch` until no request reached the other release, `verb` until the verb returned."""

    switch: list[float] = field(default_factory=list)
    verb: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Measured:
    """What was measured, with an edge that learns of machines `lag` seconds late."""

    traffic: TrafficReport
    promotions: Times
    rollbacks: Times
    lag: float = 0.0
    rates: bool = False
    """Whether the platform's documented limits applied."""

    def to_json(self) -> dict[str, Any]:
        """As `bench rollout --json` prints it, for each lag."""
        return {
            "lag": self.lag,
            "rates": "documented" if self.rates else "off",
            "promotions": len(self.promotions.verb),
            "rollbacks": len(self.rollbacks.verb),
            "sent": self.traffic.sent,
            "lost": self.traffic.lost,
            "rollback_seconds": summary(self.rollbacks.switch),
            "promotion_seconds": summary(self.promotions.switch),
            "rollback_verb_seconds": summary(self.rollbacks.verb),
            "promotion_verb_seconds": summary(self.promotions.verb),
            "traffic": {key: value for key, value in self.traffic.body.items() if key not in ("sent", "lost")},
        }


def summary(seconds: list[float]) -> dict[str, float | None]:
    """Median and longest."""
    if not seconds:
        return {"p50": None, "max": None}
    return {"p50": round(statistics.median(seconds), 2), "max": round(max(seconds), 2)}


@dataclass(frozen=True)
class Stage:
    """Production, and the two releases that take turns there. How a verb is called is known here alone."""

    staging: Target
    production: Target
    newer: str
    older: str
    bus: Bus
    logs: Path

    def promote(self) -> None:
        """Bring the newer release to production."""
        again = verbs.Options(again_reason="measuring rollouts")  # what was rolled back is rejected otherwise
        verbs.promote(self.staging, self.production, self.newer, self.bus, self.logs, again)

    def rollback(self) -> None:
        """Go back to the older one."""
        recovery.rollback(self.production, self.older, self.bus, self.logs, suite=False)


def bench_rollout(
    count: int, rate: float, bus: Bus, logs: Path, *, lags: Sequence[float] = (2.0,), rates: bool = False
) -> list[Measured]:
    """Roll back and promote `count` times each under `rate` requests a second, once for each of `lags`.

    The newer release serves at the end. Raises UsageError when no rehearsal runs that serves production, DeployError
    when a rollout fails.
    """
    if count < 1 or not 0 < rate <= 5000:
        raise UsageError("--count must be 1 or more, --rate above 0 and at most 5000")
    stage = set_stage(bus, logs)
    found = []
    for lag in lags:
        with unkind(Unkindness(lag=lag, rates=rates)), bus.step(f"the edge learns of machines {lag:g} s late"):
            found.append(_measured(stage, count, rate, lag, rates))
    return found


def _measured(stage: Stage, count: int, rate: float, lag: float, rates: bool) -> Measured:
    config, promotions, rollbacks, bus = stage.production.config, Times(), Times(), stage.bus
    time.sleep(lag)  # what the edge knows must not be older than the requests
    with Traffic.start(config.api_url, config.frontend_url, rate, stage.logs / "bench-traffic.json") as traffic:
        traffic.wait_armed(ARM_SECONDS)
        try:
            for number in range(1, count + 1):
                with bus.step(f"rollback {number} of {count}"):
                    _timed(stage.rollback, stage, stage.older, rollbacks)
                with bus.step(f"promotion {number} of {count}"):
                    _timed(stage.promote, stage, stage.newer, promotions)
                bus.say(_counted(traffic.so_far()))
        finally:
            report = traffic.stop()
            bus.say(f"in all {_counted(report)}")
    return Measured(report, promotions, rollbacks, lag, rates)


def _timed(change: Callable[[], None], stage: Stage, sha: str, times: Times) -> None:
    config, begun = stage.production.config, time.monotonic()
    with Witness(config.service_url, config.frontend_url) as witness:
        change()
        times.verb.append(time.monotonic() - begun)
    switched = witness.settled(sha)
    if switched is None:
        raise DeployError(f"the verb returned, but not every answer is of {sha[:12]}; see: invoke status --rehearsal")
    times.switch.append(switched)


def _counted(report: TrafficReport) -> str:
    return f"{report.sent} requests, {report.lost} lost"


def set_stage(bus: Bus, logs: Path) -> Stage:
    """Two releases for production, the newer one serving; raises UsageError when no rehearsal serves production."""
    chain = read_chain()
    name = require_promoted("", chain)
    staging, production = (rehearsals.rehearsal_target(each) for each in (str(chain.sources[name]), name))
    if production.ledger.snapshot().current() is None:
        raise UsageError("production of the rehearsal serves nothing yet; run: invoke rehearse")
    found = two_releases(production.ledger.snapshot())
    if found is None:
        with bus.step("make a second release of this source"):
            rehearse_another(logs)
        found = two_releases(production.ledger.snapshot())
    if found is None:
        raise UsageError("no release of production is of a commit of this clone; run here: invoke rehearse")
    stage = Stage(staging, production, *found, bus, logs)
    serving = production.ledger.snapshot().current()
    if serving is None or serving.commit_sha != stage.newer:
        with bus.step("promote the release to begin with"):
            stage.promote()
    return stage


def two_releases(production: Snapshot) -> tuple[str, str] | None:
    """The commits of two releases that production has served: the newest that can be promoted from here, and another.

    Only a commit of this clone can be promoted: a gate looks where it comes from. To go back, production knows enough.
    """
    served = [event.commit_sha for event in production.events()[::-1] if event.status is Status.DEPLOYED]
    newer = next((sha for sha in served if _known(sha)), None)
    older = next((sha for sha in served if sha != newer), None)
    return (newer, older) if newer and older else None


def _known(sha: str) -> bool:
    with contextlib.suppress(UsageError):
        return resolve_sha(ROOT, sha) == sha
    return False


def rehearse_another(logs: Path) -> None:
    """Take one more commit of the same source to production, from a clone, by the same verb as the first."""
    log = logs / "bench-rehearse.log"
    with _clone() as place, _kept(rehearsals.STATE / "report.json"), log.open("wb") as output:
        environment = {**os.environ, "CODECANVAS_REHEARSAL_DIR": str(rehearsals.STATE)}
        command = [sys.executable, "-m", "deploy.cli", "rehearse"]
        done = run(command, cwd=place, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    if done.returncode:
        raise DeployError("a second release could not be brought to production; fix that first", log=log)


@contextlib.contextmanager
def _clone() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="codecanvas-bench-") as scratch:
        place = Path(scratch) / "clone"
        _git(ROOT, "clone", "--quiet", str(ROOT), str(place))
        # Without the remote, the clone's own branch is the one that its commit must be part of.
        _git(place, "remote", "remove", "origin")
        _git(place, *IDENTITY, "commit", "--quiet", "--allow-empty", "-m", "A release to take turns with")
        for shared in SHARED:
            (ROOT / shared).mkdir(parents=True, exist_ok=True)
            (place / shared).parent.mkdir(parents=True, exist_ok=True)
            (place / shared).symlink_to(ROOT / shared)
        yield place


@contextlib.contextmanager
def _kept(file: Path) -> Iterator[None]:
    """Restore the file afterwards: it reports on the person's own rehearsal."""
    before = file.read_bytes() if file.exists() else None
    try:
        yield
    finally:
        if before is not None:
            file.write_bytes(before)


def _git(place: Path, *arguments: str) -> None:
    done = git(place, *arguments, seconds=CLONE_SECONDS)
    if not done.ok:
        raise DeployError(f"git {arguments[0]} failed: {done.said}; run this in a clone of the project")
