"""Suites against an environment, as separate processes, so that a verb and a person run exactly the same thing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploy.errors import DeployError, SuiteFailed, SuiteNotRun
from deploy.ledger import DeploymentInfo, Evidence, Suite
from deploy.ledger.identity import who
from deploy.rehearsals import rehearsal_config
from deploy.settings.environments import EnvironmentConfig, load_environment
from deploy.verification.catalogue import EVIDENCE, SMOKE, SuiteSpec
from deploy.verification.expectations import read_expectation
from deploy.verification.outcome import Outcome, SuiteRun, judge, read_report
from deploy.verification.parity import NAME as PARITY
from deploy.verification.parity import check_parity
from deploy.verification.process import run_pytest

REACH_SECONDS = 15.0
"""How long an environment that cannot be connected to is tried again before a suite counts as not run."""


def arguments_of(spec: SuiteSpec, environment: str, *, rehearsal: bool, machine: str = "") -> list[str]:
    """What pytest is given to run a suite against an environment, or against one `machine` of it."""
    flags = [*(["--rehearsal"] if rehearsal else []), *(["--machine", machine] if machine else [])]
    return [*spec.paths, *spec.always, *spec.as_evidence, "--env", environment, *flags, "-q", "-p", "no:cacheprovider"]


def run_suite(spec: SuiteSpec, environment: str, *, rehearsal: bool, logs: Path, machine: str = "") -> SuiteRun:
    """Run one suite; its output and its report are kept in `logs`. Raises neither for failing tests nor for a crash."""
    logs.mkdir(parents=True, exist_ok=True)
    log, begun = log_of(spec, environment, logs), time.monotonic()
    config = rehearsal_config(environment) if rehearsal else load_environment(environment)
    try:
        languages = offered_languages(config, REACH_SECONDS)
    except (SuiteNotRun, SuiteFailed) as wrong:
        log.write_text(f"{wrong}\n", encoding="utf-8")
        failed = isinstance(wrong, SuiteFailed)
        suite = Suite(spec.name, 0, int(failed), round(time.monotonic() - begun, 2))
        return SuiteRun(Outcome.FAILED if failed else Outcome.NOT_RUN, suite, log, str(wrong))
    expected = read_expectation(spec.name).total(languages)
    arguments = arguments_of(spec, environment, rehearsal=rehearsal, machine=machine)
    return examine(spec.name, arguments, expected, log)


def examine(name: str, arguments: Sequence[str], expected: int, log: Path) -> SuiteRun:
    """Run pytest, and judge by its exit code and its report (beside `log`) what it says of `expected` tests."""
    report, begun = log.with_suffix(".json"), time.monotonic()
    report.unlink(missing_ok=True)
    code = run_pytest([*arguments, "-p", "deploy.verification.recorder", f"--suite-report={report}"], log)
    found = read_report(report)
    outcome, reason = judge(code, found, expected)
    passed, failed = (found.count("passed"), found.count("failed")) if found else (0, 0)
    return SuiteRun(outcome, Suite(name, passed, failed, round(time.monotonic() - begun, 2)), log, reason)


def offered_languages(config: EnvironmentConfig, patience: float) -> list[str]:
    """The languages that an environment's service names: how many tests there are depends on them.

    Tries for `patience` seconds. Raises SuiteNotRun when no connection can be made, and SuiteFailed when an answer
    names none: then it is the release that is wrong.
    """
    deadline, address = time.monotonic() + patience, f"{config.api_url}languages"
    while True:
        wrong: DeployError
        try:
            answer = httpx.get(address, timeout=30)
            return [str(name) for name in answer.raise_for_status().json()["languages"]]
        except httpx.TransportError as failed:
            wrong = SuiteNotRun(f"{address} cannot be reached from here ({failed or type(failed).__name__})")
        except httpx.HTTPStatusError as failed:
            wrong = SuiteFailed(f"{address} is answered with HTTP {failed.response.status_code}")
        except (ValueError, KeyError, TypeError):
            wrong = SuiteFailed(f"{address} names no languages")
        if time.monotonic() > deadline:
            raise wrong
        time.sleep(1.0)


def log_of(spec: SuiteSpec, environment: str, logs: Path) -> Path:
    """Where a suite's output is kept."""
    return logs / f"{spec.name}-{environment}.log"


def run_smoke(environment: str, *, rehearsal: bool, logs: Path, machine: str = "") -> Suite:
    """The smoke suite; raises SuiteFailed when tests failed, SuiteNotRun when it says nothing, each with its log.

    With `machine` the API is asked of that one alone: another, that could not be taken out of traffic, may serve yet.
    """
    ran = run_suite(SMOKE, environment, rehearsal=rehearsal, logs=logs, machine=machine)
    if ran.outcome is Outcome.NOT_RUN:
        again = " ".join(["./dev pytest", *arguments_of(SMOKE, environment, rehearsal=rehearsal)])
        not_run = SuiteNotRun(
            f"smoke suite of {environment}: {ran.words}. This says nothing about the release. "
            f"To run the suite by itself: {again}",
            log=ran.log,
        )
        not_run.killed = ran.killed
        raise not_run
    if ran.outcome is Outcome.FAILED:
        why = f" ({ran.reason})" if ran.reason else ""
        raise SuiteFailed(f"smoke suite of {environment}: {ran.words}{why}", log=ran.log)
    return ran.suite


def prove(
    deployment: DeploymentInfo,
    pages: Mapping[str, Mapping[str, bytes]],
    site: str,
    *,
    rehearsal: bool,
    logs: Path,
    tell: Callable[[str], None],
    former: Mapping[str, bytes] | None = None,
) -> tuple[Evidence, Path | None]:
    """Run the integration suites against the environment that serves `deployment`, and compare its page at `site`.

    `pages` are the release's files, by environment and name; `former` are those of earlier releases that may be served
    beside them. Returns the evidence, and the log of the first suite that failed. Raises SuiteNotRun
    when a suite was not run and none failed before: then there is no evidence.
    """
    environment = deployment.environment
    ran: list[SuiteRun] = []
    log = logs / f"{PARITY}-{environment}.log"
    with httpx.Client(base_url=site, timeout=30) as served:
        ran.append(check_parity(pages, environment, served, log, former))
    tell(f"{ran[0].suite.name}: {ran[0].words} in {ran[0].suite.seconds:.1f} s")
    for spec in EVIDENCE:
        if ran[-1].outcome is Outcome.NOT_RUN:
            break
        ran.append(run_suite(spec, environment, rehearsal=rehearsal, logs=logs))
        tell(f"{spec.name}: {ran[-1].words} in {ran[-1].suite.seconds:.1f} s")
    failed = [run for run in ran if run.outcome is Outcome.FAILED]
    if ran[-1].outcome is Outcome.NOT_RUN and not failed:
        again = f"invoke verify --env {environment}{' --rehearsal' if rehearsal else ''}"
        raise SuiteNotRun(
            f"{ran[-1].suite.name} suite of {environment}: {ran[-1].words}. Nothing was recorded, and earlier evidence "
            f"stands. Run it again: {again}",
            log=ran[-1].log,
        )
    evidence = Evidence(
        environment=environment,
        commit_sha=deployment.commit_sha,
        image=deployment.image,
        frontend=deployment.frontend,
        at=datetime.now(UTC),
        by=who(),
        suites=tuple(run.suite for run in ran if run.outcome is not Outcome.NOT_RUN),
    )
    return evidence, failed[0].log if failed else None
