"""The engine's platform over the clients at the wire: what is found, what is refused, what is the release's fault."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deploy.platforms.errors import Conflict, NotFound, PlatformError
from deploy.release.rollout import platform as platform_module
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC
from deploy.release.rollout.platform import CloudPlatform, Report
from tests.unit.deploy.release.rollout.wired import IMAGE, RELEASE, Wire, machine


def test_a_machine_is_seen_with_the_key_it_was_made_with(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("GET", "/machines", 200, [machine()])
    (seen,) = platform.machines()
    assert (seen.launch, seen.number, seen.traffic, seen.healthy, seen.digest) == ("d1", 1, True, True, IMAGE)


@pytest.mark.parametrize("label", ["staging", ""])
def test_a_machine_of_another_environment_is_not_the_engines(wire: Wire, platform: CloudPlatform, label: str) -> None:
    wire.on("GET", "/machines", 200, [machine(**{ENVIRONMENT: label})])
    assert platform.machines() == []


def test_a_machine_whose_host_is_gone_is_seen_by_what_the_platform_still_knows(
    wire: Wire, platform: CloudPlatform
) -> None:
    body = machine()
    body |= {"config": None, "incomplete_config": body["config"], "host_status": "unreachable"}
    wire.on("GET", "/machines", 200, [body])
    (seen,) = platform.machines()
    assert (seen.launch, seen.traffic, seen.reachable) == ("d1", True, False)


@pytest.mark.parametrize(
    ("name", "launch", "number"),
    [
        ("production-d1-1", "d1", 1),
        ("production-20260101120000-0a1b2c-12-3", "20260101120000-0a1b2c", 12),
    ],
)
def test_a_machine_on_a_lost_host_without_labels_is_known_by_its_name(
    wire: Wire, platform: CloudPlatform, name: str, launch: str, number: int
) -> None:
    wire.on("GET", "/machines", 200, [{"id": "m1", "name": name, "host_status": "unreachable"}])
    (seen,) = platform.machines()
    assert (seen.launch, seen.number, seen.reachable, seen.healthy, seen.traffic) == (
        launch,
        number,
        False,
        False,
        False,
    )


def test_a_machines_name_says_nothing_while_its_host_answers(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("GET", "/machines", 200, [machine() | {"config": {"image": "by hand"}}])
    assert platform.machines() == []


@pytest.mark.parametrize(
    ("cordoned", "label", "traffic", "agrees"),
    [
        (None, "on", True, True),
        (None, "off", False, True),
        (False, "on", True, True),
        (True, "on", False, False),
        (False, "off", True, False),
        (True, "off", False, True),
    ],
)
def test_where_the_platform_says_what_is_cordoned_that_counts(
    wire: Wire, platform: CloudPlatform, cordoned: bool | None, label: str, traffic: bool, agrees: bool
) -> None:
    wire.on("GET", "/machines", 200, [machine(**{TRAFFIC: label}) | {"cordoned": cordoned}])
    (seen,) = platform.machines()
    assert (seen.traffic, seen.agrees) == (traffic, agrees)


@pytest.mark.parametrize("status", [200, 400, 404, 408, 412, 500])
def test_waiting_for_a_start_is_one_request_whose_failure_says_nothing(
    wire: Wire, platform: CloudPlatform, status: int
) -> None:
    wire.on("GET", "/wait", status, {"ok": True})
    wire.on("GET", "/machines/m1", 200, machine())
    platform.await_started("m1", 0.05)  # never looked at: nothing is known to wait for
    assert wire.sent == []
    assert platform.look("m1")
    platform.await_started("m1", 0.05)
    assert wire.sent[1][:2] == ("GET", "/v1/apps/runner/machines/m1/wait")


def event(kind: str, source: str = "flyd", **exit_event: Any) -> dict[str, Any]:
    return {"type": kind, "source": source, "status": "stopped", "request": {"exit_event": exit_event}}


def test_how_often_a_program_ended_is_counted_since_somebody_started_it(wire: Wire, platform: CloudPlatform) -> None:
    crash, asked = event("exit", exit_code=3), event("exit", exit_code=0, requested_stop=True)
    events = [crash, event("start"), asked, crash, event("start", "user"), crash, event("launch", "user")]
    wire.on("GET", "/machines", 200, [machine() | {"events": events}])
    assert [seen.exits for seen in platform.machines()] == [2]


def test_a_machine_at_fault_tells_how_it_ended_what_its_check_said_and_what_it_wrote(
    wire: Wire, platform: CloudPlatform
) -> None:
    body = machine() | {
        "events": [event("start"), event("exit", exit_code=137, oom_killed=True)],
        "checks": [{"name": "http", "status": "critical", "output": "503 no database"}],
    }
    wire.on("GET", "/m1", 200, body)
    lines = [{"type": "log", "attributes": {"timestamp": f"t{n}", "message": f"line {n}"}} for n in range(70)]
    wire.on("GET", "/logs", 200, {"data": lines, "meta": {"next_token": ""}})
    report = platform.report("m1")
    assert report.summary == (
        "machine m1: its program ended with exit code 137, killed for memory; check http is critical: 503 no database"
    )
    assert (len(report.lines), report.lines[-1]) == (50, "t69 line 69")


@pytest.mark.parametrize(("why", "exhausted"), [("insufficient memory available", True), ("bad entrypoint", False)])
def test_a_machine_that_found_no_host_is_told_apart(
    wire: Wire, platform: CloudPlatform, why: str, exhausted: bool
) -> None:
    failed = {"type": "launch_failed", "source": "flyd", "status": "failed", "request": {"error": why}}
    wire.on("GET", "/m1", 200, machine() | {"state": "failed", "checks": [], "events": [failed]})
    report = platform.report("m1")
    assert (report.summary, report.exhausted) == (f"machine m1: it could not be launched: {why}", exhausted)


def test_a_platform_without_logs_still_tells_the_rest(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("GET", "/m1", 200, machine() | {"events": [event("exit", exit_code=1)]})
    wire.on("GET", "/logs", 500, {"error": "no"})
    assert platform.report("m1") == Report("m1", "machine m1: its program ended with exit code 1", ())


def test_a_machine_is_made_out_of_traffic_with_its_labels_and_its_digest(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 200, machine())
    assert platform.create(RELEASE, {"region": "fra", "env": {"A": "b"}}, 1) == "m1"
    _, _, body = wire.sent[-1]
    assert (body["name"], body["region"], body["skip_service_registration"]) == ("production-d1-1", "fra", True)
    config = body["config"]
    assert config["image"] == f"localhost/runner@{IMAGE}"
    named = {"RUNNER_VERSION": RELEASE.version, "RUNNER_SHA": RELEASE.commit_sha, "RUNNER_IMAGE_DIGEST": IMAGE}
    assert config["env"] == {"A": "b", **named}
    assert {ENVIRONMENT: "production", LAUNCH: "d1", NUMBER: "1", TRAFFIC: "off"}.items() <= config["metadata"].items()


SPREAD = {"region": "fra", "regions": [{"region": "fra", "count": 1}, {"region": "iad", "count": 1}]}


@pytest.mark.parametrize(("number", "region"), [(1, "fra"), (2, "iad")])
def test_a_machine_is_made_in_the_region_of_its_number(
    wire: Wire, platform: CloudPlatform, number: int, region: str
) -> None:
    wire.on("POST", "/machines", 200, machine())
    platform.create(RELEASE, SPREAD, number)
    assert wire.sent[-1][2]["region"] == region
    assert "regions" not in wire.sent[-1][2]["config"]


def test_one_of_its_name_in_another_region_is_not_it(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 409, {"error": "unique machine name violation"})
    wire.on("GET", "/machines", 200, [machine() | {"region": "ams"}])
    with pytest.raises(PlatformError):
        platform.create(RELEASE, SPREAD, 1)
    assert creations(wire) == ["production-d1-1", "production-d1-1-2"]


def test_a_machine_that_was_made_already_is_found_by_its_name(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 409, {"error": "unique machine name violation"})
    wire.on("GET", "/machines", 200, [machine()])
    assert platform.create(RELEASE, {}, 1) == "m1"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (412, "insufficient resources available to fulfill request"),
        (422, "could not reserve resource for your machine: insufficient memory available"),
        (403, "organization personal has reached its maximum number of machines; the limit is 10"),
        (403, "Your organization has exceeded its machine quota"),
        (503, "no capacity in fra"),
        (402, "payment required"),
        (400, "no hosts available in region fra"),
    ],
)
def test_no_room_is_known_by_the_platforms_words(wire: Wire, platform: CloudPlatform, status: int, words: str) -> None:
    wire.on("POST", "/machines", status, {"error": words})
    with pytest.raises(PlatformError) as failed:
        platform.create(RELEASE, {}, 1)
    assert failed.value.exhausted


@pytest.mark.parametrize(
    "words", ["image not found", "app billing-quotas not found", "memory_mb 300 exceeds the maximum for shared-cpu-1x"]
)
def test_other_words_are_no_lack_of_room(wire: Wire, platform: CloudPlatform, words: str) -> None:
    wire.on("POST", "/machines", 422, {"error": words})
    with pytest.raises(PlatformError) as failed:
        platform.create(RELEASE, {}, 1)
    assert not failed.value.exhausted


def test_one_that_cannot_be_reached_is_replaced_under_another_name(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 200, machine())
    platform.create(RELEASE, {}, 1, avoid=frozenset({"m0"}))
    assert wire.sent[-1][2]["name"] == "production-d1-1-2"


def creations(wire: Wire) -> list[str]:
    return [body["name"] for method, path, body in wire.sent if (method, path[-9:]) == ("POST", "/machines")]


def test_the_name_of_one_on_a_lost_host_is_left_to_it(wire: Wire, platform: CloudPlatform) -> None:
    lost = {"id": "m0", "name": "production-d1-1", "host_status": "unreachable"}
    wire.on("GET", "/machines", 200, [lost])
    taken = [httpx.Response(409, json={"error": "unique machine name violation"}), httpx.Response(200, json=machine())]
    wire.answers["POST", "/machines"] = lambda _: taken.pop(0)
    assert platform.create(RELEASE, {}, 1) == "m1"
    assert creations(wire) == ["production-d1-1", "production-d1-1-2"]


def test_lost_machines_of_other_places_do_not_change_a_name(wire: Wire, platform: CloudPlatform) -> None:
    names = {"m7": "production-d0-1", "m8": "production-d1-2", "m9": "production-d1-1"}
    wire.on("GET", "/machines", 200, [machine() | {"id": id_, "name": name} for id_, name in names.items()])
    wire.on("POST", "/machines", 200, machine())
    platform.machines()
    platform.create(RELEASE, {}, 1, avoid=frozenset(names))
    assert creations(wire) == ["production-d1-1-2"]


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("status", [408, 500, 504])
def test_a_creation_without_an_answer_is_looked_for_before_it_is_made_again(
    wire: Wire, platform: CloudPlatform, status: int, took_effect: bool
) -> None:
    wire.on("POST", "/machines", status, {"error": "deadline exceeded"})
    with pytest.raises(PlatformError):
        platform.create(RELEASE, {}, 1)
    wire.on("GET", "/machines", 200, [machine()] if took_effect else [])
    wire.on("POST", "/machines", 200, machine() | {"id": "m2"})
    assert platform.create(RELEASE, {}, 1) == ("m1" if took_effect else "m2")
    assert len(creations(wire)) == (1 if took_effect else 2)


def test_a_name_that_is_taken_by_what_no_list_shows_yet_is_tried_again(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 409, {"error": "unique machine name violation"})
    wire.on("GET", "/machines", 200, [])
    with pytest.raises(Conflict):
        platform.create(RELEASE, {}, 1)


def test_one_just_created_is_there_although_nobody_finds_it(
    wire: Wire, platform: CloudPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire.on("POST", "/machines", 200, {"id": "m1", "state": "created"})
    platform.create(RELEASE, {}, 1)
    wire.on("GET", "/m1", 404, {"error": "machine not found"})
    seen = platform.look("m1")
    assert seen is not None
    assert (seen.launch, seen.number, seen.healthy, seen.reachable, seen.failed) == ("d1", 1, False, True, False)
    wire.on("POST", "/lease", 404, {"error": "machine not found"})
    wire.on("GET", "/machines", 200, [])
    with pytest.raises(NotFound):  # to be tried again: it must not be left behind
        platform.destroy("m1")
    monkeypatch.setattr(platform_module, "SETTLING", 0.0)
    assert platform.look("m1") is None
    platform.destroy("m1")


def test_one_that_is_listed_is_not_gone_because_it_is_not_found(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/lease", 404, {"error": "machine not found"})
    wire.on("GET", "/machines", 200, [machine()])
    with pytest.raises(NotFound):
        platform.destroy("m1")
    wire.on("GET", "/machines", 200, [machine() | {"state": "destroyed"}])
    platform.destroy("m1")


def test_no_room_is_not_the_releases_fault(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/machines", 422, {"error": "no room in fra", "status": "insufficient_capacity"})
    with pytest.raises(PlatformError, match="no room in fra") as failed:
        platform.create(RELEASE, {}, 1)
    assert failed.value.exhausted


def test_traffic_is_changed_under_the_machines_lease_and_noted(wire: Wire, platform: CloudPlatform) -> None:
    platform.withdraw("m1")
    done = [(method, path.rpartition("m1")[2]) for method, path, _ in wire.sent]
    assert done == [
        ("POST", "/lease"),
        ("POST", "/cordon"),
        ("POST", f"/metadata/{TRAFFIC}"),
        ("DELETE", "/lease"),
    ]
    assert wire.sent[2][2] == {"value": "off"}


IDLE = "codecanvas_runs_in_flight 0.0\ncodecanvas_queue_depth 0.0\n"


@pytest.mark.parametrize(
    ("exit_code", "metrics", "status", "verbs"),
    [
        (0, IDLE, 200, ["exec", "suspend"]),
        (0, IDLE, 412, ["exec", "suspend", "stop"]),
        (0, IDLE.replace("flight 0", "flight 1"), 200, ["exec", "stop"]),
        (0, "", 200, ["exec", "stop"]),
        (127, IDLE, 200, ["exec", "stop"]),
    ],
)
def test_a_machine_is_suspended_when_it_has_nothing_to_do_and_else_stopped(
    wire: Wire, platform: CloudPlatform, exit_code: int, metrics: str, status: int, verbs: list[str]
) -> None:
    wire.on("POST", "/exec", 200, {"exit_code": exit_code, "stdout": metrics, "stderr": ""})
    wire.on("POST", "/suspend", status, {"error": "memory is above 2 GB"})
    platform.rest("m1")
    done = [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"]
    assert [verb for verb in done if verb != "lease"] == verbs


def test_a_machine_that_sleeps_already_is_not_stopped(wire: Wire, platform: CloudPlatform) -> None:
    wire.on("POST", "/exec", 412, {"error": "machine is suspended"})
    wire.on("GET", "/m1", 200, machine() | {"state": "suspended"})
    platform.rest("m1")
    assert [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"] == ["lease", "exec"]
