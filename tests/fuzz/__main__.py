"""`python -m tests.fuzz`: the parser, the HTTP API of a service started here, and the launcher's frame parser.

Each part says what it did; the exit code is 0 when none found anything.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from deploy.errors import DeployError
from deploy.settings.environments import ROOT
from deploy.workstation import need
from tests.hostile.service import serving

EXAMPLES = 10_000
LAUNCHER_SECONDS = 60
HARNESS = ROOT / "backend/runner/sandbox/launcher/fuzz.c"
SEEDS = ROOT / "tests/fuzz/corpus"
CRASHES = ROOT / "dist" / "fuzz"

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def parser(arguments: argparse.Namespace) -> bool:
    """Hypothesis on the request parser; whether nothing was found."""
    environment = {**os.environ, "CODECANVAS_EXAMPLES": str(arguments.examples)}
    command = [sys.executable, "-m", "pytest", "tests/fuzz", "-q", "-o", "timeout=3600"]
    return not subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def api(arguments: argparse.Namespace) -> bool:
    """Schemathesis on the service's own description; whether it always answered as that says, and lives."""
    with serving("root", "all", {"RUN_TIMEOUT": "1", "RUNNER_QUEUE_LIMIT": "1000", "NUM_RUNNERS": "4"}) as running:
        routes = 8  # roughly; examples are given to each
        command = ["st", "run", f"{running.url}openapi.json", "--url", running.url, "--workers", "4", "--no-color"]
        command += ["--checks", CHECKS, "--max-examples", str(max(1, arguments.examples // routes))]
        command += [
            "--request-timeout",
            "60",
            "--suppress-health-check",
            "all",
            "--phases",
            "examples,coverage,fuzzing",
        ]
        CRASHES.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, cwd=CRASHES, check=False)  # what it keeps of its own lands there
        alive = Path(f"/proc/{running.pid}").exists()
        faults = [line for line in running.log.read_text(errors="replace").splitlines() if "Traceback" in line]
    if not alive or faults:
        print(f"the service {'failed' if alive else 'died'} {len(faults)} times; see {running.log}")
    return not done.returncode and alive and not faults


def launcher(arguments: argparse.Namespace) -> bool:
    """libFuzzer on the launcher's frame parser, where its harness is; whether nothing was found."""
    if not HARNESS.exists():
        print(f"{HARNESS.relative_to(ROOT)} is not there: the launcher is not fuzzed")
        return True
    need("fuzz")
    corpus = CRASHES / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="codecanvas-fuzz-") as place:
        binary = str(Path(place) / "fuzz")
        flags = ["-std=gnu17", "-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
        subprocess.run(["clang", *flags, "-o", binary, str(HARNESS)], check=True)
        command = [binary, f"-max_total_time={arguments.seconds}", "-timeout=10", "-rss_limit_mb=1024"]
        command += [f"-artifact_prefix={CRASHES}/", "-print_final_stats=1", str(corpus), str(SEEDS)]
        return not subprocess.run(command, cwd=CRASHES, check=False).returncode


PARTS = {"parser": parser, "api": api, "launcher": launcher}


def main(words: list[str]) -> int:
    """Fuzz what was asked for; 0 when nothing was found, 1 when something was, 2 when a part could not be done."""
    reading = argparse.ArgumentParser(prog="nox -s fuzz --", description=__doc__)
    reading.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)} (default: all)")
    reading.add_argument("--examples", type=int, default=EXAMPLES, help=f"of requests and bodies (default: {EXAMPLES})")
    reading.add_argument("--seconds", type=int, default=LAUNCHER_SECONDS, help="of the launcher's fuzzing")
    arguments = reading.parse_args(words)
    if unknown := set(arguments.parts) - PARTS.keys():
        reading.error(f"no such part: {', '.join(sorted(unknown))}")
    try:
        outcomes = {name: PARTS[name](arguments) for name in arguments.parts or PARTS}
    except (DeployError, subprocess.CalledProcessError) as failed:
        print(f"error: {failed}", file=sys.stderr)
        return 2
    for name, held in outcomes.items():
        print(f"{name}: {'nothing found' if held else 'something found'}")
    return 0 if all(outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
