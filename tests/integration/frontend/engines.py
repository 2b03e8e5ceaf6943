"""Chromium, Firefox and WebKit behind one interface: what journeys need of a browser's window, and no more.

Chromium and Firefox are driven by Playwright, WebKitGTK by WebDriver. `deploy/workstation/browsers.py` finds them;
CHROMIUM and FIREFOX name others. Each engine is started once a test process, since that takes seconds, and every test has fresh storage in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

import pytest
from playwright.sync_api import Browser, ConsoleMessage, ElementHandle, Page, Playwright, expect, sync_playwright

from deploy.settings.environments import EnvironmentConfig
from deploy.workstation.browsers import find
from tests.integration.frontend.webdriver import WebDriver, WebDriverError, webkit

ENGINES = ("chromium", "firefox", "webkit")
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.03
CHROMIUM_ARGUMENTS = (
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--font-render-hinting=none",
)
# What Debian's Firefox would ask the internet for by itself is off, so that it waits for nothing.
FIREFOX_PREFERENCES: dict[str, str | float | bool] = {
    "network.proxy.type": 1,
    "network.proxy.allow_hijacking_localhost": True,
    "network.proxy.no_proxies_on": "",
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "http://127.0.0.1:9/",
    "app.normandy.enabled": False,
}
NOTE_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by policy: ${event.effectiveDirective} ${event.blockedURI}`));
"""
# WebDriver knows no console: what is wrong after loading is noted in the page itself.
NOTE_COMPLAINTS = """
globalThis.complaints = [];
const note = (text) => globalThis.complaints.push(text);
document.addEventListener("securitypolicyviolation", (event) =>
  note(`refused by policy: ${event.effectiveDirective} ${event.blockedURI}`));
addEventListener("error", (event) => note(String(event.message)));
addEventListener("unhandledrejection", (event) => note(String(event.reason)));
"""

T = TypeVar("T")
Bounds = dict[str, int]


class Window(Protocol):
    """A browser's window. Elements are named by function bodies that return them, or null while they are not there."""

    def goto(self, url: str) -> None:
        """Go to a page and wait until it has loaded."""

    def reload(self) -> None:
        """Load the page anew."""

    def evaluate(self, body: str, *arguments: Any) -> Any:
        """What the function body `body` returns; a promise is waited for."""

    def click(self, find: str, *arguments: Any) -> None:
        """Press an element with the mouse, once it is there."""

    def choose(self, value: str, find: str, *arguments: Any) -> None:
        """Choose what has the value or the label `value` from a list, once it is there."""

    def press(self, keys: str) -> None:
        """Press keys together, such as "Control+Enter"."""

    def type(self, text: str) -> None:
        """Press the keys of `text` one after the other."""

    def resize(self, bounds: Bounds) -> None:
        """Make the page that many CSS pixels wide and high."""

    def screenshot(self) -> bytes:
        """What is seen, as PNG."""

    def complaints(self) -> list[str]:
        """Errors and warnings of the console, exceptions that nothing caught, and what the policy refused."""


class Engine(Protocol):
    """A browser that runs."""

    def window(self, bounds: Bounds) -> Any:
        """A context manager of a window with empty storage."""


def eventually(read: Callable[[], T], holds: Callable[[T], bool], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """What `read` gives as soon as it `holds`; fails with what was read last."""
    deadline = time.monotonic() + seconds
    while not holds(value := read()):
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: after {seconds:g} s there is {value!r}")
        time.sleep(PAUSE_SECONDS)
    return value


class PlaywrightWindow:
    """A window of Chromium or Firefox; `page` is Playwright's own, for what only it can do."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self._complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._complaints.append(str(error)))

    def goto(self, url: str) -> None:
        self.page.goto(url)

    def reload(self) -> None:
        self.page.reload()

    def evaluate(self, body: str, *arguments: Any) -> Any:
        return self.page.evaluate(_function(body), list(arguments))

    def click(self, find: str, *arguments: Any) -> None:
        self._element(find, *arguments).click()

    def choose(self, value: str, find: str, *arguments: Any) -> None:
        self._element(find, *arguments).select_option(value)

    def press(self, keys: str) -> None:
        self.page.keyboard.press(keys)

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)

    def resize(self, bounds: Bounds) -> None:
        self.page.set_viewport_size({"width": bounds["width"], "height": bounds["height"]})

    def screenshot(self) -> bytes:
        # Hiding the caret would add a style, which the page's policy refuses.
        return self.page.screenshot(caret="initial")

    def complaints(self) -> list[str]:
        return self._complaints

    def _element(self, find: str, *arguments: Any) -> ElementHandle:
        def read() -> ElementHandle | None:
            return self.page.evaluate_handle(_function(find), list(arguments)).as_element()

        found = eventually(read, lambda element: element is not None, f"{arguments} on the page")
        assert found
        return found

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complaints.append(f"{message.text} ({message.location['url']})")


def _function(body: str) -> str:
    return f"given => (function () {{ {body} }}).apply(null, given)"


class PlaywrightEngine:
    """Chromium or Firefox."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def window(self, bounds: Bounds) -> Iterator[PlaywrightWindow]:
        size = {"width": bounds["width"], "height": bounds["height"]}
        context = self._browser.new_context(viewport=size)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        context.add_init_script(NOTE_VIOLATIONS)
        try:
            yield PlaywrightWindow(context.new_page())
        finally:
            context.close()


class WebKitWindow:
    """The window of WebKitGTK."""

    def __init__(self, driver: WebDriver) -> None:
        self._driver = driver
        self._complaints: list[str] = []

    def goto(self, url: str) -> None:
        self._gather()
        self._driver.goto(url)
        self._driver.evaluate(NOTE_COMPLAINTS)

    def reload(self) -> None:
        self._gather()
        self._driver.reload()
        self._driver.evaluate(NOTE_COMPLAINTS)

    def evaluate(self, body: str, *arguments: Any) -> Any:
        return self._driver.evaluate(body, *arguments)

    def click(self, find: str, *arguments: Any) -> None:
        """Wait, as Playwright does, while the element is not yet there or something lies over it."""
        refused = ("stale element reference", "element click intercepted", "element not interactable")

        def attempt() -> str:
            element = self._driver.evaluate(find, *arguments)
            try:
                if element is not None:
                    self._driver.click(element)
            except WebDriverError as wrong:
                if wrong.kind in refused:
                    return str(wrong)
                raise
            return "" if element is not None else "nothing"

        eventually(attempt, lambda said: said == "", f"{arguments} to be pressed")

    def choose(self, value: str, find: str, *arguments: Any) -> None:
        option = f"""
            const list = (function () {{ {find} }}).apply(null, arguments[1]);
            return [...(list?.options ?? [])].find((one) => [one.value, one.text].includes(arguments[0])) ?? null;
        """
        self.click(option, value, arguments)

    def press(self, keys: str) -> None:
        self._driver.press(keys)

    def type(self, text: str) -> None:
        self._driver.type(text)

    def resize(self, bounds: Bounds) -> None:
        self._driver.resize(bounds["width"], bounds["height"])

    def screenshot(self) -> bytes:
        return self._driver.screenshot()

    def complaints(self) -> list[str]:
        self._gather()
        return self._complaints

    def _gather(self) -> None:
        self._complaints += self._driver.evaluate("return globalThis.complaints?.splice(0) ?? []")


class WebKitEngine:
    """WebKitGTK: one window for all tests, since another would be another browser."""

    def __init__(self, driver: WebDriver, environment: EnvironmentConfig) -> None:
        self._driver = driver
        self._quiet = f"{environment.frontend_url}config.js"  # of the page's origin, and no page that keeps anything

    @contextmanager
    def window(self, bounds: Bounds) -> Iterator[WebKitWindow]:
        self._driver.goto(self._quiet)
        self._driver.evaluate("localStorage.clear(); sessionStorage.clear()")
        self._driver.resize(bounds["width"], bounds["height"])
        yield WebKitWindow(self._driver)


class Engines:
    """The engines of this test process, each started when it is first needed."""

    def __init__(self, environment: EnvironmentConfig, proxy: str, stack: ExitStack) -> None:
        self._environment, self._proxy, self._stack = environment, proxy, stack
        self._playwright: Playwright | None = None
        self._running: dict[str, Engine] = {}

    def __getitem__(self, name: str) -> Engine:
        if name not in self._running:
            starts = {"chromium": self._chromium, "firefox": self._firefox, "webkit": self._webkit}
            self._running[name] = starts[name]()
        return self._running[name]

    def _driver(self) -> Playwright:
        if self._playwright is None:
            expect.set_options(timeout=PATIENCE_SECONDS * 1000)
            self._playwright = self._stack.enter_context(sync_playwright())
        return self._playwright

    def _chromium(self) -> Engine:
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium's own sandbox refuses to run as root
        browser = self._driver().chromium.launch(
            executable_path=_browser("chromium"),
            args=[*CHROMIUM_ARGUMENTS, *root],
            proxy={"server": f"http://{self._proxy}"},
        )
        self._stack.callback(browser.close)
        return PlaywrightEngine(browser)

    def _firefox(self) -> Engine:
        host, port = self._proxy.split(":")
        by = {f"network.proxy.{kind}": host for kind in ("http", "ssl")}
        ports = {f"network.proxy.{kind}_port": int(port) for kind in ("http", "ssl")}
        program = _browser("firefox-esr")
        browser = self._driver().firefox.launch(
            channel="moz-firefox" if program else None,  # speaks WebDriver BiDi, not the protocol of Playwright's own
            executable_path=program,
            firefox_user_prefs={**FIREFOX_PREFERENCES, **by, **ports},
        )
        self._stack.callback(browser.close)
        return PlaywrightEngine(browser)

    def _webkit(self) -> Engine:
        return WebKitEngine(self._stack.enter_context(webkit(self._proxy)), self._environment)


def _browser(name: str) -> str | None:
    """The program of a browser; None for Playwright's own build."""
    found = find(name, os.environ.get("PATH", ""))
    assert found, f"no {name}: run `./dev python -m deploy.workstation browser other-browsers`"
    return found.path or None
