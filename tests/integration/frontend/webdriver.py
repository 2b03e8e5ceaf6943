"""WebKitGTK over the W3C WebDriver protocol, which is all that Debian's WebKit is driven by."""

from __future__ import annotations

import base64
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
START_SECONDS = 60
SCREEN = "-screen 0 1600x1200x24"
# MiniBrowser's buttons would keep its window wider than a phone.
NARROW_BUTTONS = "button { padding: 0; margin: 0; min-width: 0; }"
KEYS = {
    "Control": "\ue009", "Shift": "\ue008", "Alt": "\ue00a", "Enter": "\ue006", "Tab": "\ue004", "Escape": "\ue00c",
    "ArrowLeft": "\ue012", "ArrowUp": "\ue013", "ArrowRight": "\ue014", "ArrowDown": "\ue015",
    "Backspace": "\ue003", "F1": "\ue031", "F2": "\ue032", "F6": "\ue036", "F8": "\ue038",
}  # fmt: skip


class WebDriverError(Exception):
    """The browser could not do what it was asked; `kind` is the protocol's word for why."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class WebDriver:
    """One session: a browser with one window and a profile of its own."""

    def __init__(self, client: httpx.Client, capabilities: dict[str, Any]) -> None:
        self._client = client
        self._session = ""
        session = self._ask("POST", "session", {"capabilities": {"alwaysMatch": capabilities}})
        self._session = f"session/{session['sessionId']}"

    def goto(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def reload(self) -> None:
        self._ask("POST", "/refresh", {})

    def evaluate(self, body: str, *arguments: Any) -> Any:
        """What the function body `body` returns; a promise is waited for, an element stays a reference."""
        return self._ask("POST", "/execute/sync", {"script": body, "args": list(arguments)})

    def click(self, element: dict[str, str]) -> None:
        """Scroll to `element` and press it with the mouse."""
        self._ask("POST", f"/element/{element[ELEMENT]}/click", {})

    def press(self, keys: str) -> None:
        """Press keys together, such as "Control+Enter"."""
        names = ["+"] if keys == "+" else keys.split("+")
        values = [KEYS.get(name, name) for name in names]
        down = [{"type": "keyDown", "value": value} for value in values]
        self._perform(down + [{"type": "keyUp", "value": value} for value in reversed(values)])

    def type(self, text: str) -> None:
        """Press the keys of `text` one after the other."""
        values = [KEYS["Enter"] if character == "\n" else character for character in text]
        self._perform([{"type": kind, "value": value} for value in values for kind in ("keyDown", "keyUp")])

    def resize(self, width: int, height: int) -> None:
        """Make the page `width` by `height` CSS pixels; the window is larger by what the browser has around it."""
        around = self.evaluate("return [outerWidth - innerWidth, outerHeight - innerHeight]")
        self._ask("POST", "/window/rect", {"width": width + around[0], "height": height + around[1]})
        deadline = time.monotonic() + START_SECONDS
        while (size := self.evaluate("return [innerWidth, innerHeight]")) != [width, height]:
            assert time.monotonic() < deadline, f"the window has {size}, not {width} by {height}"
            time.sleep(0.02)

    def screenshot(self) -> bytes:
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def close(self) -> None:
        self._ask("DELETE", "")

    def _perform(self, strokes: list[dict[str, str]]) -> None:
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, f"/{self._session}{path}", json=body)
        value = answer.json()["value"]
        if not answer.is_success:
            raise WebDriverError(value["error"], value["message"])
        return value


def minibrowser() -> Path:
    """WebKitGTK's own small browser, which Debian keeps beside the library."""
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    assert found, "no MiniBrowser: install Debian's `webkit2gtk-driver`"
    return found[-1]


@contextmanager
def webkit(proxy: str) -> Iterator[WebDriver]:
    """A window of WebKitGTK on a display that nobody sees; `proxy` is where all its requests go, as HOST:PORT."""
    for name in ("xvfb-run", "WebKitWebDriver"):
        assert shutil.which(name), f"no {name}: install Debian's `webkit2gtk-driver` and `xvfb`"
    wanted = {
        "browserName": "MiniBrowser",
        "webkitgtk:browserOptions": {"binary": str(minibrowser()), "args": ["--automation"]},
        "proxy": {"proxyType": "manual", "httpProxy": proxy, "sslProxy": proxy},
    }
    with _driver() as client:
        driver = WebDriver(client, wanted)
        try:
            yield driver
        finally:
            driver.close()


@contextmanager
def _driver() -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["xvfb-run", "-a", "-s", SCREEN, "env"]
    with tempfile.TemporaryDirectory(prefix="codecanvas-webkit-") as home:
        look = Path(home, "gtk-3.0", "gtk.css")
        look.parent.mkdir()
        look.write_text(NARROW_BUTTONS)
        command += [f"XDG_CONFIG_HOME={home}", "WebKitWebDriver", f"--port={port}"]
        driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                _wait(client)
                yield client
        finally:
            subprocess.run(["kill", "--", f"-{driver.pid}"], check=False)
            driver.wait()


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if client.get("/status").is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"WebKitWebDriver did not start within {START_SECONDS} s"
        time.sleep(0.1)
