"""A little server that is API and page at once, and does what a test tells it."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Answer = tuple[int, bytes]


def page_of(name: str) -> dict[str, bytes]:
    """The files of a release's page: each has an asset of its own."""
    script = f"console.log('{name}')".encode()
    integrity = "sha384-" + base64.b64encode(hashlib.sha384(script).digest()).decode()
    head = f'<title>codecanvas</title><script src="/assets/main.{name}.js" integrity="{integrity}"></script>'
    config = f'globalThis.CODECANVAS_CONFIG = {{"sha":"{name}"}};\n'
    return {
        "/": f'<!doctype html><html><head>{head}<script src="/config.js"></script></head></html>\n'.encode(),
        "/config.js": config.encode(),
        f"/assets/main.{name}.js": script,
    }


class Little:
    """The server; `page` is what it serves, `before` may answer instead, once it returns something."""

    def __init__(self) -> None:
        self.page, self.sha = page_of("a"), "a"
        self.before: Callable[[str], Answer | None] = lambda path: None
        self.asked: list[str] = []
        self.connections: set[Any] = set()
        little = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._tell(little.answer(self.path, b""))

            def do_POST(self) -> None:
                self._tell(little.answer(self.path, self.rfile.read(int(self.headers["content-length"]))))

            def _tell(self, answer: Answer) -> None:
                little.connections.add(self.client_address)
                self.send_response(answer[0])
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, path: str, body: bytes) -> Answer:
        """What is answered."""
        self.asked.append(path)
        if told := self.before(path):
            return told
        if path == "/healthz":
            return 200, b'{"status":"ok"}'
        if path == "/version":
            return 200, json.dumps({"sha": self.sha}).encode()
        if path == "/api/v1/languages":
            return 200, b'{"languages":["bash","c"]}'
        if path == "/api/v1/run":
            said = json.loads(body)["source"].rpartition("echo ")[2]
            return 200, json.dumps({"stdout": f"{said}\n", "status": "ok"}).encode()
        return (200, self.page[path]) if path in self.page else (404, b"nothing here\n")


@pytest.fixture
def little() -> Iterator[Little]:
    server = Little()
    thread = threading.Thread(target=server.server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.server.shutdown()
        server.server.server_close()
        thread.join()
