"""The hostile suite against the service in every mode of isolation: `python -m tests.hostile.modes --help`.

Each mode with its accelerations and without; then a short soak in each. Everything after `--` goes to pytest.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from itertools import product

from rich.console import Console

from deploy.errors import DeployError
from deploy.local import URL_VARIABLE
from deploy.settings.environments import ROOT
from tests.hostile.service import ACCELERATIONS, MODES, Running, serving

SUITE = "tests/integration/security"
SOAK_RUNS = 1000

_console = Console(highlight=False)


def _commands(arguments: argparse.Namespace, running: Running) -> list[list[str]]:
    suite = [sys.executable, "-m", "pytest", SUITE, "-q", "-n", "4", *arguments.pytest]
    rest = [sys.executable, "-m", "pytest", "tests/integration/rest", "-q"]
    soak = [sys.executable, "-m", "tests.soak", "--url", running.url, "--pid", str(running.pid)]
    return [suite, rest] + ([[*soak, "--runs", str(arguments.soak)]] if arguments.soak else [])


def _attack(mode: str, accelerations: str, arguments: argparse.Namespace) -> bool:
    """Start the service so and run everything against it; whether it held."""
    with serving(mode, accelerations) as running:
        environment = {**os.environ, URL_VARIABLE: running.url, "CODECANVAS_LOCAL_PID": str(running.pid)}
        codes = [
            subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
            for command in _commands(arguments, running)
        ]
    return not any(codes)


def _parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s hostile --", description=__doc__)
    for name, meaning in MODES.items():
        parser.add_argument(f"--{name}", dest="modes", action="append_const", const=name, help=f"only {meaning}")
    parser.add_argument(
        "--accelerations", choices=ACCELERATIONS, action="append", help="only with these (default: with and without)"
    )
    parser.add_argument("--soak", type=int, default=SOAK_RUNS, metavar="N", help="runs of the soak; 0 for none")
    split = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:split])
    arguments.pytest = words[split + 1 :]
    return arguments


def main(words: list[str]) -> int:
    """Run what was asked for; 0 when every mode held, 1 when one did not, 2 when one could not be started."""
    arguments = _parse(words)
    outcomes: dict[str, str] = {}
    for mode, accelerations in product(arguments.modes or MODES, arguments.accelerations or ACCELERATIONS):
        name = f"{mode}, accelerations {accelerations}"
        _console.rule(f"{name}: {MODES[mode]}")
        begun = time.monotonic()
        try:
            outcome = "held" if _attack(mode, accelerations, arguments) else "did not hold"
        except DeployError as failed:
            outcome = f"could not be started: {failed}"
        outcomes[f"{name} ({time.monotonic() - begun:.0f} s)"] = outcome
    for name, outcome in outcomes.items():
        _console.print(f"{name}: {outcome}")
    if any(outcome.startswith("could not") for outcome in outcomes.values()):
        return 2
    return 0 if set(outcomes.values()) == {"held"} else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
