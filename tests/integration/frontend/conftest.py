"""The canvas in each engine, behind a proxy where the service can be made to fail.

Whatever a browser complained of unexpectedly fails its test. What a failed test looked like is kept in dist/browser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.settings.environments import EnvironmentConfig
from tests.integration.frontend.canvas import Canvas
from tests.integration.frontend.engines import ENGINES, Bounds, Engines, Window
from tests.integration.frontend.proxy import FaultProxy, proxying

KEPT = Path(__file__).parents[3] / "dist" / "browser"
FAILED = pytest.StashKey[bool]()
# How the engines' consoles tell of requests that got no answer or a bad one.
REQUEST_FAILED = (
    "Failed to load resource",
    "WebSocket connection to",
    "Firefox can’t establish a connection",
    "CORS request did not succeed",
)
DESK: Bounds = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def api_url(environment: EnvironmentConfig) -> str:
    """Where the page must send programs; ends in `/`."""
    return environment.api_url


@pytest.fixture
def languages(api: httpx.Client) -> list[str]:
    """The ids of the languages that the service runs."""
    answer: list[str] = api.get("languages").raise_for_status().json()["languages"]
    return answer


@pytest.fixture(scope="session")
def proxy(environment: EnvironmentConfig) -> Iterator[FaultProxy]:
    """What every browser of this test process reaches the environment through."""
    with proxying(environment) as started:
        yield started


@pytest.fixture(scope="session")
def engines(environment: EnvironmentConfig, proxy: FaultProxy) -> Iterator[Engines]:
    """The browsers of this test process."""
    with ExitStack() as stack:
        yield Engines(environment, proxy.address, stack)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine's name; `chromium_only` parametrises it."""
    return str(request.param)


@pytest.fixture
def viewport() -> Bounds:
    """Size of the page in CSS pixels; a test parametrises it to see another."""
    return DESK


@pytest.fixture
def window(engines: Engines, engine: str, viewport: Bounds) -> Iterator[Window]:
    """A window with empty storage."""
    with engines[engine].window(viewport) as opened:
        yield opened


@pytest.fixture
def unopened(
    request: pytest.FixtureRequest, window: Window, environment: EnvironmentConfig, proxy: FaultProxy
) -> Iterator[Canvas]:
    """A window that has gone nowhere yet, for tests that first stand between it and the service."""
    proxy.renew()
    yield Canvas(window, environment)
    proxy.heal()
    if not request.node.stash.get(FAILED, False):
        unexpected = _unexpected(window, proxy)
        if unexpected:
            _keep_picture(request.node.name, window)
        assert unexpected == []


def _unexpected(window: Window, proxy: FaultProxy) -> list[str]:
    """What the browser complained of, but for requests that the test let fail."""
    expected = REQUEST_FAILED if proxy.failed else ()
    return [text for text in window.complaints() if not any(part in text for part in expected)]


@pytest.fixture
def canvas(unopened: Canvas) -> Canvas:
    """The canvas, open, with the service's languages in its menu."""
    unopened.open()
    return unopened


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the page looked like when a test failed, and say where."""
    report = yield
    window: Window | None = getattr(item, "funcargs", {}).get("window")
    if report.failed and window is not None and report.when != "teardown":
        item.stash[FAILED] = True
        report.sections.append(("what the browser complained of", _told(lambda: "\n".join(window.complaints()))))
        report.sections.append(("the page when it failed", _told(lambda: _keep_picture(item.name, window))))
    return report


def _told(ask: Callable[[], str]) -> str:
    """What a browser says; of one that does not answer, why. An error from here would end the whole session."""
    try:
        return ask()
    except Exception as silent:
        return f"the browser did not say: {silent}"


def _keep_picture(test: str, window: Window) -> str:
    """Where the picture of the page is kept."""
    KEPT.mkdir(parents=True, exist_ok=True)
    kept = KEPT / (re.sub(r"[^\w.-]+", "-", test).strip("-") + ".png")
    kept.write_bytes(window.screenshot())
    return str(kept)
