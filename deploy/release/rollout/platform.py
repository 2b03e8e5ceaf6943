"""The platform as the engine uses it: a dozen calls, each safe to repeat.

On the real platform a machine does not say why it was made, and not every answer says whether it is cordoned. So both
are written into its metadata: the launch key and number when it is created, traffic after each change of it. A change
that was interrupted between the two is simply made again. Where the platform says whether a machine is cordoned, that
counts, and the metadata is put right.

The platform's answers may be some seconds old, and an error may hide an effect:

- a machine just created may be unknown to everything but the answer that named it: it counts as there;
- a creation without an answer is looked for by its name before it is repeated, and names are unique;
- a machine that cannot be destroyed because there is none such is gone only if no list names it either.
"""

from __future__ import annotations

import contextlib
import re
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from deploy.artifacts.frontend import Named, former_assets, site_files
from deploy.artifacts.oci import files_of_layers
from deploy.errors import DeployError
from deploy.ledger import DeploymentInfo, Intent
from deploy.platforms.errors import Conflict, NotFound, PlatformError, says_no_room
from deploy.platforms.fly import FlyClient, Machine
from deploy.platforms.fly.machines import exit_of
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.rollout.machine import (
    ENVIRONMENT,
    LAUNCH,
    NUMBER,
    OFF,
    ON,
    TRAFFIC,
    in_traffic,
    labelled,
    labels_of,
    machine_name,
    noted_traffic,
    slot_of,
)
from deploy.release.rollout.placement import REGIONS, region_of
from deploy.release.rollout.world import Seen
from deploy.target import Target

LEASE_SECONDS = 10
ADDING_SECONDS = 20.0
"""How long a page that serves already waits for the files of other releases to be served beside it."""
SETTLING = 12.0
"""Seconds after its creation for which a machine that the platform does not know is taken to be there."""
NAMES = 20
# Out of traffic a machine cannot be reached through the edge: what it is working on is asked from within.
_ASK = """
import os, urllib.request
port = os.environ.get("RUNNER_PORT", "10100")
print(urllib.request.urlopen(f"http://localhost:{port}/metrics", timeout=5).read().decode())
"""
METRICS = ("python3", "-c", _ASK)
PUBLISHED = "codecanvas "
"""What the messages of our publications begin with; the page's name follows."""


@dataclass(frozen=True)
class Report:
    """A failing machine's report: `summary` in one sentence, and the last `lines` of its log."""

    machine: str
    summary: str
    lines: tuple[str, ...] = ()
    exhausted: bool = False
    """The platform had no room to launch it, which is no fault of the release."""


class Platform(Protocol):
    """What the engine asks of a platform. Every call may raise PlatformError; repeating one does no harm."""

    def machines(self) -> list[Seen]:
        """All machines of the environment."""

    def report(self, machine: str) -> Report:
        """How it ended, what its checks said, what it wrote last."""

    def reaches(self, machine: str) -> bool:
        """Whether the platform acts on this machine now: takes its lease and gives it back."""

    def look(self, machine: str) -> Seen | None:
        """One machine, None when it is gone."""

    def await_started(self, machine: str, seconds: float) -> None:
        """Return when it has started, or after some seconds; the next look tells."""

    def create(
        self, release: DeploymentInfo, config: dict[str, Any], number: int, *, avoid: frozenset[str] = frozenset()
    ) -> str:
        """Create and launch the machine of this number, out of traffic; returns its id.

        A machine of the same launch and number that exists already is returned instead, unless it is in `avoid`.
        """

    def start(self, machine: str) -> None:
        """Start it."""

    def admit(self, machine: str) -> None:
        """Let the edge send it requests."""

    def withdraw(self, machine: str) -> None:
        """Stop the edge from sending it requests."""

    def rest(self, machine: str) -> None:
        """Put it to sleep; it can be started again."""

    def destroy(self, machine: str) -> None:
        """Remove it; gone already is fine."""

    def page(self) -> str:
        """Digest of the page that is published, "" for none."""

    def publish(self, release: DeploymentInfo) -> None:
        """Publish the release's page."""


class Checks(Protocol):
    """What is asked of a release beside the platform's own checks.

    Each lets it pass, or raises ReleaseFault for what it found, NotChecked when it could find nothing out.
    """

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        """Compare machines in traffic; returns the verdict's words."""

    def smoke(self, intent: Intent, machine: str = "") -> str:
        """Run the smoke suite against what serves, or `machine` of it alone; returns what it found."""


class CloudPlatform:
    """Fly Machines and Cloudflare Pages through their clients; the cloud's or a rehearsal's."""

    def __init__(
        self,
        target: Target,
        fly: FlyClient,
        pages: PagesClient,
        registry: RegistryClient,
        former: Callable[[DeploymentInfo], Sequence[str]] = lambda _: (),
    ) -> None:
        """`former` gives the digests of the pages published before a release's, the newest first."""
        self._target, self._fly, self._pages, self._registry = target, fly, pages, registry
        self._former = former
        self._looked: dict[str, Machine] = {}
        self._fresh: dict[str, tuple[float, Seen]] = {}
        """Machines that this run created: when (monotonic), and as the platform showed them then."""
        self._names: dict[str, str] = {}
        self._lost: set[str] = set()
        """Machines on hosts that were not reached when they were last looked at."""
        self._unanswered: set[str] = set()
        """Names of machines whose creation was answered by an error that may hide an effect."""

    def machines(self) -> list[Seen]:
        """Those that carry the environment's label; what else is in the app is not touched (`strangers.py`)."""
        found = self._fly.machines.list()
        self._names |= {machine.id: machine.name for machine in found}
        self._lost = (self._lost - {each.id for each in found}) | {each.id for each in found if each.lost}
        return [seen(machine) for machine in found if labels_of(machine).get(ENVIRONMENT) == self._target.name]

    def report(self, machine: str) -> Report:
        """From its events, its checks and its log."""
        found = self._fly.machines.get(machine)
        lines: tuple[str, ...] = ()
        with contextlib.suppress(PlatformError):  # logs live on another host of the platform
            lines = tuple(self._fly.logs(machine))
        return Report(machine, described(found), lines, _launched_nowhere(found))

    def reaches(self, machine: str) -> bool:
        """By its lease."""
        try:
            with self._held(machine, "see whether it answers"):
                return True
        except PlatformError:
            return False

    def look(self, machine: str) -> Seen | None:
        """One machine."""
        try:
            found = self._fly.machines.get(machine)
        except NotFound:
            made, fresh = self._fresh.get(machine, (float("-inf"), None))
            return fresh if time.monotonic() - made < SETTLING else None
        self._looked[machine] = found
        (self._lost.add if found.lost else self._lost.discard)(machine)
        return None if found.gone else seen(found)

    def await_started(self, machine: str, seconds: float) -> None:
        """One request that the platform answers when it has: asking again and again would use up its rates."""
        if found := self._looked.get(machine):
            # No failure of this says anything: it may not be found just after its creation, and a look comes next.
            with contextlib.suppress(PlatformError):
                self._fly.machines.wait(found, "started", seconds)

    def create(
        self, release: DeploymentInfo, config: dict[str, Any], number: int, *, avoid: frozenset[str] = frozenset()
    ) -> str:
        """The machine; one of that name which is there already is it: an earlier call was answered by an error.

        The name of one that cannot be used is taken, and the next gets another. It depends on the unusable machines of
        this number alone, so that a deployer who knows of other lost machines still finds the same one.
        """
        image = self._registry.reference(release.image)
        body = labelled(config, self._target.name, release, number, image)
        region = region_of(config, number)
        for key in ("region", REGIONS):
            body.pop(key, None)
        first = machine_name(self._target.name, release.launch, number)
        taken = sum(slot_of(self._names.get(id_, first)) == slot_of(first) for id_ in avoid)
        for again in range(taken + 1, taken + NAMES + 1):
            name = machine_name(self._target.name, release.launch, number, again)
            there = self._named(name) if name in self._unanswered else None
            try:
                made = there or self._fly.machines.create(
                    name, region, body, register=False, secrets=release.secrets_version
                )
            except Conflict as refused:
                if refused.exhausted or not (there := self._named(name)):
                    raise  # the list may be older than what has the name: tried again
            except PlatformError:
                self._unanswered.add(name)
                raise
            if there is None:
                shown = Seen(made.id, release.launch, number, made.state, healthy=False, digest="", traffic=False)
                self._fresh[made.id] = (time.monotonic(), replace(shown, region=made.region))
                return made.id
            if there.id in avoid or there.lost or (region and there.region not in ("", region)):
                continue  # one that somebody moved to another region is replaced
            if labels_of(there).get(LAUNCH) != release.launch:
                raise DeployError(f"machine {name} exists but is not of this release; remove {there.id}")
            return there.id
        raise DeployError(
            f"{NAMES} machines named {first} cannot be used; remove them, then run: invoke resume "
            f"--env {self._target.name}{self._target.flag}"
        )

    def _named(self, name: str) -> Machine | None:
        """The machine of this name, by the list; None when it shows none."""
        there = next((each for each in self._fly.machines.list() if each.name == name), None)
        if there:
            self._unanswered.discard(name)
        return there

    def start(self, machine: str) -> None:
        """Start it."""
        with self._held(machine, "start"):
            self._fly.machines.start(machine)

    def admit(self, machine: str) -> None:
        """Uncordon it, then note so."""
        with self._held(machine, "send requests to it"):
            self._fly.machines.uncordon(machine)
            self._fly.machines.set_metadata(machine, TRAFFIC, ON)

    def withdraw(self, machine: str) -> None:
        """Cordon it, then note so."""
        with self._held(machine, "send it no requests"):
            self._fly.machines.cordon(machine)
            self._fly.machines.set_metadata(machine, TRAFFIC, OFF)

    def rest(self, machine: str) -> None:
        """Suspend it, so that it serves again within a moment; stop it where that cannot be.

        A suspended machine freezes what it is working on, and a stopped one finishes it first: so it is suspended only
        when it says that it has nothing to do.
        """
        with self._held(machine, "put to sleep"):
            if self._idle(machine) and self._fly.machines.suspend(machine):
                return
            with contextlib.suppress(PlatformError):
                if (now := self.look(machine)) and now.asleep:
                    return  # the list was older than its sleep; stopped now, it would lose its memory
            self._fly.machines.stop(machine)

    def _idle(self, machine: str) -> bool:
        metrics = self._fly.machines.execute(machine, METRICS) or ""
        working = dict(re.findall(r"^codecanvas_(runs_in_flight|queue_depth) ([0-9.]+)$", metrics, re.MULTILINE))
        return len(working) == 2 and all(float(count) == 0 for count in working.values())

    def destroy(self, machine: str) -> None:
        """Destroy it, without a lease if its host is lost: there is none to be had.

        One that is unknown and still listed is not gone: NotFound is raised, to be tried again.
        """
        try:
            with contextlib.nullcontext() if machine in self._lost else self._held(machine, "destroy"):
                self._fly.machines.destroy(machine)
        except NotFound:
            made, _ = self._fresh.get(machine, (float("-inf"), None))
            settling = time.monotonic() - made < SETTLING
            if settling or any(each.id == machine for each in self._fly.machines.list()):
                raise
        self._fresh.pop(machine, None)

    def page(self) -> str:
        """The page that is published (`DeploymentInfo.page`), "" for none of ours."""
        current = self._pages.current()
        return page_of(current.message) if current else ""

    def publish(self, release: DeploymentInfo) -> None:
        """An earlier publication of the same page is brought back where there is one; else its files are published.

        What is brought back lacks the files of the releases after it, which people have open: so it serves at once,
        and is then published anew with them. That it could not be is no failure: the release's page is served.
        """
        for earlier in self._pages.deployments():
            if page_of(earlier.message) == release.page and earlier.succeeded and self._pages.rollback(earlier):
                if former := self._former(release):
                    with contextlib.suppress(PlatformError):
                        self._publish(release, former, timeout=ADDING_SECONDS)
                return
        self._publish(release, self._former(release))

    def _publish(self, release: DeploymentInfo, former: Sequence[str], timeout: float = 120) -> None:
        config, named = self._target.config, Named(release.version, release.commit_sha)
        files = site_files(read_page(self._registry, release.frontend), config.name, named, config.api_url)
        files |= former_assets(files, read_pages(self._registry, former))
        message = f"{PUBLISHED}{release.page}"
        self._pages.publish(files, sha=release.commit_sha, message=message, timeout=timeout)

    @contextlib.contextmanager
    def _held(self, machine: str, doing: str) -> Iterator[None]:
        with self._fly.machines.leased(machine, f"codecanvas: {doing}", LEASE_SECONDS):
            yield


def seen(machine: Machine) -> Seen:
    """A machine as the engine sees it."""
    labels = labels_of(machine)
    number = labels.get(NUMBER, "")
    return Seen(
        id=machine.id,
        launch=labels.get(LAUNCH, ""),
        number=int(number) if number.isdecimal() else 0,
        state=machine.state,
        healthy=machine.healthy,
        digest=machine.digest,
        traffic=in_traffic(machine),
        noted=None if machine.cordoned is None else noted_traffic(machine),
        reachable=not machine.lost,
        exits=machine.exits,
        region=machine.region,
    )


def _launched_nowhere(machine: Machine) -> bool:
    last = machine.events[0] if machine.events else {}
    request = last.get("request") or {}
    return last.get("type") == "launch_failed" and says_no_room(str(request.get("error", "")))


def described(machine: Machine) -> str:
    """How a machine ended and what its failing checks said, in one sentence; "" when neither is known."""
    said: list[str] = []
    for event in machine.events:
        if event.get("type") == "exit" and (ended := exit_of(event)) and not ended.get("requested_stop"):
            memory = ", killed for memory" if ended.get("oom_killed") else ""
            said.append(f"its program ended with exit code {ended.get('exit_code')}{memory}")
            break
        if event.get("type") == "launch_failed":
            request = event.get("request") or {}
            said.append(f"it could not be launched: {request.get('error') or event.get('status')}")
            break
    said += [
        f"check {check.name} is {check.status}: {' '.join(check.output.split())[:200] or 'no answer'}"
        for check in machine.checks
        if check.status != "passing"
    ]
    return f"machine {machine.id}: {'; '.join(said)}" if said else ""


def page_of(message: str) -> str:
    """The page that a publication's message names (`DeploymentInfo.page`); "" where it is none of ours."""
    return message.removeprefix(PUBLISHED) if message.startswith(PUBLISHED) and digest_of(message) else ""


def digest_of(message: str) -> str:
    """The page's digest at the end of a publication's message."""
    last = message.rpartition(" ")[2]
    return last if last.startswith("sha256:") else ""


def read_page(registry: RegistryClient, digest: str) -> dict[str, bytes]:
    """The files of a frontend image in a repository."""
    _, manifest, _ = registry.manifest(digest)
    return files_of_layers([b"".join(registry.blob(layer["digest"])) for layer in manifest["layers"]])


def read_pages(registry: RegistryClient, digests: Sequence[str]) -> Iterator[dict[str, bytes]]:
    """The files of several frontend images, each read when asked for; what is gone or cannot be read is left out."""
    for digest in digests:
        try:
            page = read_page(registry, digest)
        except (DeployError, KeyError, OSError, EOFError, tarfile.TarError, zlib.error):
            continue
        yield page
