"""The engine's platform over the clients at the wire: what is found, what is refused, what is the release's fault."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.platforms.errors import Conflict, NotFound, PlatformError
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.rollout import platform as platform_module
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC
from deploy.release.rollout.platform import CloudPlatform, Report
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target

IMAGE, PAGE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
RELEASE = DeploymentInfo(
    "d1", "production", "0.1.0+aaaa", "a" * 40, datetime.now(UTC), "me", Status.PENDING, IMAGE, PAGE, launch="d1"
)
HASTE = Patience(attempts=1)


class Wire:
    """Answers requests by method and the end of the path; remembers what was sent."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Callable[[httpx.Request], httpx.Response]] = {}
        self.sent: list[tuple[str, str, Any]] = []

    def on(self, method: str, end: str, status: int, body: Any) -> None:
        self.answers[method, end] = lambda _: httpx.Response(status, json=body)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content[:1] == b"{" else None
        self.sent.append((request.method, request.url.path, body))
        for (method, end), answer in self.answers.items():
            if request.method == method and request.url.path.endswith(end):
                return answer(request)
        return httpx.Response(200, json={"status": "success", "data": {"nonce": "n"}})


def machine(**labels: str) -> dict[str, Any]:
    metadata = {ENVIRONMENT: "production", LAUNCH: "d1", NUMBER: "1", TRAFFIC: "on", **labels}
    checks = [{"name": "c", "status": "passing"}]
    image = {"digest": IMAGE}
    return {
        "id": "m1", "name": "production-d1-1", "state": "started", "config": {"metadata": metadata},
        "checks": checks, "image_ref": image,
    }  # fmt: skip


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def platform(wire: Wire, tmp_path: Any) -> CloudPlatform:
    transport, secret = httpx.MockTransport(wire), Secret("t")
    fly = FlyClient("http://fly", "runner", secret, patience=HASTE, transport=transport)
    pages = PagesClient("http://cf", secret, "site", secret, patience=HASTE, transport=transport)
    registry = RegistryClient("localhost", "runner", secret, patience=HASTE, transport=transport)
    addresses = Addresses("http://fly", "http://cf", "localhost")
    config = load_environment("production")
    target = Target(config, addresses, Tokens("production", {}), Ledger(tmp_path, "production", None), rehearsal=False)
    return CloudPlatform(target, fly, pages, registry)


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


def published(message: str, status: str = "success") -> dict[str, Any]:
    stage = {"name": "deploy", "status": status}
    return {"id": "p1", "latest_stage": stage, "deployment_trigger": {"metadata": {"commit_message": message}}}


def test_the_page_is_known_by_the_version_and_the_digest_in_its_message(wire: Wire, platform: CloudPlatform) -> None:
    project: dict[str, Any] = {"canonical_deployment": published(f"codecanvas {RELEASE.page}")}
    wire.on("GET", "/site", 200, {"success": True, "result": project})
    assert platform.page() == RELEASE.page
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": published("by hand")}})
    assert platform.page() == ""
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": None}})
    assert platform.page() == ""


def test_a_page_that_was_published_before_is_brought_back_at_once(wire: Wire, platform: CloudPlatform) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [published("other"), earlier]})
    wire.on("POST", "/p1/rollback", 200, {"success": True, "result": earlier})
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": earlier}})
    platform.publish(RELEASE)
    assert [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"] == ["rollback"]


def test_the_same_files_of_another_commit_are_published_under_this_ones_name(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]]
) -> None:
    other = published(f"codecanvas 0.0.9+bbbb {PAGE}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [other]})
    platform.publish(RELEASE)
    assert "rollback" not in [path.rpartition("/")[2] for _, path, _ in wire.sent]
    (files,) = pages_by_digest
    assert f'"version":"{RELEASE.version}"'.encode() in files["config.js"]


def test_where_going_back_is_refused_the_page_is_published_anew(
    wire: Wire, platform: CloudPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [earlier]})
    wire.on("POST", "/p1/rollback", 400, {"success": False, "errors": [{"message": "not a production deployment"}]})
    monkeypatch.setattr("deploy.release.rollout.platform.read_page", lambda *_: {})
    monkeypatch.setattr("deploy.release.rollout.platform.site_files", lambda *_: {"index.html": b"x"})
    sent: list[str] = []
    monkeypatch.setattr(PagesClient, "publish", lambda self, files, **more: sent.append(more["message"]))
    platform.publish(RELEASE)
    assert sent == [f"codecanvas 0.1.0+aaaa {PAGE}"]


EARLIER = ["sha256:" + "8" * 64, "sha256:" + "9" * 64]


@pytest.fixture(
    params=[PlatformError("read the page", 404, "no such manifest"), KeyError("layers"), tarfile.ReadError("no tar")],
    ids=["gone", "odd", "damaged"],
)
def pages_by_digest(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, platform: CloudPlatform
) -> list[dict[str, bytes]]:
    """A registry of three pages, of which the oldest cannot be read; returns what is published."""
    config = b'globalThis.CODECANVAS_CONFIG = {"environments":{"production":{"url":"https://p/"}}};\n'

    def read(_: RegistryClient, digest: str) -> dict[str, bytes]:
        if digest == EARLIER[1]:
            raise request.param
        name = f"site/assets/main.{digest[-10:]}.js"
        return {name: digest.encode(), "site/index.html": digest.encode(), "config/production/config.js": config}

    monkeypatch.setattr("deploy.release.rollout.platform.read_page", read)
    sent: list[dict[str, bytes]] = []
    monkeypatch.setattr(PagesClient, "publish", lambda self, files, **more: sent.append(files))
    platform._former = lambda release: [EARLIER[1], EARLIER[0]] if release is RELEASE else []
    return sent


OPEN = {f"assets/main.{PAGE[-10:]}.js", f"assets/main.{EARLIER[0][-10:]}.js", "index.html", "config.js"}


def test_a_page_is_published_with_what_is_loaded_by_those_who_have_an_earlier_one_open(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]]
) -> None:
    wire.on("GET", "/deployments", 200, {"success": True, "result": []})
    platform.publish(RELEASE)
    (files,) = pages_by_digest
    assert set(files) == OPEN
    assert files["index.html"] == PAGE.encode()


def test_a_page_that_is_brought_back_serves_at_once_and_then_with_what_came_after_it(
    wire: Wire, platform: CloudPlatform, pages_by_digest: list[dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = published(f"codecanvas {RELEASE.page}")
    wire.on("GET", "/deployments", 200, {"success": True, "result": [earlier]})
    wire.on("POST", "/p1/rollback", 200, {"success": True, "result": earlier})
    wire.on("GET", "/site", 200, {"success": True, "result": {"canonical_deployment": earlier}})
    known, served_by_then = platform._former, []

    def asked(release: DeploymentInfo) -> Sequence[str]:
        served_by_then.append([path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"])
        return known(release)

    platform._former = asked
    platform.publish(RELEASE)
    assert served_by_then == [["rollback"]]  # nothing is looked for before the page serves
    assert [path.rpartition("/")[2] for method, path, _ in wire.sent if method == "POST"] == ["rollback"]
    assert [set(files) for files in pages_by_digest] == [OPEN]

    def refuse(*_: Any, **__: Any) -> None:
        raise PlatformError("publish", 500, "no")

    monkeypatch.setattr(PagesClient, "publish", refuse)
    platform.publish(RELEASE)  # the page serves already: that is no failure


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
