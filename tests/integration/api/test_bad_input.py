"""Requests that are at fault are refused, saying why."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

GOOD = {"source": "echo fine", "language": "bash"}

BAD = {
    "no source": ({"language": "bash"}, "source"),
    "no language": ({"source": ""}, "language"),
    "unknown language": ({**GOOD, "language": "klingon"}, "python3"),
    "unknown field": ({**GOOD, "sauce": ""}, "sauce"),
    "source no text": ({**GOOD, "source": 1}, "source"),
    "language no text": ({**GOOD, "language": None}, "language"),
    "stdin no text": ({**GOOD, "stdin": ["a"]}, "stdin"),
    "args no list": ({**GOOD, "args": "a b"}, "args"),
    "an argument no text": ({**GOOD, "args": [1]}, "args"),
    "an argument with NUL": ({**GOOD, "args": ["\0"]}, "args"),
    "files no object": ({**GOOD, "files": ["a"]}, "files"),
    "limits no object": ({**GOOD, "limits": 1}, "limits"),
    "limit unknown": ({**GOOD, "limits": {"time": 1}}, "limits.time"),
    "limit no number": ({**GOOD, "limits": {"timeout": "1"}}, "limits.timeout"),
    "limit true": ({**GOOD, "limits": {"processes": True}}, "limits.processes"),
    "surrogate": ({**GOOD, "source": "\ud800"}, "source"),
    "no object": ([], "object"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_request_at_fault_is_refused_naming_the_field(api: httpx.Client, case: str) -> None:
    body, named = BAD[case]
    response = api.post("run", content=json.dumps(body))
    assert response.status_code == 400
    assert response.json().keys() == {"error", "request_id"}
    assert named in response.json()["error"]


@pytest.mark.parametrize(
    "limit",
    ["timeout", "cpu_seconds", "memory_kb", "output_bytes", "processes", "open_files", "file_kb", "disk_kb", "inodes"],
)
@pytest.mark.parametrize("value", [0, -1, 10**12])
def test_a_limit_that_limits_nothing_is_refused(api: httpx.Client, limit: str, value: int) -> None:
    response = api.post("run", json={**GOOD, "limits": {limit: value}})
    assert response.status_code == 400
    assert f"limits.{limit}" in response.json()["error"]


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../up", "a/../b", "/etc/passwd", "a//b", "a/", "nul\0", "x" * 101, "d/" * 150 + "f", "main.sh",
     "main.sh/x"],
)  # fmt: skip
def test_a_file_name_that_leads_elsewhere_is_refused(api: httpx.Client, name: str) -> None:
    response = api.post("run", json={**GOOD, "files": {name: "text"}})
    assert response.status_code == 400
    assert response.json()["error"].startswith("files")


def test_a_file_in_a_file_is_refused(api: httpx.Client) -> None:
    response = api.post("run", json={**GOOD, "files": {"a": "", "a/b": ""}})
    assert (response.status_code, "lies in what is a file" in response.json()["error"]) == (400, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"source": "\xff"}', b"[" * 100_000, b'{"source": NaN}', b'{"a": 1, "a": 2}',
     b"9" * 9999],
    ids=["empty", "cut", "utf16", "latin1", "deep", "nan", "twice", "digits"],
)  # fmt: skip
def test_what_is_no_json_is_refused(api: httpx.Client, body: bytes) -> None:
    response = api.post("run", content=body)
    assert response.status_code == 400
    assert response.json()["error"]


def _blocks() -> Iterator[bytes]:
    for _ in range(40):
        yield b" " * 32768


@pytest.mark.parametrize("content", [b" " * (1024 * 1024 + 1), None], ids=["announced", "chunked"])
def test_a_body_over_a_mebibyte_is_refused(api: httpx.Client, content: Any) -> None:
    response = api.post("run", content=_blocks() if content is None else content)
    assert response.status_code == 413
    assert response.json()["error"]


def test_a_body_just_below_a_mebibyte_is_run(run: Any) -> None:
    source = "echo fine\n#" + "x" * 1_000_000
    assert run("bash", source)["stdout"] == "fine\n"
