"""Suites against an environment, as separate processes, so that a verb and a person run exactly the same thing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploy.environments import ROOT
from deploy.errors import SuiteFailed
from deploy.ledger import DeploymentInfo, Evidence, Suite
from deploy.ledger.store import who
from deploy.processes import refuse_killed, run
from deploy.verification.parity import NAME as PARITY
from deploy.verification.parity import check_parity

TESTS = "tests/integration"


@dataclass(frozen=True)
class SuiteSpec:
    """Which tests a suite is. Tests that measure run by themselves, the others side by side."""

    name: str
    paths: tuple[str, ...]
    arguments: tuple[str, ...] = ()


INTEGRATION: tuple[SuiteSpec, ...] = (
    SuiteSpec(
        "integration",
        (f"{TESTS}/api", f"{TESTS}/security", f"{TESTS}/frontend"),
        # Of the page, what its place may break, in one engine: its bytes are the same everywhere, and `nox -s browser`
        # drives all of it in three.
        ("-n", "2", "--attacks", "brief", "-m", "not browser or deployed", "-k", "not firefox and not webkit"),
    ),
    SuiteSpec("load", (f"{TESTS}/rest", f"{TESTS}/load", f"{TESTS}/baseline")),
)
# Named, because looking for its tests in all of them takes longer than they take.
SMOKE = SuiteSpec("smoke", (f"{TESTS}/api", f"{TESTS}/frontend/test_site.py"), ("-m", "smoke"))


def run_suite(spec: SuiteSpec, environment: str, *, rehearsal: bool, logs: Path) -> Suite:
    """Run one suite; its output is kept in `logs`. Never raises for failing tests: the Suite says so.

    Raises ChildKilled when a signal ended it.
    """
    logs.mkdir(parents=True, exist_ok=True)
    report, log = logs / f"{spec.name}-{environment}.xml", log_of(spec, environment, logs)
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *spec.paths, *spec.arguments, "--env", environment]
    command += [*(["--rehearsal"] if rehearsal else []), f"--junitxml={report}", "-q", "-p", "no:cacheprovider"]
    begun = time.monotonic()
    with log.open("wb") as output:
        done = run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment())
    refuse_killed(done, f"the {spec.name} suite of {environment}")
    seconds = round(time.monotonic() - begun, 2)
    passed, failed = _counts(report)
    return Suite(spec.name, passed, failed, seconds)


def log_of(spec: SuiteSpec, environment: str, logs: Path) -> Path:
    """Where a suite's output is kept."""
    return logs / f"{spec.name}-{environment}.log"


def run_smoke(environment: str, *, rehearsal: bool, logs: Path) -> Suite:
    """The smoke suite; raises SuiteFailed with its log."""
    suite = run_suite(SMOKE, environment, rehearsal=rehearsal, logs=logs)
    if not suite.ok:
        raise SuiteFailed(f"smoke suite of {environment}: {_verdict(suite)}", log=log_of(SMOKE, environment, logs))
    return suite


def prove(
    deployment: DeploymentInfo,
    pages: Mapping[str, Mapping[str, bytes]],
    site: str,
    *,
    rehearsal: bool,
    logs: Path,
    tell: Callable[[str], None],
) -> tuple[Evidence, Path | None]:
    """Run the integration suites against the environment that serves `deployment`, and compare its page at `site`.

    `pages` are the release's files, by environment and name. Returns the evidence, and the log of the first suite that
    failed.
    """
    suites: list[Suite] = []
    logs_of: list[Path] = []

    def ran(suite: Suite, log: Path) -> None:
        tell(f"{suite.name}: {_verdict(suite)} in {suite.seconds:.1f} s")
        suites.append(suite)
        if not suite.ok:
            logs_of.append(log)

    log = logs / f"{PARITY}-{deployment.environment}.log"
    with httpx.Client(base_url=site, timeout=30) as served:
        ran(check_parity(pages, deployment.environment, served, log), log)
    for spec in INTEGRATION:
        suite = run_suite(spec, deployment.environment, rehearsal=rehearsal, logs=logs)
        ran(suite, log_of(spec, deployment.environment, logs))
    evidence = Evidence(
        environment=deployment.environment,
        commit_sha=deployment.commit_sha,
        image=deployment.image,
        frontend=deployment.frontend,
        at=datetime.now(UTC),
        by=who(),
        suites=tuple(suites),
    )
    return evidence, next(iter(logs_of), None)


def _verdict(suite: Suite) -> str:
    return f"{suite.passed} passed, {suite.failed} failed" if suite.passed or suite.failed else "no test ran"


def _counts(report: Path) -> tuple[int, int]:
    """Passed and failed of a JUnit report. No report, or a skipped test, counts as a failure: nothing is unproven."""
    if not report.exists():
        return 0, 1
    root = ET.parse(report).getroot()  # noqa: S314 - written by our own child process
    suites = list(root.iter("testsuite"))
    total, failed = (sum(int(s.get(key, 0)) for s in suites) for key in ("tests", "failures"))
    failed += sum(int(s.get(key, 0)) for s in suites for key in ("errors", "skipped"))
    return total - failed, failed


def _environment() -> dict[str, str]:
    """The process environment without any token: tests need none."""
    return {key: value for key, value in os.environ.items() if "TOKEN" not in key}
