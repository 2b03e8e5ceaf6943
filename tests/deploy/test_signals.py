"""Verbs that write are interrupted or killed at random times; one `resume` later a whole release serves, nobody blamed.

A handful of cases by default, `nox -s kill` makes 300. Each prints what it does; CODECANVAS_SIGNALS_SEED runs the same
ones again, as far as a machine's own pace allows.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.test_pipeline import serves
from tests.deploy.test_survival import Watcher, arguments_of, whole

FEW = 14
LIMIT = 2.0  # seconds from a signal that can be handled to the end of the verb
SLACK = 1.0  # of a busy machine


def to_process(number: int) -> Callable[[subprocess.Popen[str]], None]:
    """Send one signal to the verb alone."""
    return lambda verb: verb.send_signal(number)


def to_group(number: int) -> Callable[[subprocess.Popen[str]], None]:
    """Send it to the verb's process group, as a terminal does."""
    return lambda verb: os.killpg(verb.pid, number)


def as_ci(verb: subprocess.Popen[str]) -> None:
    """What a cancelled CI job gets: SIGINT, SIGTERM 7.5 s later, SIGKILL after 2.5 s more."""
    for number, patience in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5), (signal.SIGKILL, 0)):
        verb.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            verb.wait(patience)
            return


def twice(verb: subprocess.Popen[str]) -> None:
    """A person who presses Ctrl+C again."""
    for _ in range(3):
        verb.send_signal(signal.SIGINT)
        time.sleep(0.1)


WAYS: dict[str, tuple[int, Callable[[subprocess.Popen[str]], None]]] = {
    "SIGINT": (signal.SIGINT, to_process(signal.SIGINT)),
    "SIGINT to the group": (signal.SIGINT, to_group(signal.SIGINT)),
    "SIGTERM": (signal.SIGTERM, to_process(signal.SIGTERM)),
    "SIGTERM to the group": (signal.SIGTERM, to_group(signal.SIGTERM)),
    "SIGHUP": (signal.SIGHUP, to_process(signal.SIGHUP)),
    "CI's sequence": (signal.SIGINT, as_ci),
    "Ctrl+C, three times": (signal.SIGINT, twice),
    "SIGKILL": (signal.SIGKILL, to_process(signal.SIGKILL)),
    "SIGKILL to the group": (signal.SIGKILL, to_group(signal.SIGKILL)),
}

# Each verb that writes, how often it is chosen, and the seconds within which it is hit.
VERBS = {
    "promote": (5, 16.0),
    "rollback": (4, 10.0),
    "resume": (2, 8.0),
    "deploy": (2, 14.0),
    "verify": (1, 20.0),
    "approve": (1, 1.5),
    "freeze": (1, 1.5),
    "breaker": (1, 1.5),
    "tidy": (1, 2.0),
}


@dataclass(frozen=True)
class Case:
    """One verb, hit after `seconds` in one way."""

    verb: str
    way: str
    seconds: float


def cases(count: int, chance: random.Random) -> list[Case]:
    """Random ones; every verb and every way is among them as soon as there are enough."""
    names = list(VERBS)
    weights = [weight for weight, _ in VERBS.values()]
    verbs = [*names, *chance.choices(names, weights, k=count)][:count]
    ways = [name for _ in range(count // len(WAYS) + 1) for name in chance.sample(list(WAYS), len(WAYS))]
    chance.shuffle(verbs)
    return [Case(v, w, round(chance.uniform(0, VERBS[v][1]), 2)) for v, w in zip(verbs, ways, strict=False)]


class Shaken:
    """A project whose verbs are hit."""

    def __init__(self, project: Any, shas: set[str]) -> None:
        self.project, self.shas = project, shas
        self.slowest = 0.0

    def arguments(self, verb: str) -> tuple[str, ...]:
        """The verb as typed now."""
        state = self.project.status()
        (other,) = self.shas - {state["production"]["commitSha"]}
        staged = state["staging"]["commitSha"]
        unstaged = min(self.shas - {staged})  # at first staging may serve what another test left there
        return {
            "promote": arguments_of("promote", other),
            "rollback": arguments_of("rollback", other),
            "resume": ("resume", "--env", "production", "--rehearsal"),
            "deploy": ("deploy", "--env", "staging", "--sha", unstaged, "--rehearsal"),
            "verify": ("verify", "--env", "staging", "--rehearsal"),
            "approve": ("approve", "--sha", staged, "--yes", "all", "--rehearsal"),
            "freeze": ("freeze", "--until", "3d", "--reason", "shaken", "--rehearsal"),
            "breaker": ("breaker", "--reset", "--reason", "shaken", "--rehearsal"),
            "tidy": ("tidy", "--env", "production", "--rehearsal"),
        }[verb]

    def hit(self, case: Case) -> str:
        """Start the verb, hit it, and assert how it ends; how that was."""
        if case.verb == "resume":
            self.leave_half_way()
        environment = {key: value for key, value in os.environ.items() if "TOKEN" not in key}
        environment |= {"CODECANVAS_REHEARSAL_DIR": str(self.project.state), "CODECANVAS_PROGRESS": "text"}
        command = [sys.executable, "-m", "deploy.cli", *self.arguments(case.verb)]
        verb = subprocess.Popen(
            command, cwd=self.project.place, env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            verb.wait(case.seconds)
        number, send = WAYS[case.way]
        over = verb.poll() is not None
        # While the interpreter itself starts, a signal ends it, but nobody is there yet to write a line.
        started = over or handles_signals(verb.pid)
        begun = time.monotonic()
        if not over:
            send(verb)
        _, said = verb.communicate(timeout=60)
        took = time.monotonic() - begun
        assert "Traceback" not in said or not started, said
        if over:
            assert verb.returncode == 0, said
            return "had ended"
        if number != signal.SIGKILL and verb.returncode != 0:
            self.slowest = max(self.slowest, took)
            assert took < LIMIT + SLACK, said
            assert verb.returncode in ((128 + number,) if started else (128 + number, -number)), said
            lines = [line for line in said.splitlines() if line.startswith("interrupted: ")]
            assert len(lines) == 1 or not started, said
            return f"{took:.1f} s, {lines[0] if lines else 'no line'}"
        return f"{took:.1f} s, exit code {verb.returncode}"

    def leave_half_way(self) -> None:
        """A promotion that is killed in the middle."""
        self.hit(Case("promote", "SIGKILL", 6.0))

    def settle(self) -> str:
        """What a person does next, in both environments; the commit that serves production."""
        for environment in ("staging", "production"):
            self.project.invoke("resume", "--env", environment, "--rehearsal")
        return whole(self.project, self.shas)

    def failures(self) -> int:
        """Failed promotions in a row, as the breaker counts them."""
        return int(json.loads(self.project.invoke("breaker", "--rehearsal", "--json").stdout)["failures"])

    def rejected(self) -> set[str]:
        """Commits that production rejects."""
        remote = str(self.project.state / "remote.git")
        listed = self.project.git("--git-dir", remote, "ls-tree", "--name-only", "deployments/production", "rejected/")
        return {Path(name).stem for name in listed.split()}


def handles_signals(pid: int) -> bool:
    """Whether a process has a handler of its own for SIGTERM, as Python by itself has not."""
    caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def suites_of(state: Path) -> list[str]:
    """Suites that still run against the rehearsal in `state`."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if "tests/integration" in command and str(state).encode() in (place / "environ").read_bytes():
                found.append(command)
    return found


def gone(find: Callable[[], list[str]], seconds: float = 10) -> list[str]:
    """What `find` still finds after a while."""
    deadline = time.monotonic() + seconds
    while (found := find()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


@pytest.mark.timeout(14400)
def test_hit_at_any_time_a_whole_release_serves_and_nobody_is_blamed(project: Any, first: str, second: str) -> None:
    seed = int(os.environ.get("CODECANVAS_SIGNALS_SEED") or random.randrange(10**6))
    chosen = cases(int(os.environ.get("CODECANVAS_SIGNALS") or FEW), random.Random(seed))
    shaken = Shaken(project, {first, second})
    serving = shaken.settle()
    staged = {project.status()["staging"]["commitSha"], *shaken.shas}
    failures = shaken.failures()
    root = project.status()["production"]["urls"]["api"].removesuffix("api/v1/")
    watcher = Watcher(root, shaken.shas)
    print(f"CODECANVAS_SIGNALS_SEED={seed}")
    with watcher.watching():
        for number, case in enumerate(chosen, 1):
            innocent, before = shaken.rejected(), serving
            how = shaken.hit(case)
            serving = shaken.settle()
            print(f"{number} of {len(chosen)}: {case}: {how}; {serving[:12]} serves")
            # Going back is itself a verdict on what is left; nothing else here is.
            rolled_back = {before} if case.verb == "rollback" and serving != before else set()
            assert shaken.rejected() <= innocent | rolled_back
            state = project.status()
            assert serves(state, "staging", state["staging"]["commitSha"])
            assert state["staging"]["commitSha"] in staged
            assert (state["staging"]["lock"], state["staging"]["rollout"]) == (None, None)
            assert shaken.failures() <= failures
            assert gone(lambda: suites_of(project.state)) == []
            project.invoke("freeze", "--lift", "all", "--rehearsal")
    assert watcher.wrong == [], f"{len(watcher.wrong)} of {watcher.asked} answers were wrong: {watcher.wrong[:5]}"
    print(f"{len(chosen)} cases, {watcher.asked} answers, none wrong; slowest end {shaken.slowest:.1f} s")
