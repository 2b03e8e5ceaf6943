"""Tallies requests: how many were sent, how many were lost, and how long they took."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deploy.verification.verdict import at_quantile

LOSSES_KEPT = 50


@dataclass(frozen=True)
class Sent:
    """One request and what came of it; `began` is a monotonic time. `problem` is empty when the answer was right."""

    place: str
    kind: str
    fresh: bool
    began: float
    ms: float
    status: int | None
    problem: str = ""


class Tally:
    """Counts. A place (API, page) is armed by its first success; what failed before it served is not lost."""

    def __init__(self) -> None:
        self.armed: dict[str, float] = {}
        self.superseded = 0
        """Assets that were gone because the page had just changed."""
        self._sent: Counter[str] = Counter()
        self._lost: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._connections: Counter[str] = Counter()
        self._losses: list[dict[str, Any]] = []
        self._before = 0
        self._ms = array("f")
        self._lag_ms = 0.0
        self._first = self._last = 0.0

    def add(self, sent: Sent) -> None:
        """Count a request."""
        if not sent.problem:
            self.armed.setdefault(sent.place, sent.began)
        if sent.began < self.armed.get(sent.place, math.inf):
            self._before += 1
            return
        ended = sent.began + sent.ms / 1000
        self._first, self._last = min(self._first or sent.began, sent.began), max(self._last, ended)
        self._sent[sent.kind] += 1
        self._statuses[str(sent.status or "none")] += 1
        self._connections["new" if sent.fresh else "kept"] += 1
        if sent.problem:
            self._lose(sent)
        else:
            self._ms.append(sent.ms)

    def lag(self, seconds: float) -> None:
        """Note how late an arrival was sent: what the generator itself could not keep up with."""
        self._lag_ms = max(self._lag_ms, seconds * 1000)

    def _lose(self, sent: Sent) -> None:
        self._lost[sent.kind] += 1
        if len(self._losses) < LOSSES_KEPT:
            at = datetime.now(UTC).isoformat(timespec="milliseconds")
            what = f"{sent.problem} ({'new' if sent.fresh else 'kept'} connection, after {sent.ms:.0f} ms)"
            self._losses.append({"at": at, "kind": sent.kind, "what": what})

    def to_json(self, *, done: bool) -> dict[str, Any]:
        """The report; latencies are sorted only for the last one."""
        sent, seconds = self._sent.total(), self._last - self._first
        report: dict[str, Any] = {
            "sent": sent,
            "lost": self._lost.total(),
            "by_kind": {k: {"sent": n, "lost": self._lost[k]} for k, n in sorted(self._sent.items())},
            "statuses": dict(sorted(self._statuses.items())),
            "losses": self._losses,
            "seconds": round(seconds, 2),
            "rate": round(sent / seconds, 1) if seconds else 0.0,
            "connections": dict(sorted(self._connections.items())),
            "superseded": self.superseded,
            "before_armed": self._before,
            "armed": sorted(self.armed),
            "worst_lag_ms": round(self._lag_ms, 1),
            "done": done,
        }
        if done:
            ordered = sorted(self._ms)
            report["latency_ms"] = {f"p{p}": round(percentile(ordered, p), 2) for p in (50, 95, 99)}
        return report


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted values; 0 of none."""
    return at_quantile(ordered, percent / 100) if ordered else 0.0
