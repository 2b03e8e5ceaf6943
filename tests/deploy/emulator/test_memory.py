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
from tests.deploy.emulator.support import Emulated, emulator, is_healthy, machine_config, until
from tests.deploy.emulator.test_pages import Publisher

ROLLOUTS = int(os.environ.get("CODECANVAS_ROLLOUTS", "24"))
MACHINES = "/apps/runner-staging/machines"
GROWTH_KIB = 40
"""What a rollout may add once the emulator is warm: less than a tenth of what it once did."""
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
