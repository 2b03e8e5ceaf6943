"""The pipeline's engine over a running emulator: real machines, a real edge, a ledger in memory, no page."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace

from deploy.clock import SystemClock
from deploy.events.bus import Bus
from deploy.events.events import Event
from deploy.ledger import DeploymentInfo, Holding, Intent, Ledger, Status
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.rollout.book import Book
from deploy.release.rollout.edge import FORCED, NOBODY, NOBODY_STATUS, PREFERRED, Answer
from deploy.release.rollout.engine import Engine
from deploy.release.rollout.pace import ONE_PROXY_SECONDS, Pace
from deploy.release.rollout.placement import placed
from deploy.release.rollout.platform import CloudPlatform
from deploy.release.rollout.strangers import launches_of
from deploy.settings.environments import load_environment
from deploy.settings.policy import Strategy
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.deploy.emulator.support import Emulated, app_of, host_of
from tests.simulation.model import Chaos, ModelLedger

ENVIRONMENT = "staging"
PACE = Pace(
    health=60, poll=0.1, drain=0.2, budget=60, first_pause=0.1, longest_pause=1, settle=3, proxies=ONE_PROXY_SECONDS
)


class Pageless(CloudPlatform):
    """The real platform, less its page: what is published is remembered here."""

    published = ""

    def page(self) -> str:
        return self.published

    def publish(self, release: DeploymentInfo) -> None:
        self.published = release.page


class Asked:
    """The edge, asked who answers: the image of tests says it at another place than the service does."""

    def __init__(self, emulated: Emulated) -> None:
        self._emulated, self._host = emulated, host_of(ENVIRONMENT)

    def ask(self, machine: str = "", region: str = "") -> Answer | None:
        headers = {"connection": "close"} | ({FORCED: machine} if machine else {})
        headers |= {PREFERRED: region} if region else {}
        try:
            answer = self._emulated.edge(self._host, "/cgi-bin/who", headers=headers)
        except httpx.HTTPError:
            return None
        if answer.status_code in NOBODY_STATUS:
            return NOBODY
        return Answer(answer.json()["machine"], "") if answer.is_success else None


class Satisfied:
    """Every verdict and suite passes."""

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        return "as good as before"

    def smoke(self, intent: Intent, machine: str = "") -> str:
        return "passed"


@dataclass
class Staging:
    """Staging on an emulator, and a deployer who holds its lock."""

    emulated: Emulated
    config: dict[str, Any]
    events: list[Event] = field(default_factory=list)
    releases: int = 0

    def __post_init__(self) -> None:
        token, app, running = (
            self.emulated.tokens[ENVIRONMENT]["FLY_API_TOKEN"],
            app_of(ENVIRONMENT),
            self.emulated.running,
        )
        haste = Patience(attempts=2, first=0.1, longest=0.5)
        self.fly = FlyClient(running.fly_api, app, Secret(token), patience=haste)
        self.registry = RegistryClient(running.registry, app, Secret(token), patience=haste)
        self.pages = pages = PagesClient(running.cloudflare_api, Secret("none"), "none", Secret("none"))
        addresses = Addresses(running.fly_api, running.cloudflare_api, running.registry)
        ledger = Ledger(Path(), ENVIRONMENT, None)
        target = Target(load_environment(ENVIRONMENT), addresses, Tokens(ENVIRONMENT, {}), ledger, rehearsal=True)
        self.platform = Pageless(target, self.fly, pages, self.registry)
        self.books = ModelLedger(Chaos())
        self.books.environment = ENVIRONMENT
        holding = Holding(self.books, "a test", "deploy", SystemClock(), process="")
        holding.take()
        self.book = Book(self.books, holding)

    def close(self) -> None:
        """Close the connections."""
        for client in (self.fly, self.registry, self.pages):
            client.close()

    def release(self, regions: str = "", **env: str) -> DeploymentInfo:
        """A new release, whose machines have these variables, and are in these regions (`fra:1,iad:1`)."""
        self.releases += 1
        name = f"d{self.releases}"
        self.books.files[f"configs/{name}.json"] = b"{}"
        self.configs = getattr(self, "configs", {}) | {name: {**self.config, "env": env, "region": "fra"}}
        if regions:
            said = [one.split(":") for one in regions.split(",")]
            self.configs[name]["regions"] = [{"region": region, "count": int(count)} for region, count in said]
        return DeploymentInfo(
            id=name,
            environment=ENVIRONMENT,
            version=name,
            commit_sha=f"{self.releases:040x}",
            deployed_at=datetime.now(UTC),
            deployed_by="a test",
            status=Status.PENDING,
            image=self.config["image"].partition("@")[2],
            frontend=f"sha256:{name}",
            config=name,
            launch=name,
        )

    def deploy(self, wanted: DeploymentInfo, strategy: Strategy = Strategy.IMMEDIATE) -> Status:
        """Bring a new release to staging, on two machines; how that ended."""
        return self._carry_out("deploy", wanted, strategy)

    def back_to(self, launch: str) -> Status:
        """Roll back to the release of a launch."""
        return self._carry_out("rollback", self._again(launch), Strategy.IMMEDIATE)

    def repair(self) -> Status:
        """Make machines match the ledger."""
        serving = self.book.snapshot().current()
        return self._carry_out("repair", self._again(serving.launch if serving else ""), Strategy.IMMEDIATE)

    def _again(self, launch: str) -> DeploymentInfo:
        events = self.book.snapshot().events()
        found = next(each for each in events if each.launch == launch)
        return replace(found, id=f"{launch}-{len(events)}", status=Status.PENDING)

    def _carry_out(self, verb: str, wanted: DeploymentInfo, strategy: Strategy) -> Status:
        previous = self.book.snapshot().current()
        before = self.configs[previous.config] if previous else None
        intent = placed(Intent(verb, wanted, previous, strategy, 2), self.configs[wanted.config], before, 2)
        self.book.begin(intent, {})
        return self.engine(intent, takes_over=verb == "repair").run().status

    def engine(self, intent: Intent, *, takes_over: bool = False) -> Engine:
        """The engine for an intent that is in the ledger."""
        return Engine(
            intent,
            platform=self.platform,
            edge=Asked(self.emulated),
            book=self.book,
            checks=Satisfied(),
            clock=SystemClock(),
            bus=Bus(self.events.append),
            pace=PACE,
            configs=lambda name: self.configs.get(name),
            launches=frozenset(launches_of(self.book.snapshot())),
            takes_over=takes_over,
        )

    def machines(self) -> list[tuple[str, int, str, bool]]:
        """Launch, number, state and traffic of each machine."""
        return sorted((each.launch, each.number, each.state, each.traffic) for each in self.platform.machines())

    @contextlib.contextmanager
    def asked(self, host: str) -> Iterator[Counter[int]]:
        """Requests through the edge while the block runs: by status, how many were answered so."""
        answers: Counter[int] = Counter()
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    answers[self.emulated.edge(host, "/healthz", timeout=5).status_code] += 1
                except httpx.HTTPError:
                    answers[0] += 1
                time.sleep(0.02)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield answers
        finally:
            over.set()
            thread.join()
