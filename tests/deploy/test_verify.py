"""`verify` on a real rehearsal: again and again on the same machines, ended half-way, and while the release changes."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)  # it may have to rehearse first
# The suites without those that measure, which take half of the time and keep no state that a second run could meet.
PARTLY = """
import sys
from pathlib import Path
from deploy.verification.catalogue import EVIDENCE, SMOKE
from deploy.verification.suites import run_suite
for spec in (EVIDENCE[0], SMOKE):
    ran = run_suite(spec, "staging", rehearsal=True, logs=Path(sys.argv[1]))
    print(spec.name, ran.words)
    if ran.outcome != "passed":
        sys.exit(f"{ran.log.read_text()[-3000:]}")
"""


def environment(project: Any) -> dict[str, str]:
    """The process environment of a verb."""
    kept = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    return {**kept, "CODECANVAS_REHEARSAL_DIR": str(project.state)}


def evidence(project: Any) -> str:
    """Everything that is proven in staging's ledger, as git names it."""
    ledger = ["git", "--git-dir", str(project.state / "remote.git")]
    listed = [*ledger, "ls-tree", "-r", "deployments/staging", "evidence/"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout


@contextlib.contextmanager
def verifying(project: Any) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A verify whose suite is at work: the verb, and the pid of its pytest."""
    verb = subprocess.Popen(
        [sys.executable, "-m", "deploy.cli", "verify", "--rehearsal"],
        cwd=project.place, env=environment(project), stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    log = project.state / "logs" / "integration-staging.log"
    log.unlink(missing_ok=True)
    try:
        deadline = time.monotonic() + 120
        while not (log.exists() and "[ " in log.read_text()):  # the first line of dots is written
            assert verb.poll() is None, verb.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        children = Path(f"/proc/{verb.pid}/task/{verb.pid}/children").read_text().split()
        runs = [pid for pid in children if b"deploy.verification.recorder" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        assert len(runs) == 1
        yield verb, int(runs[0])
    finally:
        verb.kill()
        verb.communicate()


@pytest.fixture(scope="module")
def served(project: Any) -> str:
    """A commit that staging serves, with evidence in the ledger."""
    sha = str(project.commit("To be verified again and again"))
    project.invoke("rehearse", "--up")
    project.invoke("build", "--env", "staging", "--languages", "core")
    project.invoke("deploy", "--env", "staging", "--rehearsal")
    project.invoke("verify", "--rehearsal")
    return sha


def test_suites_pass_again_and_again_on_the_same_machines(project: Any, served: str) -> None:
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PARTLY, str(project.state / "logs")],
            cwd=project.place, env=environment(project), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_suite_that_is_ended_half_way_leaves_the_evidence_as_it_was(
    project: Any, served: str, number: signal.Signals
) -> None:
    before = evidence(project)
    with verifying(project) as (verb, pytest_pid):
        os.kill(pytest_pid, number)
        _, said = verb.communicate(timeout=60)
    assert verb.returncode == 1
    assert "integration suite of staging: not run: pytest was" in said
    assert "Run it again: invoke verify --env staging --rehearsal" in said
    assert evidence(project) == before


def test_an_interrupted_verify_takes_its_suite_with_it(project: Any, served: str) -> None:
    before = evidence(project)
    with verifying(project) as (verb, pytest_pid):
        verb.send_signal(signal.SIGINT)
        verb.communicate(timeout=60)
    assert verb.returncode == 130
    assert not Path(f"/proc/{pytest_pid}").exists()
    assert evidence(project) == before


def test_a_release_that_changes_meanwhile_is_not_proven(project: Any, served: str) -> None:
    before = evidence(project)
    with verifying(project) as (verb, _):
        project.invoke("deploy", "--env", "staging", "--sha", served, "--rehearsal")
        _, said = verb.communicate(timeout=300)
    assert verb.returncode == 1
    assert evidence(project) == before
    assert "Run it again: invoke verify --env staging --rehearsal" in said


def test_what_is_proven_after_all_that_may_be_promoted(project: Any, served: str) -> None:
    proven = json.loads(project.invoke("verify", "--rehearsal", "--json").stdout)
    assert (proven["ok"], proven["commitSha"]) == (True, served)
    assert {suite["name"] for suite in proven["suites"]} == {"parity", "integration", "load"}
