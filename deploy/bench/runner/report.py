"""What was measured: as JSON, as tables for people and for the documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy.bench.runner.estimate import Ratio
from deploy.bench.runner.peers import Absent
from deploy.bench.runner.throughput import Load


@dataclass(frozen=True)
class PeerResult:
    """A way to run Python's hello world: median milliseconds, and their ratio to the bare interpreter."""

    median_ms: float
    ratio: Ratio


@dataclass(frozen=True)
class LanguageResult:
    """A language, medians in milliseconds. `ratio` is of `result_ms` to `bare_ms`; None where the host lacks it."""

    first_byte_ms: float
    streamed_ms: float
    result_ms: float
    bare_ms: float | None
    ratio: Ratio | None
    unique: bool
    """Whether every program had a comment of its own, so that no compile cache knew it."""
    waiting_mb: float | None = None
    """MiB of what waits for its next program, its part of what is shared; None where nothing waits."""


@dataclass(frozen=True)
class Report:
    """Everything."""

    cores: int
    peers: dict[str, PeerResult]
    absent: list[Absent]
    languages: dict[str, LanguageResult]
    loads: list[Load]
    bare_runs_per_second: float
    """Of the bare interpreter on all processors, before and after the load."""

    @property
    def runs_per_second(self) -> float:
        """At the number of clients that was served best."""
        return max(load.runs_per_second for load in self.loads)

    @property
    def throughput_ratio(self) -> float:
        """Of the service's runs a second to those of the bare interpreter."""
        return self.runs_per_second / self.bare_runs_per_second

    def to_json(self) -> dict[str, Any]:
        """As `bench runner --json` prints it."""
        return {
            "python_hello_ratio_to_bare": round(self.peers["service"].ratio.value, 3),
            "runs_per_second": round(self.runs_per_second, 1),
            "bare_runs_per_second": round(self.bare_runs_per_second, 1),
            "throughput_ratio_to_bare": round(self.throughput_ratio, 3),
            "cores": self.cores,
            "peers": {name: {"median_ms": peer.median_ms, **peer.ratio.to_json()} for name, peer in self.peers.items()},
            "absent": {each.name: each.reason for each in self.absent},
            "languages": {name: _language(each) for name, each in self.languages.items()},
            "load": [load.to_json() for load in self.loads],
        }

    def tables(self) -> Iterator[tuple[str, list[str], list[list[str]]]]:
        """Title, columns and rows of each table."""
        yield (
            "Python's hello world",
            ["", "median", "ratio to bare (95 %)"],
            [
                [name, f"{peer.median_ms:.2f} ms", str(peer.ratio)]
                for name, peer in sorted(self.peers.items(), key=lambda item: item[1].median_ms)
            ],
        )
        yield (
            "Languages",
            ["", "bare toolchain", "first byte", "result", "ratio to bare (95 %)", "memory of one that waits"],
            [
                [
                    name,
                    _ms(each.bare_ms),
                    _ms(each.first_byte_ms),
                    _ms(each.result_ms),
                    str(each.ratio or "–"),
                    _mib(each.waiting_mb),
                ]
                for name, each in self.languages.items()
            ],
        )
        yield "Load", ["clients", "runs/s", "p50", "p95", "p99", "refused", "wrong", "generator"], [
            [str(load.clients), f"{load.runs_per_second:.0f}", _ms(load.p50_ms), _ms(load.p95_ms), _ms(load.p99_ms),
             str(load.refused), str(load.wrong), f"{load.generator_share:.1%}"]
            for load in self.loads
        ]  # fmt: skip

    def markdown(self) -> str:
        """The tables, for the documentation."""
        blocks = []
        for title, columns, rows in self.tables():
            lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
            lines += [f"| {' | '.join(row)} |" for row in rows]
            blocks.append(f"### {title}\n\n" + "\n".join(lines))
        bare = f"{self.bare_runs_per_second:.0f} runs a second"
        best = f"the service does {self.throughput_ratio:.2f} times as many"
        notes = [f"The bare interpreter, started again and again on {self.cores} processors, does {bare}; {best}."]
        notes += [f"{each.name} is missing: {each.reason}." for each in self.absent]
        notes += [
            f"{name}: no comment makes its programs differ." for name, e in self.languages.items() if not e.unique
        ]
        return "\n\n".join([*blocks, *notes])


def _mib(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} MiB" if value < 10 else f"{value:.0f} MiB"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} ms"


def _language(result: LanguageResult) -> dict[str, Any]:
    body: dict[str, Any] = {name: getattr(result, name) for name in ("first_byte_ms", "result_ms", "streamed_ms")}
    ratio = result.ratio.to_json() if result.ratio else {"ratio_to_bare": None}
    return {**body, "bare_ms": result.bare_ms, **ratio, "unique": result.unique, "waiting_mb": result.waiting_mb}
