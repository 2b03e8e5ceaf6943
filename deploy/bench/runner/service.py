"""The service, started for the measurement and stopped after it; without its page, which costs nothing here."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from deploy.bench.runner.throughput import cores
from deploy.errors import DeployError
from deploy.local import free_port
from deploy.processes import start, stop
from deploy.settings.environments import ROOT

_START_SECONDS = 120.0
_SETTLE_SECONDS = 60.0
_PATIENCE = {
    "RUNNER_QUEUE_LIMIT": "1000",
    "RUNNER_QUEUE_SECONDS": "600",
    "RUNNER_QUEUE_SHARE": "1",
    "RUNNER_QUEUE_WAIT": "600",
}
"""Nobody is refused for the time that it would wait; where a queue stands, the service still keeps it short."""


@contextlib.contextmanager
def measured_service() -> Iterator[int]:
    """Port of a service that is ready and at rest, with a runner for each processor."""
    port, log = free_port(), ROOT / "dist" / "logs" / "bench-service.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_") and "TOKEN" not in name}
    with tempfile.TemporaryDirectory(prefix="codecanvas-bench-") as scratch, log.open("wb") as output:
        Path(scratch).chmod(0o755)  # slots have uids of their own
        environment = {**kept, "TMPDIR": scratch, "RUNNER_PORT": str(port), "NUM_RUNNERS": str(cores()), **_PATIENCE}
        process = start(
            [sys.executable, "-m", "backend.runner"],
            cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait_ready(port, process, log)
            _wait_idle(process.pid)
            yield port
        finally:
            stop(process, 15)


def _wait_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=30).is_success:
                return
        time.sleep(0.1)
    raise DeployError("the service did not become ready to be measured", log=log)


def _wait_idle(pid: int) -> None:
    """Return once the service has warmed its caches: its whole tree has used no processor for a second."""
    deadline, before = time.monotonic() + _SETTLE_SECONDS, -1.0
    while time.monotonic() < deadline:
        used = _used(pid)
        if 0 <= used - before < 0.05:
            return
        before = used
        time.sleep(1)


def waiting_mb(word: str, patience: float = 3.0) -> float | None:
    """MiB of a process that waits for a program named `word`: the mean where several do, None where none does.

    Of memory that processes share each has its part (PSS). They are started once their language was used.
    """
    deadline = time.monotonic() + patience
    while True:
        found = list(waiting(word).values())
        if found or time.monotonic() > deadline:
            return sum(found) / len(found) if found else None
        time.sleep(0.1)


def waiting(word: str, least: float = 0.25) -> dict[int, float]:
    """MiB of each process that names `word` in its command, by pid; those with less have just begun, or end."""
    named = (pid for pid in _descendants(os.getpid()) if _names(pid, word))
    return {pid: size for pid in named if (size := _proportional(pid)) > least}


def _names(pid: int, word: str) -> bool:
    with contextlib.suppress(OSError):
        command = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
        return any(
            part == word.encode() or part.endswith((b"=" + word.encode(), b"/" + word.encode())) for part in command
        )
    return False


def _proportional(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in (Path("/proc") / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def _descendants(root: int) -> dict[int, int]:
    """A process and those beneath it, each with its clock ticks of processor time."""
    parents, spent = {}, {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            fields = (place / "stat").read_text(errors="replace").rpartition(") ")[2].split()
            parents[int(place.name)], spent[int(place.name)] = int(fields[1]), sum(map(int, fields[11:15]))
    found = {}
    for pid, ticks in spent.items():
        ancestor = pid
        while ancestor not in (0, root):
            ancestor = parents.get(ancestor, 0)
        if ancestor == root:
            found[pid] = ticks
    return found


def _used(root: int) -> float:
    """Processor seconds of a process and its descendants."""
    return sum(_descendants(root).values()) / os.sysconf("SC_CLK_TCK")
