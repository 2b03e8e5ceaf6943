"""WebKitGTK over the W3C WebDriver protocol: as much of it as the journey in `test_browsers.py` needs."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
START_SECONDS = 30


class WebKit:
    """One window of MiniBrowser."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        options = {"binary": str(minibrowser()), "args": ["--automation"]}
        wanted = {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}
        self._session = ""
        self._session = (
            "session/" + self._ask("POST", "session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        )

    def goto(self, url: str) -> None:
        self._ask("POST", "/url", {"url": url})

    def evaluate(self, body: str, *arguments: Any) -> Any:
        """What the function body `body` returns; a promise is waited for."""
        return self._ask("POST", "/execute/sync", {"script": body, "args": list(arguments)})

    def wait_for(self, expression: str, seconds: float = 20) -> Any:
        """The first truthy value of `expression`."""
        deadline = time.monotonic() + seconds
        while not (value := self.evaluate(f"return {expression}")):
            assert time.monotonic() < deadline, f"{expression} stayed {value!r}"
            time.sleep(0.1)
        return value

    def click(self, selector: str) -> None:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        self._ask("POST", f"/element/{found[ELEMENT]}/click", {})

    def type(self, *keys: str, holding: str = "") -> None:
        """Press `keys` one after the other, with `holding` down."""
        strokes = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        if holding:
            strokes = [{"type": "keyDown", "value": holding}, *strokes, {"type": "keyUp", "value": holding}]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]})

    def close(self) -> None:
        self._ask("DELETE", "")

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._client.request(method, f"/{self._session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.is_success, value
        return value


def minibrowser() -> Path:
    """WebKitGTK's own small browser, which Debian keeps beside the library."""
    found = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    assert found, "no MiniBrowser: install Debian's `webkit2gtk-driver`"
    return found[-1]


@contextmanager
def webkit() -> Iterator[WebKit]:
    """A window of WebKitGTK on a display that nobody sees."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("xvfb-run", "WebKitWebDriver"):
        assert shutil.which(name), f"no {name}: install Debian's `webkit2gtk-driver` and `xvfb`"
    command = ["xvfb-run", "-a", "WebKitWebDriver", f"--port={port}"]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, process_group=0)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            _wait(client)
            window = WebKit(client)
            try:
                yield window
            finally:
                window.close()
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
