"""The two clients against a server that answers like the service."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator

import pytest

from deploy.bench.runner.client import connected, unique
from deploy.bench.runner.throughput import generator, put_under_load
from deploy.errors import DeployError


class _Service(socketserver.StreamRequestHandler):
    """Answers in two pieces, so that nobody relies on one; notes the programs that it was sent."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            streams, length = b"/stream" in line, 0
            while (header := self.rfile.readline()) != b"\r\n":
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            source = json.loads(self.rfile.read(length))["source"]
            server = self.server
            if isinstance(server, _Server):
                server.sources.append(source)
            status = b"runtime_error" if "fail" in source else b"ok"
            self._stream(status) if streams else self._answer(status)

    def _answer(self, status: bytes) -> None:
        body = b'{"status":"%s","stdout":""}' % status
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:5])
        self.wfile.flush()
        self.wfile.write(body[5:])

    def _stream(self, status: bytes) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in (b"event: output\ndata: {}\n\n", b'event: result\ndata: {"status":"%s"}\n\n' % status):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        self.sources: list[str] = []
        super().__init__(("127.0.0.1", 0), _Service)


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as serving:
        thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def test_answers_and_events_are_timed(server: _Server) -> None:
    with connected(server.server_address[1]) as connection:
        assert connection.run({"language": "x", "source": "a"}) > 0
        streamed = connection.stream({"language": "x", "source": "b"})
        assert 0 < streamed.first_byte <= streamed.result
        assert connection.run({"language": "x", "source": "c"}) > 0  # the connection is used again


def test_a_run_that_failed_is_no_measurement(server: _Server) -> None:
    with connected(server.server_address[1]) as connection:
        for ask in (connection.run, connection.stream):
            with pytest.raises(DeployError, match="runtime_error"):
                ask({"language": "x", "source": "fail"})


def test_the_load_generator_counts_answers_and_sends_no_program_twice(server: _Server) -> None:
    with generator() as binary:
        load = put_under_load(binary, server.server_address[1], clients=3, seconds=0.3)
    assert (load.clients, load.wrong) == (3, 0)
    assert load.runs_per_second > 0
    assert 0 < load.p50_ms <= load.p95_ms <= load.p99_ms
    assert len(set(server.sources)) == len(server.sources) > 3


def test_numbers_are_not_given_twice() -> None:
    assert len({unique() for _ in range(1000)}) == 1000
