"""Watches from outside which release an environment's API and page serve, and when that changed."""

from __future__ import annotations

import re
import threading
import time
from types import TracebackType

import httpx

PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 5.0
_SHA = re.compile(r'"sha":\s*"([^"]+)"')


class Witness:
    """Asks repeatedly during a `with` block, each time over a new connection, and records when it saw which release."""

    def __init__(self, service_url: str, page_url: str) -> None:
        self._urls = (f"{service_url}version", f"{page_url}config.js")
        self._seen: list[tuple[float, str, str]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._begun = 0.0

    def __enter__(self) -> Witness:
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def settled(self, sha: str) -> float | None:
        """Seconds from the beginning until API and page both answered with `sha` and with nothing else ever after.

        None when that did not come about.
        """
        return settled([(at - self._begun, url, seen) for at, url, seen in self._seen], self._urls, sha)

    def _watch(self) -> None:
        new_connections = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(limits=new_connections, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._over.is_set():
                for url in self._urls:
                    if sha := _release(client, url):
                        self._seen.append((time.monotonic(), url, sha))
                self._over.wait(PAUSE_SECONDS)


def settled(seen: list[tuple[float, str, str]], urls: tuple[str, ...], sha: str) -> float | None:
    """The time of the first sight, on the slowest of `urls`, after which only `sha` was seen there."""
    times: list[float] = []
    for url in urls:
        first: float | None = None
        for at, where, what in seen:
            if where == url:
                first = None if what != sha else at if first is None else first
        if first is None:
            return None
        times.append(first)
    return max(times)


def _release(client: httpx.Client, url: str) -> str:
    """The commit that answers; "" without an answer, which is not counted as a loss here."""
    try:
        answer = client.get(url)
    except httpx.TransportError:
        return ""
    found = _SHA.search(answer.text) if answer.is_success else None
    return found[1] if found else ""
