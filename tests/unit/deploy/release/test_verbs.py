"""Verbs beside a machine whose host is gone: over a real ledger, and platforms that answer at the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from deploy.events.bus import Bus
from deploy.events.events import Event
from deploy.ledger import Status
from deploy.platforms.errors import PlatformError
from deploy.release.rollout.machine import LAUNCH, TRAFFIC
from deploy.release.verbs import tidy
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Target
from tests.unit.deploy.release import test_status as here

platforms, target = here.platforms, here.target
Answer = Callable[[httpx.Request], httpx.Response]


def kept(id_: str, **more: Any) -> dict[str, Any]:
    labels = {LAUNCH: "d0", TRAFFIC: "off"}
    return here.machine(id_, state="suspended", labels=labels, name=f"production-d0-{id_[1:]}", **more)


@pytest.fixture
def long_ago(target: Target, platforms: here.Platforms) -> Target:
    """Production, whose rollback window is over, with two machines kept."""
    object.__setattr__(target.config.release, "rollback_window", timedelta())
    names = ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")
    object.__setattr__(target, "tokens", Tokens("production", dict.fromkeys(names, Secret("t"))))
    target.ledger.record(replace(here.SERVES, id="d0", launch="d0", version="0.0.9", status=Status.FAILED))
    platforms.machines = [here.machine(), kept("m2"), kept("m3")]
    return target


def answering(target: Target, platforms: here.Platforms, lost: Answer | None = None) -> list[str]:
    """Let the platform destroy machines; `lost` answers about m2. Returns what was destroyed, as it grows."""
    gone: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/machines/")[2].partition("/")[0]
        if lost and name == "m2":
            return lost(request)
        if request.method == "POST" and request.url.path.endswith("/lease"):
            return httpx.Response(201, json={"status": "success", "data": {"nonce": "n"}})
        if request.method == "DELETE" and request.url.path.endswith(name):
            gone.append(name)
        return platforms(request)

    object.__setattr__(target, "answer", answer)
    return gone


def tidied(target: Target, tmp_path: Path) -> tuple[int, str]:
    """How many were removed, and what was said."""
    told: list[Event] = []
    count = tidy(target, Bus(told.append), tmp_path)
    return count, "\n".join(map(repr, told))


def lost(name: str, **more: object) -> dict[str, object]:
    """A machine kept for a rollback, on a host that is not reached."""
    usual = {"incomplete_config": kept(name)["config"], "config": None, "host_status": "unreachable"}
    return kept(name) | usual | more


@pytest.mark.parametrize(
    "made",
    [
        lost("m2"),
        lost("m2", incomplete_config=None),
        lost("m2", state="started"),  # as it was last seen: it would come back with an old release
        lost("m2", host_status="unknown", config=kept("m2")["config"]),
    ],
    ids=["as usual", "without its labels", "started", "unknown"],
)
def test_tidy_destroys_a_machine_on_a_lost_host_without_a_lease(
    long_ago: Target, platforms: here.Platforms, tmp_path: Path, made: dict[str, object]
) -> None:
    leased: list[str] = []
    platforms.machines = [here.machine(), made, kept("m3")]
    gone = answering(long_ago, platforms)
    usual = long_ago.answer  # type: ignore[attr-defined]

    def answer(request: httpx.Request) -> httpx.Response:
        leased.extend(["m2"] if request.url.path.endswith("/m2/lease") else [])
        return usual(request)  # type: ignore[no-any-return]

    object.__setattr__(long_ago, "answer", answer)
    count, _ = tidied(long_ago, tmp_path)
    assert (count, gone, leased) == (2, ["m2", "m3"], [])


def test_tidy_leaves_a_machine_that_a_lost_host_does_not_let_go_and_says_so(
    long_ago: Target, platforms: here.Platforms, tmp_path: Path
) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json=lost("m2"))
        return httpx.Response(503, json={"error": "host unreachable"})

    platforms.machines = [here.machine(), lost("m2"), kept("m4")]
    gone = answering(long_ago, platforms, refused)
    count, told = tidied(long_ago, tmp_path)
    assert (count, gone) == (1, ["m4"])
    assert "machine m2 was left as it is" in told
    assert "invoke tidy --env production --rehearsal" in told


def test_tidy_goes_on_when_a_host_is_lost_that_no_list_shows_yet(
    long_ago: Target, platforms: here.Platforms, tmp_path: Path
) -> None:
    def lost(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return httpx.Response(200, json={"id": "m2", "host_status": "unreachable"})
        return httpx.Response(412, json={"error": "host unreachable"})

    gone = answering(long_ago, platforms, lost)
    assert (tidied(long_ago, tmp_path)[0], gone) == (1, ["m3"])


def test_tidy_stops_at_what_is_no_lost_host(long_ago: Target, platforms: here.Platforms, tmp_path: Path) -> None:
    def refused(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=kept("m2")) if request.method == "GET" else httpx.Response(403, json={})

    answering(long_ago, platforms, refused)
    with pytest.raises(PlatformError):
        tidied(long_ago, tmp_path)
