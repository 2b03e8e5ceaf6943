"""`python -m tests.soak`: soak a service that runs (`--url`, `--pid`), or one that is started for it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.errors import DeployError
from tests.hostile.service import ACCELERATIONS, MODES, serving
from tests.soak.soak import Soak

RUNS = 100_000
CLIENTS = 8


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many (default: {RUNS})")
    parser.add_argument("--clients", type=int, default=CLIENTS, help=f"at once (default: {CLIENTS})")
    parser.add_argument("--seed", type=int, default=None, help="draw the same programs again")
    parser.add_argument("--mode", choices=MODES, default="root", help="how the service is started")
    parser.add_argument("--accelerations", choices=ACCELERATIONS, default="all")
    parser.add_argument("--url", help="root of a service that runs already; with --pid")
    parser.add_argument("--pid", type=int, help="its main process")
    arguments = parser.parse_args(words)
    if (arguments.url is None) != (arguments.pid is None):
        parser.error("--url and --pid belong together")
    return arguments


@contextlib.contextmanager
def _service(arguments: argparse.Namespace) -> Iterator[tuple[str, int]]:
    if arguments.url is not None:
        yield arguments.url, arguments.pid
        return
    with serving(arguments.mode, arguments.accelerations) as running:
        yield running.url, running.pid


def _soak(url: str, pid: int, arguments: argparse.Namespace) -> dict[str, Any]:
    seed = secrets.randbelow(1 << 31) if arguments.seed is None else arguments.seed
    soak = Soak(url, pid, arguments.runs, arguments.clients, seed)
    columns = (
        TextColumn("soak"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("soak", total=arguments.runs, said="")

        def progress(done: int) -> None:
            memory = f"{soak.samples[-1].memory_kb // 1024} MiB" if soak.samples else ""
            bar.update(task, completed=done, said=f"{len(soak.failures)} wrong, {memory}")

        return asyncio.run(soak.perform(progress))


def main(words: list[str]) -> int:
    """Soak, and print the summary as JSON; 0 when all held, 1 when not, 2 when the service could not be started."""
    arguments = _parse(words)
    try:
        with _service(arguments) as (url, pid):
            summary = _soak(url, pid, arguments)
    except DeployError as failed:
        print(f"error: {failed}", file=sys.stderr)
        return 2
    print(json.dumps(summary, indent=2))
    return 0 if summary["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
