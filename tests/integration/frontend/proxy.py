"""The way between a browser and the service, where a test lets the service fail.

A forward proxy that every engine is configured with. It passes on what is meant for the environment, WebSockets too,
and refuses browsers' own errands. A fault concerns requests to the service alone: pages stay as they are.
"""

from __future__ import annotations

import json
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from deploy.settings.environments import EnvironmentConfig

HEAD_END = b"\r\n\r\n"
CHUNK = 65_536
HOP_HEADERS = ("proxy-connection", "connection", "keep-alive")


@dataclass(frozen=True)
class Fault:
    """What happens to a request that a fault concerns: nothing at all, unless something is given here."""

    #: Sent instead of the service's answer; with none, the connection is closed without a word.
    answer: bytes = b""
    #: The connection stays open, and nothing comes.
    silent: bool = False


DOWN = Fault()
SILENT = Fault(silent=True)


def answering(status: str, body: str, media_type: str = "application/json", **headers: str) -> Fault:
    """An answer as a service gives it to a page of another origin; `retry_after="2"` becomes its header."""
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media_type}", f"Content-Length: {len(body.encode())}"]
    lines += ["Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: Retry-After", "Connection: close"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return Fault(answer="\r\n".join([*lines, "", body]).encode())


def busy(status: str, seconds: int) -> Fault:
    """A service that asks to be asked again after `seconds`."""
    return answering(status, json.dumps({"error": "busy"}), retry_after=str(seconds))


class FaultProxy:
    """One proxy a test process; faults last until they are healed."""

    def __init__(self, environment: EnvironmentConfig) -> None:
        self._service = urlsplit(environment.service_url)
        self._known = {_address(self._service), _address(urlsplit(environment.frontend_url))}
        self._faults: dict[str, Fault] = {}
        #: Browsers' ends of the connections that are passed on just now.
        self.relayed: set[socket.socket] = set()
        #: Whether the service was made to fail since the last renewal.
        self.failed = False
        #: What was asked for since the last renewal, such as "POST /api/v1/run".
        self.asked: list[str] = []
        self._server = _Server(("127.0.0.1", 0), self)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def fail(self, fault: Fault, *paths: str) -> None:
        """From now on requests to `paths` of the service, and below them, meet `fault`; without paths, all do."""
        assert self._service.scheme == "http", "what is encrypted cannot be made to fail here: use a rehearsal or local"
        self.failed = True
        self._faults.update(dict.fromkeys(paths or ("/api/", "/version"), fault))

    def cut(self) -> None:
        """Break every connection that carries an answer just now."""
        self.failed = True
        for relayed in list(self.relayed):
            with suppress(OSError):
                relayed.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        """The service is as it is again."""
        self._faults.clear()

    def renew(self) -> None:
        """Heal, and forget what was."""
        self.heal()
        self.failed = False
        self.asked.clear()

    def also(self, address: str) -> None:
        """Pass on what is meant for another host of this machine too, from now on."""
        self._known.add(_address(urlsplit(address)))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def knows(self, url: SplitResult) -> bool:
        """Whether `url` belongs to the environment."""
        return _address(url) in self._known

    def fault(self, method: str, url: SplitResult) -> Fault | None:
        """What the request meets. A page of another origin may ask first whether it may ask: that is let through."""
        if _address(url) != _address(self._service) or (method == "OPTIONS" and DOWN not in self._faults.values()):
            return None
        # Only WebSockets make tunnels to what is not encrypted.
        path = "/api/v1/session" if method == "CONNECT" else url.path
        return next((fault for prefix, fault in self._faults.items() if path.startswith(prefix)), None)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser or a service that leaves early is no event here."""


class _Connection(socketserver.BaseRequestHandler):
    """One request: every answer ends its connection."""

    request: socket.socket
    server: _Server

    def handle(self) -> None:
        with suppress(OSError):
            head, body = _read_request(self.request)
            if head:
                self._answer(head, body)

    def _answer(self, head: str, body: bytes) -> None:
        method, target = head.split(" ", 2)[:2]
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        proxy = self.server.proxy
        if not proxy.knows(url):
            self.request.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        proxy.asked.append(f"{method} {url.path}")
        fault = proxy.fault(method, url)
        if fault is None:
            self._pass_on(method, url, _forwarded(head, url) + body)
        elif fault.silent:
            while self.request.recv(CHUNK):
                pass
        else:
            self.request.sendall(fault.answer)

    def _pass_on(self, method: str, url: SplitResult, request: bytes) -> None:
        relayed = self.server.proxy.relayed
        with socket.create_connection(_address(url)) as service:
            if method == "CONNECT":
                self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                service.sendall(request)
            relayed.add(self.request)
            try:
                _relay(self.request, service)
            finally:
                relayed.discard(self.request)


def _address(url: SplitResult) -> tuple[str, int]:
    host = url.hostname or ""
    # Browsers take every name below it for this machine; resolvers need not.
    local = host == "localhost" or host.endswith(".localhost")
    return "localhost" if local else host, url.port or (443 if url.scheme in ("https", "wss") else 80)


def _read_request(browser: socket.socket) -> tuple[str, bytes]:
    data = b""
    while HEAD_END not in data:
        if not (more := browser.recv(CHUNK)):
            return "", b""
        data += more
    head, _, body = data.partition(HEAD_END)
    text = head.decode("latin-1")
    length = next((int(line[15:]) for line in text.split("\r\n") if line.lower().startswith("content-length:")), 0)
    while len(body) < length:
        body += browser.recv(CHUNK)
    return text, body


def _forwarded(head: str, url: SplitResult) -> bytes:
    """The head of a request as the service itself would be sent it."""
    first, *headers = head.split("\r\n")
    method, _, version = first.split(" ")
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if not any(header.lower().startswith("upgrade:") for header in headers):
        headers = [header for header in headers if not header.lower().startswith(HOP_HEADERS)]
        headers.append("Connection: close")
    return "\r\n".join([f"{method} {path} {version}", *headers, "", ""]).encode("latin-1")


def _relay(browser: socket.socket, service: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    while True:
        for side in select.select([browser, service], [], [])[0]:
            if not (data := side.recv(CHUNK)):
                return
            (service if side is browser else browser).sendall(data)


@contextmanager
def proxying(environment: EnvironmentConfig) -> Iterator[FaultProxy]:
    """A proxy for one test process."""
    proxy = FaultProxy(environment)
    try:
        yield proxy
    finally:
        proxy.close()
