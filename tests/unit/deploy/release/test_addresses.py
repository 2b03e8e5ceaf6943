"""An app gets its public addresses once, whatever fails on the way."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable

import httpx
import pytest

from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.events.events import Event
from deploy.platforms.errors import PlatformError
from deploy.platforms.fly import FlyClient
from deploy.platforms.http import Patience
from deploy.release import addresses
from deploy.release.addresses import ensure_addresses
from deploy.settings.secrets import Secret

Answer = Callable[[httpx.Request], httpx.Response | None]


class App:
    """The platform's side of one app: every allocation is one more. `before` and `after` may answer in its place."""

    def __init__(self) -> None:
        self.ips: list[dict[str, object]] = []
        self.asked: list[str] = []
        self.before: Answer = lambda request: None
        self.after: Answer = lambda request: None

    def answer(self, request: httpx.Request) -> httpx.Response:
        if early := self.before(request):
            return early
        if request.method == "POST":
            kind = json.loads(request.content)["type"]
            self.asked.append(kind)
            ip = {"shared_v4": "66.241.124.9", "v6": f"2a09:8280:1::{len(self.ips):x}"}[kind]
            self.ips.append({"ip": ip, "shared": kind == "shared_v4", "region": "global"})
        return self.after(request) or httpx.Response(200, json={"ips": self.ips})

    def kinds(self) -> list[int]:
        """The versions of its addresses."""
        return sorted(ipaddress.ip_address(str(each["ip"])).version for each in self.ips)


@pytest.fixture
def app() -> App:
    """An app without addresses."""
    return App()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses."""
    monkeypatch.setattr(addresses, "PAUSE_SECONDS", 0.0)


def ensure(app: App) -> list[str]:
    """Ensure its addresses; what people are told."""
    told: list[Event] = []
    transport = httpx.MockTransport(app.answer)
    fly = FlyClient("http://fly", "runner", Secret("t"), patience=Patience(attempts=1), transport=transport)
    ensure_addresses(fly, Bus(told.append))
    return [str(getattr(event, "text", "")) for event in told]


def once(status: int, method: str = "POST") -> Answer:
    left = [status]
    return lambda request: httpx.Response(left.pop(), json={}) if left and request.method == method else None


def test_a_new_app_gets_one_of_each_and_no_more(app: App) -> None:
    for _ in range(3):
        ensure(app)
    assert app.kinds() == [4, 6]
    assert app.asked == ["shared_v4", "v6"]


@pytest.mark.parametrize("there", ["66.241.124.9", "37.16.1.1"])
def test_only_what_is_missing_is_allocated(app: App, there: str) -> None:
    app.ips = [{"ip": there, "shared": there.startswith("66")}]
    ensure(app)
    assert app.asked == ["v6"]


@pytest.mark.parametrize("private", ["fdaa:0:1::3", "10.0.0.1", "", "nonsense"])
def test_a_private_address_reaches_nobody(app: App, private: str) -> None:
    app.ips = [{"ip": private}]
    ensure(app)
    assert app.asked == ["shared_v4", "v6"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
@pytest.mark.parametrize("effect", [True, False])
def test_an_answer_that_was_lost_allocates_nothing_twice(app: App, status: int, effect: bool) -> None:
    setattr(app, "after" if effect else "before", once(status))
    ensure(app)
    assert app.kinds() == [4, 6]


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_may_not_allocate_is_told_the_commands(app: App, status: int) -> None:
    app.before = lambda request: httpx.Response(status, json={"error": "no"}) if request.method == "POST" else None
    with pytest.raises(
        DeployError, match=r"fly ips allocate-v4 --shared --app runner && fly ips allocate-v6 --app runner"
    ):
        ensure(app)
    app.ips = [{"ip": "66.241.124.9", "shared": True}]  # reachable already: a release is possible
    assert any("fly ips allocate-v6 --app runner" in told and "allocate-v4" not in told for told in ensure(app))


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_look_stops_no_release(app: App, status: int) -> None:
    app.before = once(status, "GET")
    assert any("could not be seen" in told for told in ensure(app))
    assert app.asked == []


def test_a_platform_that_stays_broken_is_an_error(app: App) -> None:
    app.before = lambda request: httpx.Response(500, json={}) if request.method == "POST" else None
    with pytest.raises(PlatformError):
        ensure(app)
