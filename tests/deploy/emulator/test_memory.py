"""The emulator's memory is bounded by what it emulates, not by what it has been through.

A few rollouts by default; CODECANVAS_ROLLOUTS=300 for an afternoon's worth (-s shows its memory as it goes).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import httpx
import pytest

from deploy.emulator.faults import FaultClient
from deploy.emulator.faults.history import History
from deploy.emulator.faults.rules import Rules, parse
from deploy.emulator.fly.rates import MOST_BUCKETS, Action, Buckets
from deploy.emulator.model import Machine, World
from deploy.emulator.pages.assets import Assets
from tests.deploy.emulator.support import Emulated, asset_name, emulator, is_healthy, machine_config, until
from tests.deploy.emulator.test_pages import Publisher

ROLLOUTS = int(os.environ.get("CODECANVAS_ROLLOUTS", "40"))
MACHINES = "/apps/runner-staging/machines"
GROWTH_KIB = 75 if ROLLOUTS < 100 else 15
"""What a rollout may add after the first third of them. Few do not yet fill what is kept: 50 deployments of a page, 20
machines that are gone. (Before anything was bounded it was 120, however many there were.)"""
FILES = 40


@pytest.fixture
def own(tmp_path: Path, docker_host: str, engine: docker.DockerClient, image: str) -> Iterator[Emulated]:
    """An emulator of this test's own."""
    with emulator(tmp_path / "emulator", docker_host, engine) as found:
        yield found


def memory(pid: int) -> int:
    """Resident memory of a process, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def roll_out(number: int, fly: httpx.Client, publisher: Publisher, faults: FaultClient, digest: str) -> None:
    """One release after another: a new machine, every look that a deployer takes, a page, and faults meanwhile."""
    if number % 20 == 0:
        faults.clear()  # it takes a hundred at most
    match = {"method": "GET", "path": "/machines$"}
    faults.add(
        {"kind": "stale_list", "match": match, "times": 2},
        {"kind": "error_before", "status": 503, "match": match, "skip": 2, "times": 1},
        {"kind": "flap", "times": 2},
    )
    # As large as a real one: its environment, and labels that differ from release to release.
    config = machine_config("runner-staging", digest, env={f"SETTING_{n}": "x" * 60 for n in range(40)})
    config["metadata"] = {"release": f"{number}"}
    made = fly.post(MACHINES, json={"config": config, "name": f"release-{number}"}).raise_for_status().json()["id"]
    assert until(lambda: is_healthy(fly.get(f"{MACHINES}/{made}").json()), 30)
    for _ in range(10):
        fly.get(MACHINES)
    machines = fly.get(MACHINES).raise_for_status().json()
    for old in machines:
        if old["id"] != made and old["state"] == "started":
            fly.post(f"{MACHINES}/{old['id']}/cordon").raise_for_status()
            fly.post(f"{MACHINES}/{old['id']}/suspend").raise_for_status()
            fly.get(f"{MACHINES}/{old['id']}/wait", params={"state": "suspended"})
        elif old["state"] == "suspended":
            fly.delete(f"{MACHINES}/{old['id']}", params={"force": "true"}).raise_for_status()
    publisher.publish({f"/assets/{n}.{number}.js": f"{number} {n}".encode() for n in range(FILES)})


def test_buckets_of_machines_that_are_gone_are_forgotten() -> None:
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    for number in range(3 * MOST_BUCKETS):
        now[0] += 1.0
        assert buckets.take(Action("POST machine/start", f"m{number}")) == 0
    assert len(buckets._left) <= MOST_BUCKETS + 1
    assert [buckets.take(Action("POST machine/start", "busy")) for _ in range(4)][-1] > 0  # one in use is not


def test_snapshots_share_the_machines_that_did_not_change() -> None:
    world, rules = World(), Rules()
    rules.add([parse({"kind": "stale_list", "times": 9})])
    history = History(world, rules)
    for name in ("still", "moving"):
        world.machines[name] = Machine(name, "app", name, "iad", "1", config={}, image={})
    history.note()
    world.machines["moving"].state = "started"
    history.note()
    (_, first), (_, second) = history._snapshots
    assert [one.state for one in first] == ["created", "created"]
    assert [one.state for one in second] == ["created", "started"]
    assert (first[0] is second[0], first[1] is second[1]) == (True, False)
    assert first[0] is not world.machines["still"]


def test_a_deployment_that_is_removed_takes_only_its_own_assets_along(tmp_path: Path) -> None:
    assets = Assets(tmp_path)
    contents = {"/own.js": b"own", "/a/shared.js": b"shared", "/waiting.js": b"waiting"}
    names = {path: asset_name(content, path) for path, content in contents.items()}
    for path, content in contents.items():
        (tmp_path / "assets" / names[path]).write_bytes(content)
    assets.assemble("old", {path: names[path] for path in ("/own.js", "/a/shared.js")})
    assets.assemble("new", {"/a/shared.js": names["/a/shared.js"]})
    assets.remove("old")
    assert assets.missing(list(names.values())) == [names["/own.js"]]
    assert (tmp_path / "deployments/new/a/shared.js").read_bytes() == b"shared"
    assert not (tmp_path / "deployments/old").exists()


@pytest.mark.timeout(3600)
def test_memory_stays_flat_however_many_rollouts_there_were(own: Emulated) -> None:
    digest, faults = own.push("staging", "runner-staging"), FaultClient(own.state)
    seen: list[int] = []
    publisher = Publisher(own)
    with own.fly("staging") as fly, publisher.pages:
        for number in range(ROLLOUTS):
            roll_out(number, fly, publisher, faults, digest)
            seen.append(memory(own.running.pid))
            if number % 10 == 9:
                print(f"{number + 1} rollouts: {seen[-1] / 1024:.1f} MiB", flush=True)
    warm = ROLLOUTS // 3
    grown = (seen[-1] - seen[warm]) / (ROLLOUTS - 1 - warm)
    assert grown < GROWTH_KIB, f"{grown:.0f} KiB a rollout: {[round(one / 1024, 1) for one in seen]} MiB"
