"""How many runs a second the service serves, and how long each takes, by the number of clients."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.bench.runner.client import post
from deploy.bench.runner.estimate import quantile
from deploy.bench.runner.peers import EXPECTED, HELLO, PYTHON
from deploy.bench.runner.spawn import timed
from deploy.errors import DeployError
from deploy.processes import run

SOURCE = Path(__file__).with_name("load.c")


@dataclass(frozen=True)
class Load:
    """What `clients` at once were served."""

    clients: int
    runs_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    refused: int
    """Answers 429, after each of which a client rested as long as it was told to."""
    wrong: int
    generator_share: float
    """Of one processor, that the load generator took from the service."""

    def to_json(self) -> dict[str, Any]:
        """Rounded."""
        return {name: round(value, 3) for name, value in vars(self).items()}


@contextmanager
def generator() -> Iterator[Path]:
    """The load generator, compiled."""
    with TemporaryDirectory(prefix="codecanvas-bench-") as place:
        binary = Path(place) / "load"
        done = run(["gcc", "-O2", "-o", binary, SOURCE], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise DeployError(f"the load generator does not compile: {done.stderr[-500:]}")
        yield binary


def put_under_load(binary: Path, port: int, clients: int, seconds: float) -> Load:
    """Have `clients` run Python's hello world for `seconds`, each program with a number of its own."""
    request = binary.with_name("request")
    request.write_bytes(post("/api/v1/run", {"language": "python3", "source": f"{HELLO}# ########"}))
    command = [str(binary), str(port), str(clients), str(seconds), str(request)]
    done = run(command, capture_output=True, text=True)
    if done.returncode:
        raise DeployError(f"the load generator failed: {done.stderr[-500:]}")
    measured = json.loads(done.stdout)
    took = [each / 1000 for each in measured["microseconds"]]
    if not took:
        raise DeployError(f"under the load of {clients} clients no run was answered rightly")
    return Load(
        clients=clients,
        runs_per_second=measured["right"] / measured["seconds"],
        p50_ms=quantile(took, 0.50),
        p95_ms=quantile(took, 0.95),
        p99_ms=quantile(took, 0.99),
        refused=measured["refused"],
        wrong=measured["wrong"],
        generator_share=measured["cpu_seconds"] / measured["seconds"],
    )


def bare_throughput(work: Path, seconds: float) -> float:
    """Runs a second of the bare interpreter, one after the other on each processor; `work` holds main.py."""
    command = [*PYTHON[:-1], str(work / PYTHON[-1])]
    until = time.monotonic() + seconds

    def run_on() -> int:
        count = 0
        while time.monotonic() < until:
            timed(command, expected=EXPECTED)
            count += 1
        return count

    begun = time.monotonic()
    with ThreadPoolExecutor(cores()) as pool:
        done = sum(one.result() for one in [pool.submit(run_on) for _ in range(cores())])
    return done / (time.monotonic() - begun)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
