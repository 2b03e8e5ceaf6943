"""What a release is asked: which run of the suite writes where, and what a suite that was not run means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deploy.errors import SuiteNotRun, Unfinished
from deploy.ledger import Ledger, Suite
from deploy.release.rollout import checks
from deploy.release.rollout.checks import RealChecks
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Tokens
from deploy.target import Target, cloud_addresses
from tests.unit.deploy.release.rollout.test_trouble import BACK, PROMOTE


@pytest.fixture
def asked(tmp_path: Path) -> RealChecks:
    ledger = Ledger(tmp_path, "production", None)
    target = Target(load_environment("production"), cloud_addresses({}), Tokens("production", {}), ledger, True)
    return RealChecks(target, tmp_path / "logs")


def test_the_suite_against_the_release_before_keeps_the_log_of_the_one_that_failed(
    asked: RealChecks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def run_smoke(name: str, **more: Any) -> Suite:
        places.append(more["logs"])
        return Suite("smoke", 9, 0, 1.0)

    monkeypatch.setattr(checks, "run_smoke", run_smoke)
    assert asked.smoke(PROMOTE) == asked.smoke(BACK) == "smoke suite: 9 checks passed"
    assert places == [tmp_path / "logs", tmp_path / "logs/before"]


@pytest.mark.parametrize(("killed", "error"), [(True, Unfinished), (False, SuiteNotRun)])
def test_a_suite_that_was_killed_stops_the_run_and_one_that_could_not_run_is_no_verdict(
    asked: RealChecks, monkeypatch: pytest.MonkeyPatch, killed: bool, error: type[Exception]
) -> None:
    def run_smoke(name: str, **more: Any) -> Suite:
        failed = SuiteNotRun("pytest was ended by SIGKILL")
        failed.killed = killed
        raise failed

    monkeypatch.setattr(checks, "run_smoke", run_smoke)
    with pytest.raises(error, match="pytest was ended by SIGKILL"):
        asked.smoke(PROMOTE)
