"""A deployer is killed at every boundary of a promotion and of a rollback; `resume` leaves one whole release serving.

By default at a few boundaries, spread over each; `nox -s kill` takes them all.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.deploy.test_pipeline import serves

FEW = 3
# Steps that a rollout has or has not, by how quick a machine is: "wait until … is healthy", begun and ended.
VARIABLE = 2


class Watcher:
    """Asks production all the time; remembers what it should never have said."""

    def __init__(self, root: str, known: set[str]) -> None:
        self._root, self._known = root, known
        self.wrong: list[str] = []
        self.asked = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Ask meanwhile."""
        self._thread.start()
        try:
            yield
        finally:
            self._done.set()
            self._thread.join()

    def _ask(self) -> None:
        while not self._done.wait(0.05):
            self.asked += 1
            try:
                answer = httpx.get(f"{self._root}version", timeout=10)
                sha = str(answer.json().get("sha")) if answer.is_success else f"status {answer.status_code}"
            except (httpx.HTTPError, ValueError) as failed:
                sha = repr(failed)
            if sha not in self._known:
                self.wrong.append(sha)


def killed(project: Any, counted: Path, deadly: int, *arguments: str) -> list[str]:
    """Run a verb that dies at a boundary (0: never), or ends when it has fewer; the boundaries it crossed."""
    counted.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
    environment["CODECANVAS_REHEARSAL_DIR"] = str(project.state)
    command = [sys.executable, "-m", "tests.deploy.killer", str(deadly), str(counted), *arguments]
    done = subprocess.run(command, cwd=project.place, env=environment, capture_output=True, text=True, check=False)
    crossed = counted.read_text().splitlines()
    assert done.returncode == (-signal.SIGKILL if len(crossed) == deadly else 0), done.stderr
    return crossed


def whole(project: Any, shas: set[str]) -> str:
    """Assert what must hold once a rollout was resumed; the commit that serves."""
    deadline = time.monotonic() + 30
    state = project.status()
    while any(machine["state"] in ("stopping", "suspending") for machine in state["production"]["kept"]):
        assert time.monotonic() < deadline, "a machine does not stop"
        time.sleep(0.2)
        state = project.status()
    production = state["production"]
    sha = str(production["commitSha"])
    assert sha in shas
    assert serves(state, "production", sha), production
    assert (production["lock"], production["rollout"]) == (None, None)
    assert len(production["machines"]) == 2
    assert all(machine["healthy"] for machine in production["machines"])
    assert all(machine["state"] in ("stopped", "suspended") for machine in production["kept"]), "an orphan runs"
    assert len(production["kept"]) <= 2
    events = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)
    recorded = Counter((event["id"], event["status"]) for event in events)
    assert set(recorded.values()) == {1}, "something was recorded twice"
    pending = {event["id"] for event in events if event["status"] == "pending"}
    assert pending == {event["id"] for event in events if event["status"] != "pending"}, "an outcome is missing"
    return sha


def arguments_of(verb: str, sha: str) -> tuple[str, ...]:
    """The verb that brings this release to production."""
    if verb == "promote":
        return ("promote", "--sha", sha, "--again", "--downgrade", "--reason", "killed before", "--rehearsal")
    return ("rollback", "--env", "production", "--to", sha, "--rehearsal")


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("verb", ["promote", "rollback"])
def test_killed_at_any_boundary_it_is_finished_or_taken_back(
    project: Any, first: str, second: str, verb: str, tmp_path: Path
) -> None:
    shas = {first, second}
    counted = tmp_path / "boundaries"
    serving = whole(project, shas)
    (other,) = shas - {serving}
    boundaries = killed(project, counted, 0, *arguments_of(verb, other))
    serving = whole(project, shas)
    assert serving == other
    deadly = range(1, len(boundaries) + 1)
    if os.environ.get("CODECANVAS_KILLS") != "all":
        deadly = range(len(boundaries) // (FEW + 1), len(boundaries) - VARIABLE, len(boundaries) // (FEW + 1))
    root = project.status()["production"]["urls"]["api"].removesuffix("api/v1/")
    watcher = Watcher(root, shas)
    with watcher.watching():
        for number in deadly:
            (other,) = shas - {serving}
            crossed = killed(project, counted, number, *arguments_of(verb, other))
            assert len(crossed) == number or number > len(crossed) >= len(boundaries) - VARIABLE, crossed
            project.invoke("resume", "--env", "production", "--rehearsal")
            serving = whole(project, shas)
            print(f"{verb}: killed at {number} of {len(boundaries)}, {crossed[-1]!r}: {serving[:12]} serves")
    assert watcher.wrong == [], f"{len(watcher.wrong)} of {watcher.asked} answers were wrong: {watcher.wrong[:5]}"
