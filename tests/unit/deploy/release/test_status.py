"""What operators see of an environment: both halves, what is half-way, who works there, and what to run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from deploy.ledger import DeploymentInfo, Intent, Ledger, Status
from deploy.ledger.controls import Breaker
from deploy.ledger.encoding import encode, record_from
from deploy.ledger.lock import Lock
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC
from deploy.release.status import environment_status
from deploy.settings.environments import load_environment
from deploy.settings.policy import Strategy
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.unit.deploy.ledger.test_tree import Reads, filled

IMAGE, PAGE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
SERVES = DeploymentInfo(
    "d1", "production", "0.1.0", "a" * 40, datetime.now(UTC), "me", Status.DEPLOYED, IMAGE, PAGE, launch="d1"
)
NEXT = replace(SERVES, id="d2", version="0.2.0", commit_sha="b" * 40, status=Status.PENDING, launch="d2")
Answer = Callable[[httpx.Request], httpx.Response]


def machine(id_: str = "m1", state: str = "started", check: str = "passing", **more: Any) -> dict[str, Any]:
    labels = {ENVIRONMENT: "production", LAUNCH: "d1", NUMBER: "1", TRAFFIC: "on"} | more.pop("labels", {})
    return {
        "id": id_,
        "state": state,
        "config": {"metadata": labels},
        "checks": [{"name": "c", "status": check}],
        "image_ref": {"digest": IMAGE},
    } | more


class Platforms:
    """Fly and Pages as they answer: what machines there are, which page is published; None: no answer."""

    def __init__(self) -> None:
        self.machines: list[dict[str, Any]] | None = [machine()]
        self.page: str | None = PAGE
        self.ips = ["66.241.124.9", "2a09:8280:1::1"]
        self.addresses = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "fly":
            if self.machines is None:
                raise httpx.ConnectError("down")
            if request.url.path.endswith("/ip_assignments"):
                return httpx.Response(self.addresses, json={"ips": [{"ip": ip, "shared": True} for ip in self.ips]})
            return httpx.Response(200, json=self.machines if request.url.path.endswith("/machines") else {})
        if self.page is None:
            return httpx.Response(500, json={"errors": [{"message": "down"}]})
        trigger = {"metadata": {"commit_message": f"codecanvas 0.1.0 {self.page}"}}
        deployment = {"id": "p", "deployment_trigger": trigger}
        return httpx.Response(200, json={"success": True, "result": {"canonical_deployment": deployment}})


class HereTarget(Target):
    """Production, over `Platforms` instead of a network."""

    answer: Answer

    @contextmanager
    def fly(self, patience: Patience = Patience()) -> Iterator[FlyClient]:  # noqa: B008 - frozen
        secret, transport = Secret("t"), httpx.MockTransport(self.answer)
        yield FlyClient("http://fly", "runner", secret, patience=Patience(attempts=1), transport=transport)

    @contextmanager
    def pages(self, patience: Patience = Patience()) -> Iterator[PagesClient]:  # noqa: B008 - frozen
        secret, transport = Secret("t"), httpx.MockTransport(self.answer)
        yield PagesClient("http://cf", secret, "site", secret, patience=Patience(attempts=1), transport=transport)


@pytest.fixture
def platforms() -> Platforms:
    return Platforms()


@pytest.fixture
def target(tmp_path: Path, platforms: Platforms) -> Target:
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "l.git")], check=True)
    ledger = Ledger(tmp_path / "l.git", "production", None)
    ledger.record(SERVES)
    addresses = Addresses("http://fly", "http://cf", "localhost")
    made = HereTarget(load_environment("production"), addresses, Tokens("production", {}), ledger, rehearsal=True)
    object.__setattr__(made, "answer", platforms)
    return made


def problems(target: Target) -> list[str]:
    return list(environment_status(target)["problems"])


def write(target: Target, **files: Any) -> None:
    changes: dict[str, bytes | None] = {f"{name}.json": encode(body) for name, body in files.items()}
    target.ledger.write("a test", lambda _: changes)


def test_where_all_agree_there_is_nothing_to_say(target: Target) -> None:
    state = environment_status(target)
    assert (state["agree"], state["problems"], state["errors"], state["version"]) == (True, [], {}, "0.1.0")
    assert json.dumps(state)


def test_a_half_that_cannot_be_read_does_not_hide_the_other(target: Target, platforms: Platforms) -> None:
    platforms.machines, platforms.page = None, None
    state = environment_status(target)
    assert (state["version"], state["agree"]) == ("0.1.0", None)
    assert set(state["errors"]) == {"machines", "page"}
    target.ledger.write("damaged by hand", lambda _: {"events/000009-x-deployed.json": b"no JSON"})
    platforms.machines, platforms.page = [machine()], PAGE
    state = environment_status(target)
    assert (state["version"], set(state["errors"])) == (None, {"ledger"})
    assert state["page"] == PAGE
    assert state["problems"][0].startswith("ledger cannot be read: ")


def test_a_missing_address_is_told_with_what_gives_it(target: Target, platforms: Platforms) -> None:
    assert environment_status(target)["missingAddresses"] == []
    platforms.ips = platforms.ips[:1]
    state = environment_status(target)
    assert (state["missingAddresses"], state["errors"]) == (["v6"], {})
    told = (
        "the app has no public address (v6), so who has no other way does not reach it: invoke repair --env production"
    )
    assert state["problems"] == [f"{told} --rehearsal"]
    platforms.ips = []
    assert environment_status(target)["missingAddresses"] == ["shared_v4", "v6"]


@pytest.mark.parametrize("status", [403, 404])
def test_addresses_that_may_not_be_seen_are_no_problem(target: Target, platforms: Platforms, status: int) -> None:
    platforms.ips, platforms.addresses = [], status
    assert environment_status(target)["missingAddresses"] is None
    assert problems(target) == []


def test_an_old_event_that_is_damaged_hides_nothing_else(target: Target, platforms: Platforms) -> None:
    target.ledger.write("damaged by hand", lambda _: {"events/000000-x-failed.json": b"no JSON"})
    assert problems(target) == []  # nobody needs it
    platforms.machines = [machine(), machine("m2", labels={LAUNCH: "of another ledger"})]
    state = environment_status(target)
    assert (state["version"], state["page"], state["agree"]) == ("0.1.0", PAGE, None)
    assert state["errors"].keys() == {"ledger"}
    assert "events/000000-x-failed.json in the ledger is not JSON" in state["problems"][0]


def test_what_is_read_of_the_ledgers_does_not_grow_with_them(
    tmp_path: Path, target: Target, platforms: Platforms, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, counts = Reads(tmp_path), []
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for count in (8, 40):
        platforms.machines = [machine(labels={LAUNCH: f"d{count}"}), machine("m2", labels={LAUNCH: f"d{count - 1}"})]
        where = filled(tmp_path / f"ledger{count}.git", count)
        made = HereTarget(
            target.config, target.addresses, target.tokens, Ledger(where, "production", None), rehearsal=True
        )
        object.__setattr__(made, "answer", platforms)
        told: list[dict[str, Any]] = []
        counts.append(counter.during(lambda here=made, told=told: told.append(environment_status(here, here))))  # type: ignore[misc]
        assert (told[0]["errors"], told[0]["strangers"]) == ({}, [])
    few, many = counts
    assert few == many


def test_a_release_of_a_newer_version_is_told(target: Target) -> None:
    newer = record_from(DeploymentInfo, SERVES.to_json() | {"id": "d9", "region": "fra", "cell": 2}, "x")
    target.ledger.record(newer)
    assert problems(target) == [
        "a newer version of codecanvas recorded 0.1.0 (cell, region): update this clone: git pull"
    ]


def test_what_is_half_way_is_told_with_who_works_on_it_or_what_to_run(target: Target) -> None:
    write(target, intent=Intent("promote", NEXT, SERVES, Strategy.BLUEGREEN, 1).to_json())
    (problem,) = problems(target)
    assert problem.startswith("promote of 0.2.0 is half-way (forward), since ")
    assert problem.endswith("no deployer works on it: invoke resume --env production --rehearsal")
    assert environment_status(target)["agree"] is False
    now = datetime.now(UTC)
    write(target, lock=Lock("alice", "promote bbbb", now, now + timedelta(seconds=20)).to_json())
    (problem,) = problems(target)
    assert problem.endswith("alice works on it")
    write(target, lock=Lock("alice", "promote bbbb", now, now - timedelta(seconds=1)).to_json())
    assert environment_status(target)["lock"]["ended"]
    assert problems(target)[0].endswith("invoke resume --env production --rehearsal")


def test_a_machine_of_another_release_is_told_though_its_image_is_the_same(
    target: Target, platforms: Platforms
) -> None:
    target.ledger.record(replace(SERVES, id="d2", launch="d2"))
    platforms.machines = [machine(), machine("m2", labels={LAUNCH: "d2"})]
    assert [each for each in problems(target) if "machine" in each] == [
        "machine m1 is in traffic and runs another release: invoke repair --env production --rehearsal"
    ]
    assert environment_status(target)["agree"] is False


def test_who_holds_the_lock_since_when_and_what_for(target: Target) -> None:
    now = datetime.now(UTC)
    write(target, lock=Lock("alice", "tidy", now, now + timedelta(seconds=20)).to_json())
    (problem,) = problems(target)
    assert problem.startswith("locked by alice since ")
    assert problem.endswith(": tidy")


@pytest.mark.parametrize(
    ("there", "page", "words"),
    [
        ([], PAGE, "no machine of 0.1.0 is in traffic"),
        ([machine(state="stopped")], PAGE, "machine m1 is stopped, not healthy"),
        ([machine(check="critical")], PAGE, "machine m1 is started, not healthy"),
        ([machine(), machine("m2", image_ref={"digest": PAGE})], PAGE, "machine m2 is in traffic and runs 2222"),
        ([machine(host_status="unreachable")], PAGE, "machine m1 is on a host that is unreachable"),
        ([machine()], IMAGE, "the page is not that of 0.1.0"),
    ],
)
def test_a_platform_that_differs_from_the_ledger_is_repaired(
    target: Target, platforms: Platforms, there: list[dict[str, Any]], page: str, words: str
) -> None:
    platforms.machines, platforms.page = there, page
    (problem,) = problems(target)
    assert problem.startswith(words)
    assert problem.endswith(": invoke repair --env production --rehearsal")


LOST = {"state": "started", "host_status": "unreachable", "name": "production-d0-1"}


@pytest.mark.parametrize(
    "lost",
    [
        {"id": "m0", **LOST},
        {
            "id": "m0",
            **LOST,
            "incomplete_config": {"metadata": {ENVIRONMENT: "production", LAUNCH: "d0", TRAFFIC: "on"}},
        },
        {"id": "m0", **LOST, "incomplete_config": {"metadata": {ENVIRONMENT: "production", LAUNCH: "d0"}}},
    ],
)
def test_beside_a_lost_machine_of_an_earlier_release_all_agree_and_it_is_named(
    target: Target, platforms: Platforms, lost: dict[str, Any]
) -> None:
    target.ledger.record(replace(SERVES, id="d0", launch="d0", version="0.0.9", status=Status.FAILED))
    platforms.machines = [machine(), lost]
    state = environment_status(target)
    assert (state["agree"], state["strangers"], state["errors"]) == (True, [], {})
    (problem,) = state["problems"]
    assert problem.startswith("machine m0 is on a host that is unreachable")
    assert problem.endswith("invoke repair --env production --rehearsal")


def test_a_machine_that_nobody_knows_is_told_while_it_serves(target: Target, platforms: Platforms) -> None:
    platforms.machines = [machine(), machine("m9", labels={LAUNCH: "d9"})]
    (problem,) = problems(target)
    assert "machine m9 is in traffic" in problem
    assert "invoke machines --env production --adopt m9 --rehearsal" in problem
    assert [each["id"] for each in environment_status(target)["machines"]] == ["m1"]


def test_what_holds_promotions_back_is_told(target: Target) -> None:
    now = datetime.now(UTC)
    begun, until = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    write(
        target,
        breaker=Breaker(3, now, "smoke failed", "me").to_json(),
        freezes=[
            {
                "id": "f",
                "from": begun,
                "until": until,
                "reason": "a launch",
                "by": "bob",
            }
        ],
    )
    breaker, freeze = problems(target)
    assert breaker == 'the breaker is open: smoke failed: invoke breaker --reset --reason "…" --rehearsal'
    assert freeze.startswith("frozen until ")
    assert "a launch" in freeze
