"""A machine's life through the Machines API, looked at from outside: the API, the edge, the engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import docker
import httpx
import pytest

from tests.deploy.emulator.support import Emulated, is_healthy, until

MACHINES = "/apps/runner-staging/machines"
HOST = "runner-staging.fly.dev"


@pytest.fixture
def fly(emulated: Emulated) -> Iterator[httpx.Client]:
    """The API as staging's token sees it."""
    with emulated.fly("staging") as client:
        yield client


@pytest.fixture(scope="module")
def machine(emulated: Emulated, staging: dict[str, Any]) -> str:
    """A healthy machine that the tests of this module share."""
    return str(emulated.serving("staging", staging, name="shared")["id"])


def containers(engine: docker.DockerClient, machine: str) -> list[Any]:
    """The machine's containers in the engine."""
    return list(engine.containers.list(all=True, filters={"label": f"codecanvas.machine={machine}"}))


def test_a_new_machine_runs_the_image_by_digest_and_serves_once_healthy(
    emulated: Emulated, staging: dict[str, Any]
) -> None:
    made = emulated.create("staging", {**staging, "env": {"GREETING": "hello"}})
    assert made["state"] in ("created", "starting")
    assert made["checks"] == []  # none is reported before one has given a result
    machine = until(lambda: is_healthy(found := emulated.look("staging", made["id"])) and found)
    assert machine, emulated.look("staging", made["id"])
    assert machine["image_ref"] == {
        "registry": "registry.fly.io",
        "repository": "runner-staging",
        "tag": "",
        "digest": staging["image"].partition("@")[2],
        "labels": {"purpose": "emulator-test"},
    }
    answer = until(lambda: (a := emulated.edge(HOST, "/cgi-bin/who")).status_code == 200 and a.json())
    assert answer["machine"] == made["id"]
    assert answer["version"] == made["instance_id"]
    assert answer["greeting"] == "hello"
    emulated.clear("staging")


def test_nothing_of_the_hosts_confines_a_machine(machine: str, engine: docker.DockerClient) -> None:
    [container] = containers(engine, machine)
    host = container.attrs["HostConfig"]
    assert "apparmor=unconfined" in host["SecurityOpt"]  # Docker's own profile forbids a sandbox's mounts
    assert (host["MaskedPaths"], host["ReadonlyPaths"]) == ([], [])
    assert (host["Privileged"], host["CapAdd"]) == (False, None)


def test_stop_and_start_keep_the_machine_and_its_version(
    fly: httpx.Client, machine: str, engine: docker.DockerClient, emulated: Emulated
) -> None:
    path = f"{MACHINES}/{machine}"
    version = fly.get(path).json()["instance_id"]
    assert fly.post(f"{path}/stop").json() == {"ok": True}
    assert fly.get(f"{path}/wait", params={"state": "stopped", "instance_id": version}).json()["ok"] is True
    assert [c.status for c in containers(engine, machine)] == ["exited"]
    stopped = fly.get(path).json()
    assert (stopped["state"], stopped["checks"]) == ("stopped", [])
    exit_event = stopped["events"][0]["request"]["exit_event"]
    assert exit_event["requested_stop"] is True
    assert exit_event["exit_code"] == 0  # SIGTERM reached it, and it had the time to end by itself
    assert fly.post(f"{path}/start").json() == {"previous_state": "stopped"}
    assert until(lambda: is_healthy(emulated.look("staging", machine)))
    assert fly.get(path).json()["instance_id"] == version


def test_suspend_freezes_and_start_goes_on(
    fly: httpx.Client, machine: str, engine: docker.DockerClient, emulated: Emulated
) -> None:
    path = f"{MACHINES}/{machine}"
    fly.post(f"{path}/exec", json={"command": ["/bin/touch", "/tmp/remembered"]})
    assert fly.post(f"{path}/suspend").status_code == 200
    assert fly.get(f"{path}/wait?state=suspended").status_code == 200
    assert [c.status for c in containers(engine, machine)] == ["paused"]
    assert fly.post(f"{path}/start").json() == {"previous_state": "suspended"}
    assert until(lambda: is_healthy(emulated.look("staging", machine)))
    found = fly.post(f"{path}/exec", json={"command": ["/bin/cat", "/tmp/remembered"]}).json()
    assert found["exit_code"] == 0


def test_restart_runs_the_same_container_anew(
    fly: httpx.Client, machine: str, engine: docker.DockerClient, emulated: Emulated
) -> None:
    before = containers(engine, machine)[0]
    assert fly.post(f"{MACHINES}/{machine}/restart").status_code == 200
    assert until(lambda: is_healthy(emulated.look("staging", machine)))
    after = containers(engine, machine)[0]
    assert after.id == before.id
    assert after.attrs["State"]["StartedAt"] > before.attrs["State"]["StartedAt"]


def test_update_replaces_the_version_and_refuses_a_stale_one(
    fly: httpx.Client, machine: str, staging: dict[str, Any], emulated: Emulated
) -> None:
    path, first = f"{MACHINES}/{machine}", emulated.look("staging", machine)["instance_id"]
    config = {**staging, "env": {"GREETING": "second"}}
    stale = fly.post(path, json={"config": config, "current_version": "01AAAAAAAAAAAAAAAAAAAAAAAA"})
    assert stale.status_code == 409
    assert emulated.look("staging", machine)["instance_id"] == first
    updated = fly.post(path, json={"config": config, "current_version": first}).json()
    second = updated["instance_id"]
    assert (updated["state"], second != first) == ("replacing", True)
    assert until(lambda: is_healthy(emulated.look("staging", machine)))
    assert emulated.edge(HOST, "/cgi-bin/who").json()["greeting"] == "second"
    assert [known["version"] for known in fly.get(f"{path}/versions").json()] == [first, second]
    # the old version is over, whatever the machine does now
    assert fly.get(f"{path}/wait", params={"state": "stopped", "instance_id": first}).status_code == 200


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("state=started&timeout=1", 200),
        ("state=started,failed&timeout=1", 200),
        ("state=settled&timeout=1", 200),
        ("state=suspended&timeout=1", 408),
        ("state=stopped&timeout=1", 400),
        ("state=started&timeout=0", 400),
        ("state=started&timeout=0.2", 400),
        ("state=started&timeout=61", 400),
        ("state=started&timeout=60", 200),
        ("state=running", 400),
        ("state=started&timeout=soon", 400),
        ("state=started&instance_id=01AAAAAAAAAAAAAAAAAAAAAAAA", 404),
    ],
)
def test_wait_answers(fly: httpx.Client, machine: str, query: str, status: int) -> None:
    answer = fly.get(f"{MACHINES}/{machine}/wait?{query}")
    assert answer.status_code == status, answer.text
    assert answer.json().get("ok") is True or set(answer.json()) == {"error", "status"}


def test_a_lease_keeps_others_from_changing_the_machine(fly: httpx.Client, machine: str) -> None:
    lease = f"{MACHINES}/{machine}/lease"
    taken = fly.post(lease, json={"ttl": 30, "description": "test"})
    assert taken.status_code == 201
    nonce = taken.json()["data"]["nonce"]
    mine = {"fly-machine-lease-nonce": nonce}
    assert fly.get(lease).json()["data"]["nonce"] == ""
    assert fly.post(lease, json={"ttl": 30}).status_code == 409
    for change in ("cordon", "stop", "restart", "suspend"):
        assert fly.post(f"{MACHINES}/{machine}/{change}").status_code == 409
    assert fly.delete(f"{MACHINES}/{machine}?force=true").status_code == 409
    assert fly.delete(lease).status_code == 409
    again = fly.post(lease, json={"ttl": 60}, headers=mine).json()["data"]
    assert again["nonce"] == nonce
    assert again["expires_at"] > taken.json()["data"]["expires_at"]
    assert fly.post(f"{MACHINES}/{machine}/uncordon", headers=mine).status_code == 200
    assert fly.delete(lease, headers=mine).status_code == 200
    assert fly.get(lease).status_code == 404
    assert fly.post(f"{MACHINES}/{machine}/uncordon").status_code == 200


def test_a_lease_ends_by_itself(fly: httpx.Client, machine: str) -> None:
    assert fly.post(f"{MACHINES}/{machine}/lease", json={"ttl": 1}).status_code == 201
    assert fly.post(f"{MACHINES}/{machine}/cordon").status_code == 409
    began = time.monotonic()
    assert until(lambda: fly.post(f"{MACHINES}/{machine}/uncordon").status_code == 200)
    assert time.monotonic() - began > 0.5


def test_metadata_is_read_and_written_by_key_and_whole(fly: httpx.Client, machine: str) -> None:
    path = f"{MACHINES}/{machine}/metadata"
    assert fly.post(f"{path}/release", json={"value": "r1"}).status_code == 204
    assert fly.get(f"{path}/release").json() == {"value": "r1"}
    version = fly.get(f"{MACHINES}/{machine}").json()["instance_id"]
    assert fly.patch(path, json={"metadata": {"a": "1"}, "machine_version": version}).status_code == 204
    assert fly.patch(path, json={"metadata": {"b": "2"}, "machine_version": "01OLD"}).status_code == 412
    assert fly.get(path).json() == {"release": "r1", "a": "1"}
    found = fly.get(MACHINES, params={"metadata.release": "r1"}).json()
    assert [one["id"] for one in found] == [machine]
    assert fly.get(MACHINES, params={"metadata.release": "r2"}).json() == []
    assert fly.delete(f"{path}/release").status_code == 204
    assert fly.get(f"{path}/release").status_code == 404
    assert fly.put(path, json={"metadata": {}}).status_code == 204
    assert fly.get(path).json() == {}


def test_exec_gives_a_command_its_input(fly: httpx.Client, machine: str) -> None:
    given = "a line\n" * 20_000
    done = fly.post(f"{MACHINES}/{machine}/exec", json={"command": ["/bin/cat"], "stdin": given}).json()
    assert (done["exit_code"], done["stdout"], done["stderr"]) == (0, given, "")


def test_lists_come_in_pages(fly: httpx.Client, machine: str, staging: dict[str, Any], emulated: Emulated) -> None:
    made = [emulated.create("staging", staging, skip_launch=True)["id"] for _ in range(4)]
    seen: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        page = fly.get(MACHINES, params=query)
        assert 0 < len(page.json()) <= 2
        seen += [one["id"] for one in page.json()]
        if "fly-next-cursor" not in page.headers:
            break
        query["cursor"] = page.headers["fly-next-cursor"]
    assert sorted(seen) == sorted([machine, *made])
    assert fly.get(MACHINES, params={"cursor": "???"}).status_code == 400
    assert fly.get(MACHINES, params={"limit": "0"}).status_code == 400
    for one in made:
        assert fly.delete(f"{MACHINES}/{one}").status_code == 200  # never launched: no force needed


def test_exec_tells_output_and_exit_code(fly: httpx.Client, machine: str) -> None:
    path = f"{MACHINES}/{machine}/exec"
    done = fly.post(path, json={"command": ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"]}).json()
    assert (done["exit_code"], done["stdout"], done["stderr"]) == (3, "out\n", "err\n")
    assert fly.post(path, json={"command": ["/bin/sleep", "20"], "timeout": 1}).status_code == 408


def test_a_cordoned_machine_is_sent_nothing(fly: httpx.Client, machine: str, emulated: Emulated) -> None:
    assert until(lambda: emulated.edge(HOST, "/healthz").status_code == 200)  # once it has passed its check
    assert fly.post(f"{MACHINES}/{machine}/cordon").status_code == 200
    assert until(lambda: emulated.edge(HOST, "/healthz").status_code == 503)
    assert is_healthy(emulated.look("staging", machine))
    assert fly.post(f"{MACHINES}/{machine}/uncordon").status_code == 200
    assert until(lambda: emulated.edge(HOST, "/healthz").status_code == 200)


def test_secrets_reach_new_versions_only_and_are_never_shown(
    fly: httpx.Client, machine: str, staging: dict[str, Any], emulated: Emulated
) -> None:
    secrets = "/apps/runner-staging/secrets"
    written = fly.post(secrets, json={"values": {"SECRET": "s3cret", "OTHER": "x"}}).json()
    assert written["Version"] >= 1
    assert "s3cret" not in fly.get(secrets).text
    assert emulated.edge(HOST, "/cgi-bin/who").json()["secret"] == ""
    body = {"config": staging, "min_secrets_version": written["Version"]}
    assert fly.post(f"{MACHINES}/{machine}", json={**body, "min_secrets_version": 99}).status_code == 400
    assert fly.post(f"{MACHINES}/{machine}", json=body).status_code == 200
    assert until(lambda: is_healthy(emulated.look("staging", machine)))
    assert emulated.edge(HOST, "/cgi-bin/who").json()["secret"] == "s3cret"
    removed = fly.post(secrets, json={"values": {"SECRET": None}}).json()
    assert removed["Version"] == written["Version"] + 1
    assert [one["name"] for one in fly.get(secrets).json()["secrets"]] == ["OTHER"]
    assert "s3cret" not in (emulated.state / "state.json").read_text()


def test_destroy_takes_a_running_machine_only_by_force(
    fly: httpx.Client, emulated: Emulated, staging: dict[str, Any], engine: docker.DockerClient
) -> None:
    machine = emulated.serving("staging", staging)["id"]
    assert fly.delete(f"{MACHINES}/{machine}").status_code == 412
    assert fly.delete(f"{MACHINES}/{machine}?force=true").status_code == 200
    assert fly.get(f"{MACHINES}/{machine}/wait?state=destroyed").status_code == 200
    assert containers(engine, machine) == []
    assert machine not in [one["id"] for one in fly.get(MACHINES).json()]
    everything = fly.get(MACHINES, params={"include_deleted": "true"}).json()
    assert {one["id"]: one["state"] for one in everything}[machine] == "destroyed"
    assert fly.post(f"{MACHINES}/{machine}/start").status_code == 404
