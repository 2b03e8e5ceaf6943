"""Counters and histograms for Prometheus."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from backend.runner.execution.outcome import Status
from backend.runner.execution.queue import SlotQueue

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Metrics:
    """The service's own registry: nothing here is shared between two services in one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._runs = Counter(
            "codecanvas_runs", "Runs by language and status", ["language", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "codecanvas_step_seconds",
            "Seconds of a compile or a run",
            ["language", "phase"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._depth = Gauge("codecanvas_queue_depth", "Runs that wait for a runner", registry=self._registry)
        self._busy = Gauge("codecanvas_runs_in_flight", "Runs going on now", registry=self._registry)
        self._total = Gauge("codecanvas_runners", "Runs that may go on at once", registry=self._registry)

    def observe(self, language: str, phase: str, seconds: float) -> None:
        """Note a step; phase is "compile" or "run"."""
        self._seconds.labels(language, phase).observe(seconds)

    def count(self, language: str, status: Status) -> None:
        """Note a finished run."""
        self._runs.labels(language, status.value).inc()

    def render(self, queue: SlotQueue) -> bytes:
        """Everything, in Prometheus's text format."""
        self._depth.set(queue.depth)
        self._busy.set(queue.busy)
        self._total.set(queue.total)
        return generate_latest(self._registry)
