"""Clients that send what is no request, or go away; the service answers the next one all the same."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

GOOD = {"language": "bash", "source": "echo fine"}
LIMITS = (
    "timeout",
    "cpu_seconds",
    "memory_kb",
    "processes",
    "open_files",
    "file_kb",
    "disk_kb",
    "inodes",
    "output_bytes",
)


@pytest.fixture(autouse=True)
def _serves_others(run: Any) -> Iterator[None]:
    yield
    assert run("bash", "echo fine")["stdout"] == "fine\n"


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(
    "value",
    [
        "0",
        "-1",
        "-0.0",
        "1e999",
        "NaN",
        "Infinity",
        "true",
        '"1"',
        "[]",
        "{}",
        "9" * 30,
        "99999999999",
        "-9223372036854775809",
    ],
)
def test_a_limit_that_limits_nothing_is_refused(api: httpx.Client, limit: str, value: str) -> None:
    body = json.dumps(GOOD)[:-1] + f', "limits": {{"{limit}": {value}}}}}'
    response = api.post("run", content=body)
    assert response.status_code == 400, response.text
    assert response.json()["error"]


@pytest.mark.parametrize("limit", LIMITS)
def test_each_limit_may_be_lowered(run: Any, limit: str) -> None:
    value = {"timeout": 5, "cpu_seconds": 5, "memory_kb": 65_536, "processes": 8, "open_files": 32, "file_kb": 64,
             "disk_kb": 1024, "inodes": 64, "output_bytes": 100}[limit]  # fmt: skip
    result = run("bash", "echo fine >x; cat x", limits={limit: value})
    assert (result["status"], result["stdout"]) == ("ok", "fine\n")


@pytest.mark.parametrize("limit", sorted(set(LIMITS) - {"timeout", "cpu_seconds"}))
def test_the_smallest_limits_are_no_fault_of_the_service(api: httpx.Client, limit: str) -> None:
    for language in ("bash", "python3", "c"):
        source = {"bash": "echo x", "python3": "print()", "c": "int main(void) { return 0; }"}[language]
        response = api.post("run", json={"language": language, "source": source, "limits": {limit: 1}})
        assert response.status_code in {200, 400}
        assert response.json().get("status") != "internal_error"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", {}),
        (b"null", {}),
        (b"[]", {}),
        (b'"text"', {}),
        (b"{", {}),
        (b"{}", {}),
        (b'{"source": "x", "source": "y", "language": "bash"}', {}),
        (b'{"limits": {"timeout": 1, "timeout": 2}, "source": "", "language": "bash"}', {}),
        (b"[" * 200_000, {}),
        (b'{"a":' * 100_000, {}),
        (b"\xff\xfe" + json.dumps(GOOD).encode("utf-16-le"), {}),
        (json.dumps(GOOD).encode("utf-32"), {}),
        (b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), {}),
        (b'{"source": "\xff", "language": "bash"}', {}),
        (b'{"source": "\\ud800", "language": "bash"}', {}),
        (b'{"source": "\\udfff\\ud800", "language": "bash"}', {}),
        (b'{"source": "x", "language": "bash", "stdin": "\\udc00"}', {}),
        (b'{"source": "x", "language": "bash\\u0000"}', {}),
        (b'{"source": "x", "language": "../../bin/sh"}', {}),
        (b'{"source": "x", "language": "__class__"}', {}),
        (b'{"source": "x", "language": "bash", "env": {"LD_PRELOAD": "x"}}', {}),
        (b'{"source": "x", "language": "bash", "command": ["sh"]}', {}),
        (b'{"source": "x", "language": "bash", "uid": 0}', {}),
        (b'{"source": "x", "language": "bash", "__proto__": {}}', {}),
        (b"1" * 5000, {}),
        (b'{"source": 1' + b"0" * 5000 + b"}", {}),
        (b"source=x&language=bash", {"content-type": "application/x-www-form-urlencoded"}),
        (b"<run/>", {"content-type": "application/xml"}),
        (b"\x1f\x8b\x08\x00", {"content-encoding": "gzip"}),
        (b"\x00" * 1000, {}),
    ],
)
def test_what_is_no_request_is_refused(api: httpx.Client, body: bytes, headers: dict[str, str]) -> None:
    response = api.post("run", content=body, headers=headers)
    assert response.status_code in {400, 415, 422}
    assert response.json()["error"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/../b", "a/./b", "/etc/passwd", "//etc/passwd", "a//b", "a/", "nul\0", "x" * 256, "é" * 128,
     "d/" * 2000 + "f", "main.sh", "main.sh/x", "./main.sh", "../work/main.sh", "/work/main.sh"],
)  # fmt: skip
def test_a_file_name_that_leads_elsewhere_is_refused(api: httpx.Client, name: str) -> None:
    response = api.post("run", json={**GOOD, "files": {name: "text"}})
    assert response.status_code == 400
    assert response.json()["error"].startswith("files")


@pytest.mark.parametrize("name", ["\ud800", "a\udc80b"])
def test_a_file_name_that_is_no_text_is_refused(api: httpx.Client, name: str) -> None:
    response = api.post("run", content=json.dumps({**GOOD, "files": {name: "text"}}))
    assert (response.status_code, "files" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize("name", ["-rf", "a b", "é.txt", "😀", "*", "$(id)", "`id`", "'", '"', "\\", "a\\..\\b", "%2e%2e%2fup", "~",
                                  ".hidden", "CON", "main.sh~", "MAIN.SH", "...", "a\tb", "a\nb", "\x7f"])  # fmt: skip
def test_an_odd_file_name_is_a_name_or_refused(api: httpx.Client, name: str) -> None:
    source = "find . -type f ! -name main.sh -print0 | xargs -0 cat"
    response = api.post("run", json={"language": "bash", "source": source, "files": {name: "text"}})
    assert response.status_code in {200, 400}
    if response.status_code == 200:
        assert (response.json()["status"], response.json()["stdout"]) == ("ok", "text")


def test_too_many_files_are_refused(api: httpx.Client) -> None:
    response = api.post("run", json={**GOOD, "files": {str(n): "" for n in range(5000)}})
    assert (response.status_code, "files" in response.json()["error"]) == (400, True)


def test_files_that_exceed_the_disk_are_the_requests_fault(api: httpx.Client) -> None:
    body = {**GOOD, "files": {str(n): "x" * 10_000 for n in range(60)}, "limits": {"disk_kb": 64}}
    response = api.post("run", json=body)
    assert response.status_code == 400 or response.json()["status"] == "disk_limit", response.text


@pytest.mark.parametrize("field", ["source", "stdin"])
def test_what_is_just_small_enough_is_taken_and_more_refused(api: httpx.Client, field: str) -> None:
    text = "#" + "x" * 1_000_000
    assert api.post("run", json={**GOOD, field: text}).status_code == 200
    assert api.post("run", json={**GOOD, field: text * 20}).status_code == 413


@pytest.mark.parametrize("args", [["x"] * 257, ["x" * 70_000], ["\0"], ["x" * 60_000] * 20, ["\ud800"]])
def test_arguments_that_no_program_gets_are_refused(api: httpx.Client, args: list[str]) -> None:
    response = api.post("run", content=json.dumps({**GOOD, "args": args}))
    assert response.status_code in {400, 413}


def _raw(service: httpx.Client, sent: bytes, *, wait: float = 5, end: bool = False) -> bytes:
    """What the service answers to bytes, until it closes or is silent for `wait` seconds."""
    address = urlsplit(str(service.base_url))
    with socket.create_connection((address.hostname, address.port or 80), 5) as connection:
        connection.settimeout(wait)
        answer = b""
        try:
            connection.sendall(sent)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while block := connection.recv(65536):
                answer += block
                if b"\r\n\r\n" in answer and not end:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return answer


_BODY = json.dumps(GOOD).encode()
_POST = b"POST /api/v1/run HTTP/1.1\r\nHost: localhost\r\n"

_MALFORMED = {
    "two lengths": _POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + _BODY,
    "length and chunks": _POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n",
    "negative length": _POST + b"Content-Length: -1\r\n\r\n",
    "length that is no number": _POST + b"Content-Length: 0x10\r\n\r\n",
    "length without end": _POST + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n",
    "chunk that is no number": _POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "chunk without end": _POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n",
    "line folding": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no method": b"/healthz HTTP/1.1\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(100_000)) + b"\r\n",
    "long header": b"GET /healthz HTTP/1.1\r\nh: " + b"x" * 2_000_000 + b"\r\n\r\n",
    "long path": b"GET /" + b"x" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\0c\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "upgrade": b"GET /api/v1/run HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    "proxy": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
    "absolute address": b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("malformed", _MALFORMED)
def test_what_is_no_http_is_answered_or_cut_off(service: httpx.Client, malformed: str) -> None:
    answer = _raw(service, _MALFORMED[malformed], wait=3)
    status = answer.split(b" ", 2)[1] if answer.startswith(b"HTTP/1.") else b"cut off"
    assert not status.startswith(b"5")
    assert b"codecanvas_runs" not in answer  # nothing smuggled in a body is answered


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/....//etc/passwd",
                                  "//etc/passwd", "/assets/../../../etc/passwd", "/%00", "/.git/config", "/.env", "/config.js%00.html",
                                  "/api/v1/../../etc/passwd", "/proc/self/environ", "/static/%5c..%5c..%5cetc/passwd"])  # fmt: skip
def test_no_path_leads_to_the_services_files(service: httpx.Client, path: str) -> None:
    answer = _raw(
        service,
        b"GET " + path.encode() + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        wait=3,
        end=True,
    )
    assert b"root:" not in answer
    assert b"RUNNER_" not in answer
    assert b"[core]" not in answer


def test_clients_that_vanish_leave_no_program(
    service: httpx.Client, api: httpx.Client, service_pid: int | None
) -> None:
    address = urlsplit(str(service.base_url))
    seconds = f"9.{time.time_ns() % 10**9:09}"  # how these programs are told from those of tests beside this one
    source = f"for i in 1 2 3; do setsid sleep {seconds} & done; sleep {seconds}"
    body = json.dumps({"language": "bash", "source": source, "limits": {"timeout": 9}})
    for _ in range(10):
        connection = socket.create_connection((address.hostname, address.port or 80), 5)
        connection.sendall(_POST + f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    time.sleep(0.5)  # those that are to be ended have begun
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status = api.get("status").json()
        if service_pid is None and (status["runners"]["busy"], status["queue"]["depth"]) == (0, 0):
            return
        if service_pid is not None and not status["queue"]["depth"] and not _runs(seconds):
            return
        time.sleep(0.2)
    raise AssertionError(f"still busy with what nobody waits for: {status}")


def _runs(argument: str) -> bool:
    """Whether a process of this machine has the argument."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument.encode() in file.read_bytes().split(b"\0"):
                return True
    return False


def test_clients_that_send_slowly_hold_nobody_up(service: httpx.Client, run: Any) -> None:
    address = urlsplit(str(service.base_url))
    slow = [socket.create_connection((address.hostname, address.port or 80), 5) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(_POST + b"Content-Length: 1000\r\n\r\n{")
        begun = time.monotonic()
        assert run("bash", "echo fine")["stdout"] == "fine\n"
        assert time.monotonic() - begun < 5
    finally:
        for connection in slow:
            connection.close()


def test_clients_that_do_not_read_hold_nobody_up(service: httpx.Client, run: Any) -> None:
    address = urlsplit(str(service.base_url))
    body = json.dumps({"language": "python3", "source": "print('x' * 900000)"}).encode()
    deaf = [socket.create_connection((address.hostname, address.port or 80), 5) for _ in range(4)]
    try:
        for connection in deaf:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall((_POST + b"Content-Length: %d\r\n\r\n" % len(body) + body) * 3)
        time.sleep(1)
        begun = time.monotonic()
        assert run("bash", "echo fine")["stdout"] == "fine\n"
        assert time.monotonic() - begun < 10
    finally:
        for connection in deaf:
            connection.close()


def test_a_crowd_is_served_or_told_to_come_back(api: httpx.Client) -> None:
    with httpx.Client(base_url=api.base_url, timeout=60, limits=httpx.Limits(max_connections=150)) as client, \
            ThreadPoolExecutor(150) as clients:  # fmt: skip
        answers = list(clients.map(lambda _: client.post("run", json=GOOD), range(300)))
    assert {answer.status_code for answer in answers} <= {200, 429}
    assert all(answer.json()["stdout"] == "fine\n" for answer in answers if answer.status_code == 200)
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 429)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "X" * 100])
def test_other_methods_are_refused(api: httpx.Client, method: str) -> None:
    response = api.request(method, "run", content=_BODY)
    assert response.status_code in {400, 404, 405, 501}
