"""The measurement: rounds of everything in random order, then language by language, then load."""

from __future__ import annotations

import dataclasses
import random
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from backend.runner.languages import Language, all_languages
from deploy.bench.runner.client import Connection, connected, unique
from deploy.bench.runner.estimate import milliseconds, ratio
from deploy.bench.runner.peers import HELLO, Absent, Peer, bare, peers
from deploy.bench.runner.report import LanguageResult, PeerResult, Report
from deploy.bench.runner.service import measured_service, waiting, waiting_mb
from deploy.bench.runner.throughput import Load, bare_throughput, cores, generator, put_under_load
from deploy.bench.runner.toolchains import COMMENTS, Toolchain, program, toolchain
from deploy.errors import DeployError
from deploy.events.bus import Bus

CLIENTS = (1, 2, 4, 8, 16)
SERVICE = "service"

_HELD_SECONDS, _HELD_MB = 20.0, 5.0
"""Until a template that holds a library waits in each slot; a usual one takes less."""


@dataclass(frozen=True)
class Plan:
    """How much is measured: rounds of the peers, rounds of each language, seconds of each load."""

    rounds: int
    language_rounds: int
    load_seconds: float

    @classmethod
    def full(cls) -> Plan:
        """Some minutes."""
        return cls(rounds=300, language_rounds=21, load_seconds=5)

    @classmethod
    def quick(cls) -> Plan:
        """Well below a minute, and less sure."""
        return cls(rounds=40, language_rounds=5, load_seconds=1)


def measure(plan: Plan, bus: Bus) -> Report:
    """Start the service and measure. Raises DeployError where the service, or what it is held against, fails."""
    with bus.step("start the service"):
        starting = measured_service()
        port = starting.__enter__()
    try:
        with connected(port) as connection:
            with bus.step("peers, interleaved"):
                found, lacking = _peers(plan, connection, bus.note)
            with bus.step("languages, interleaved with their bare toolchains"):
                languages = _languages(plan, port, connection, bus.note)
        with bus.step("load"):
            loads, bare_runs = _loads(plan, port)
    finally:
        starting.__exit__(None, None, None)
    return Report(cores(), found, lacking, languages, loads, bare_runs)


def _peers(
    plan: Plan, connection: Connection, tell: Callable[[str], None]
) -> tuple[dict[str, PeerResult], list[Absent]]:
    with TemporaryDirectory(prefix="codecanvas-bench-") as place:
        work = Path(place)
        work.chmod(0o755)
        (work / "main.py").write_text(HELLO)
        with peers(work, tell) as (others, lacking):
            body = {"language": "python3"}
            ours = Peer(SERVICE, lambda: connection.run({**body, "source": f"{HELLO}# {unique()}"}))
            taken = _rounds(plan.rounds, [bare(work), ours, *others])
    reference = taken["bare"]
    results = {name: PeerResult(milliseconds(each), ratio(each, reference)) for name, each in taken.items()}
    return results, lacking


def _rounds(count: int, all_peers: list[Peer]) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = defaultdict(list)
    dice = random.Random(2)  # noqa: S311 - an order, no secret
    for _ in range(3):  # what is asked first is slow
        for peer in all_peers:
            if peer.every == 1:
                peer.seconds()
    for number in range(count):
        due = [peer for peer in all_peers if number % peer.every == 0]
        for peer in dice.sample(due, len(due)):
            taken[peer.name].append(peer.seconds())
    return taken


def _languages(plan: Plan, port: int, connection: Connection, tell: Callable[[str], None]) -> dict[str, LanguageResult]:
    listed = httpx.get(f"http://127.0.0.1:{port}/api/v1/languages", timeout=30).raise_for_status().json()["languages"]
    offered = {each if isinstance(each, str) else each["name"] for each in listed}
    found = {}
    for name, language in all_languages().items():
        if name not in offered:
            continue
        try:
            with toolchain(language) as tools:
                found[name] = _language(plan.language_rounds, language, tools, connection)
            tell(name)
        except DeployError as failed:
            tell(f"{name} is left out: {failed}")
        found |= _libraries(plan.language_rounds, language, connection, tell)
    return found


def _libraries(
    rounds: int, language: Language, connection: Connection, tell: Callable[[str], None]
) -> dict[str, LanguageResult]:
    """The same program behind an import, for each library that is held ready and is there."""
    found = {}
    for library in language.libraries:
        if not library.held:
            continue
        module = library.held[-1].module
        name = f"{language.name}, import {module}"
        importing = dataclasses.replace(language, hello=f"import {module}\n{language.hello}")
        try:
            with toolchain(importing) as tools:
                if tools is None:
                    tell(f"{name} is left out: not installed ({library.package})")
                    continue
                megabytes = _held_mb(importing, connection)
                result = _language(rounds, importing, tools, connection)
                found[name] = dataclasses.replace(result, waiting_mb=megabytes)
            tell(name)
        except DeployError as failed:
            tell(f"{name} is left out: {failed}")
    return found


def _held_mb(language: Language, connection: Connection) -> float | None:
    """Have templates made that hold what `language.hello` imports: MiB in each slot. None where none came."""
    before = set(waiting(language.source))
    connection.run({"language": language.name, "source": program(language, unique())})
    found: list[float] = []
    for _ in range(int(_HELD_SECONDS / 0.5)):
        time.sleep(0.5)
        news = [size for pid, size in waiting(language.source, _HELD_MB).items() if pid not in before]
        if len(found) == len(news) >= cores():
            break
        found = news
    return sum(found) / cores() if found else None


def _language(rounds: int, language: Language, tools: Toolchain | None, connection: Connection) -> LanguageResult:
    direct, first, result, alone = [], [], [], []
    for number in range(rounds + 1):
        if tools is not None:
            alone.append(tools.seconds(program(language, unique())))
        direct.append(connection.run({"language": language.name, "source": program(language, unique())}))
        streamed = connection.stream({"language": language.name, "source": program(language, unique())})
        first.append(streamed.first_byte)
        result.append(streamed.result)
        if number == 0:  # the first of each is slow
            for taken in (direct, first, result, alone):
                taken.clear()
    return LanguageResult(
        first_byte_ms=milliseconds(first),
        streamed_ms=milliseconds(result),
        result_ms=milliseconds(direct),
        bare_ms=milliseconds(alone) if alone else None,
        ratio=ratio(direct, alone) if alone else None,
        unique=language.name in COMMENTS,
        waiting_mb=waiting_mb(_waiting_word(language))
        if language.fork_server or language.warm or language.hold or language.compile_hold
        else None,
    )


def _waiting_word(language: Language) -> str:
    """A word of the command of what waits for a program of `language`."""
    return language.warm[-1].rpartition("/")[2] if language.warm else language.source


def _loads(plan: Plan, port: int) -> tuple[list[Load], float]:
    with generator() as binary:
        (binary.parent / "main.py").write_text(HELLO)
        put_under_load(binary, port, 2, min(1.0, plan.load_seconds))
        before = bare_throughput(binary.parent, plan.load_seconds)
        loads = [put_under_load(binary, port, clients, plan.load_seconds) for clients in CLIENTS]
        return loads, (before + bare_throughput(binary.parent, plan.load_seconds)) / 2
