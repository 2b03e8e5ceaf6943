"""The pipeline keeps its word when things go wrong: on real machines, with faults of the platform and killed verbs.

Each test begins and ends with one whole release in production (`whole`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.emulator.faults import FaultClient
from tests.deploy.test_survival import arguments_of, killed, whole

pytestmark = pytest.mark.timeout(1800)
FULL = {
    "kind": "error_before",
    "status": 412,
    "times": None,
    "text": "insufficient resources available to fulfill request",
    "match": {"method": "POST", "path": "/machines$"},
}
HEAD = "from __future__ import annotations\n"
EXITS = 'import sys\nprint("no database at db.internal", file=sys.stderr)\nraise SystemExit(3)\n'


@pytest.fixture
def faults(project: Any, second: str) -> Iterator[FaultClient]:
    client = FaultClient(project.state)
    yield client
    client.clear()


def outcomes(project: Any, environment: str = "production") -> list[tuple[str, str]]:
    """Status and commit of each event, newest first."""
    events = json.loads(project.invoke("history", "--env", environment, "--rehearsal", "--json").stdout)
    return [(event["status"], event["commitSha"]) for event in events]


def fly(project: Any, environment: str = "production") -> httpx.Client:
    """The emulated Machines API, as the environment's token may use it."""
    tokens = json.loads((project.state / "tokens.json").read_text())[environment]
    address = json.loads((project.state / "emulator.json").read_text())["fly_api"]
    app = "runner" if environment == "production" else "runner-staging"
    headers = {"Authorization": f"Bearer {tokens['FLY_API_TOKEN']}"}
    return httpx.Client(base_url=f"{address}/v1/apps/{app}", headers=headers, timeout=60)


def half_way(project: Any, tmp_path: Path, other: str, until: str) -> None:
    """Kill a promotion of `other` at the first boundary whose name begins so."""
    crossed = killed(project, tmp_path / "boundaries", 0, *arguments_of("promote", other))
    deadly = next(number for number, name in enumerate(crossed, 1) if name.startswith(until))
    project.invoke("rollback", "--env", "production", "--rehearsal")
    killed(project, tmp_path / "boundaries", deadly, *arguments_of("promote", other))
    assert project.status()["production"]["rollout"]["direction"] == "forward"


@pytest.mark.parametrize("until", ["step.ended create machine", "step.begun smoke suite"])
def test_a_rollback_of_what_is_half_way_is_one_step_back(
    project: Any, first: str, second: str, until: str, tmp_path: Path
) -> None:
    serving = whole(project, {first, second})
    (other,) = {first, second} - {serving}
    half_way(project, tmp_path, other, until)
    before = len(outcomes(project))
    begun = time.monotonic()
    told = project.invoke("rollback", "--env", "production", "--rehearsal")
    print(f"rolled back after {until}: {time.monotonic() - begun:.1f} s")
    assert "it is rolled back now, which is the rollback asked for" in told.stderr + told.stdout
    assert whole(project, {first, second}) == serving
    assert outcomes(project)[: len(outcomes(project)) - before] == [("rolled-back", other)]


def test_a_rollback_needs_no_room(project: Any, first: str, second: str, faults: FaultClient, tmp_path: Path) -> None:
    serving = whole(project, {first, second})
    (other,) = {first, second} - {serving}
    half_way(project, tmp_path, other, "step.ended send requests to")
    faults.add(FULL)
    begun = time.monotonic()
    project.invoke("rollback", "--env", "production", "--rehearsal")
    assert time.monotonic() - begun < 120
    assert whole(project, {first, second}) == serving
    (other,) = {first, second} - {serving}
    told = project.invoke(*arguments_of("promote", other), code=1)
    assert "insufficient resources" in told.stderr
    assert "rejected" not in {gate["name"] for gate in closed(project, other) if "insufficient" in gate["reason"]}
    assert whole(project, {first, second}) == serving


def closed(project: Any, sha: str) -> list[dict[str, Any]]:
    """The closed gates of a promotion."""
    done = json.loads(project.invoke(*arguments_of("promote", sha), "--plan", "--json").stdout)
    return [gate for gate in done["gates"] if not gate["ok"]]


def test_machines_that_the_ledger_does_not_know_are_not_touched(project: Any, first: str, second: str) -> None:
    serving = whole(project, {first, second})
    machines = [machine["id"] for machine in project.status()["production"]["machines"]]
    ledger, away = project.state / "remote.git", project.state / "remote-away.git"
    work, work_away = project.state / "ledger.git", project.state / "ledger-away.git"
    ledger.rename(away)
    work.rename(work_away)
    try:
        subprocess.run(["git", "init", "--quiet", "--bare", str(ledger)], check=True)
        (other,) = {first, second} - {serving}
        refused = project.invoke(*arguments_of("promote", other), code=1)
        assert "does not know; nothing was changed" in refused.stderr
        assert all(id_ in refused.stderr for id_ in machines)
        assert f"invoke machines --env production --adopt {machines[0]} --rehearsal" in refused.stderr
        with fly(project) as api:
            there = {machine["id"]: machine["state"] for machine in api.get("/machines").json()}
        assert all(there[id_] == "started" for id_ in machines)
        adopted = project.invoke("machines", "--env", "production", "--adopt", machines[0], "--rehearsal")
        assert "now belongs to" in adopted.stdout + adopted.stderr
        state = project.status()["production"]
        assert (state["commitSha"], state["agree"], state["strangers"]) == (serving, True, state["strangers"])
        assert sorted(machine["id"] for machine in state["machines"]) == sorted(machines)
    finally:
        for made in (ledger, work):
            shutil.rmtree(made, ignore_errors=True)
        away.rename(ledger)
        work_away.rename(work)
    assert whole(project, {first, second}) == serving


def test_an_old_machine_whose_host_is_gone_is_left_once_the_new_ones_serve(
    project: Any, first: str, second: str, faults: FaultClient
) -> None:
    serving = whole(project, {first, second})
    (other,) = {first, second} - {serving}
    lost = project.status()["production"]["machines"][0]["id"]
    path = f"/machines/{lost}(/|$)"
    faults.add({"kind": "error_before", "status": 503, "times": None, "match": {"path": path}})
    begun = time.monotonic()
    project.invoke(*arguments_of("promote", other))
    print(f"went on without a host: {time.monotonic() - begun:.1f} s")
    state = project.status()["production"]
    assert state["commitSha"] == other
    newest = json.loads(project.invoke("history", "--env", "production", "--rehearsal", "--json").stdout)[0]
    assert f"machine {lost} was left as it is" in " ".join(newest["notes"])
    assert f"machine {lost} is in traffic and runs" in " ".join(state["problems"])
    faults.clear()
    project.invoke("repair", "--env", "production", "--rehearsal")
    assert whole(project, {first, second}) == other


def test_machines_stopped_by_hand_are_repaired(project: Any, first: str, second: str) -> None:
    serving = whole(project, {first, second})
    with fly(project) as api:
        for machine in project.status()["production"]["machines"]:
            api.post(f"/machines/{machine['id']}/stop", json={}).raise_for_status()
    deadline = time.monotonic() + 60
    while any(machine["state"] != "stopped" for machine in project.status()["production"]["machines"]):
        assert time.monotonic() < deadline
    problems = " ".join(project.status()["production"]["problems"])
    assert "invoke repair --env production --rehearsal" in problems
    project.invoke("repair", "--env", "production", "--rehearsal")
    assert whole(project, {first, second}) == serving


def test_a_machine_without_a_label_stops_no_rollback_and_can_be_let_be(project: Any, first: str, second: str) -> None:
    serving = whole(project, {first, second})
    (other,) = {first, second} - {serving}
    with fly(project) as api:
        there = api.get("/machines").json()
        config = {"image": there[0]["config"]["image"], "guest": {"memory_mb": 256}}
        made = api.post("/machines", json={"name": "by-hand", "region": "fra", "config": config}).json()["id"]
        api.get(f"/machines/{made}/wait", params={"state": "started"}).raise_for_status()
    try:
        refused = project.invoke(*arguments_of("promote", other), code=1)
        assert made in refused.stderr
        project.invoke(*arguments_of("rollback", other))
        assert whole(project, {first, second}) == other
        project.invoke("machines", "--env", "production", "--ignore", made, "--rehearsal")
        project.invoke(*arguments_of("promote", serving))
        assert whole(project, {first, second}) == serving
    finally:
        with fly(project) as api:
            api.delete(f"/machines/{made}", params={"force": "true"})


def test_a_service_that_exits_at_once_is_reported_in_seconds_with_its_last_output(
    project: Any, first: str, second: str
) -> None:
    project.commit("Exit at once", ("backend/runner/__main__.py", HEAD, HEAD + EXITS))
    try:
        project.invoke("build", "--env", "staging", "--languages", "core")
        begun = time.monotonic()
        failed = project.invoke("deploy", "--env", "staging", "--rehearsal", code=1)
        print(f"told after {time.monotonic() - begun:.1f} s, with push and start")
        assert "ended with exit code 3" in failed.stderr
        assert "no database at db.internal" in failed.stderr
    finally:
        project.git("revert", "--no-edit", "HEAD")


def test_a_release_taken_back_by_hand_is_not_blamed(project: Any, first: str, second: str, tmp_path: Path) -> None:
    serving = whole(project, {first, second})
    (other,) = {first, second} - {serving}
    half_way(project, tmp_path, other, "step.ended send requests to")
    project.invoke("resume", "--env", "production", "--back", "--rehearsal")
    assert whole(project, {first, second}) == serving
    assert project.status()["production"]["breaker"]["state"] == "closed"
