"""What is served is what the release holds, and environments differ in their configuration alone."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.ledger import Suite
from deploy.verification import parity
from deploy.verification.outcome import Outcome
from deploy.verification.parity import check_parity

SHARED = {"index.html": b"<main>", "assets/main.1.js": b"run()", "_headers": b"/*\n  A: b\n"}
PAGES = {"staging": {**SHARED, "config.js": b"staging"}, "production": {**SHARED, "config.js": b"production"}}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What staging serves."""
    for name, content in PAGES["staging"].items():
        if name != "_headers":  # hosts keep it to themselves
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def served(place: Path) -> Iterator[httpx.Client]:
    """A client of a real server of `place`."""
    handler = functools.partial(_Quiet, directory=str(place))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}/") as client:
            yield client
        server.shutdown()


def _check(served: httpx.Client, log: Path, production: dict[str, bytes] | None = None) -> tuple[Suite, str]:
    pages = {**PAGES, "production": PAGES["production"] if production is None else production}
    return check_parity(pages, "staging", served, log).suite, log.read_text()


def test_a_page_that_is_served_as_it_was_released_passes(served: httpx.Client, tmp_path: Path) -> None:
    suite, said = _check(served, tmp_path / "log")
    assert (suite.name, suite.passed, suite.failed, said) == ("parity", 4, 0, "")


@pytest.mark.parametrize(
    ("production", "fault"),
    [
        ({**PAGES["production"], "assets/main.1.js": b"walk()"}, "assets/main.1.js: differs between environments"),
        ({**PAGES["production"], "extra.js": b""}, "extra.js: differs between environments"),
        ({**PAGES["production"], "config.js": b"staging"}, "config.js: is the same in several environments"),
    ],
)
def test_environments_differ_in_their_configuration_alone(
    served: httpx.Client, tmp_path: Path, production: dict[str, bytes], fault: str
) -> None:
    suite, said = _check(served, tmp_path / "log", production)
    assert (suite.ok, suite.failed, said) == (False, 1, f"{fault}\n")


def test_files_that_are_served_otherwise_are_told(served: httpx.Client, place: Path, tmp_path: Path) -> None:
    (place / "index.html").write_bytes(b"<main onclick=x>")
    (place / "assets/main.1.js").unlink()
    suite, said = _check(served, tmp_path / "log")
    assert (suite.passed, suite.failed) == (2, 2)
    assert "index.html: is served with other content" in said
    assert "assets/main.1.js: is answered with HTTP 404" in said


def test_a_host_that_does_not_answer_blames_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "PAUSE", 0.0)
    with httpx.Client(base_url="http://127.0.0.1:9/") as nobody:
        ran = check_parity(PAGES, "staging", nobody, tmp_path / "log")
    assert (ran.outcome, ran.suite.passed, ran.suite.failed) == (Outcome.NOT_RUN, 0, 0)
    assert "could not be read" in ran.reason
    assert ran.reason in ran.log.read_text()


class _Failing(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_host_that_fails_blames_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "PAUSE", 0.0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Failing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with httpx.Client(base_url=f"http://127.0.0.1:{server.server_port}/") as failing:
            ran = check_parity(PAGES, "staging", failing, tmp_path / "log")
        server.shutdown()
    assert ran.outcome is Outcome.NOT_RUN
    assert "HTTP 503" in ran.reason


@pytest.mark.parametrize(
    ("there", "fault"),
    [
        (b"old()", ""),
        (None, ""),
        (b"<main>", "assets/old.1.js: is served with other content"),
    ],
)
def test_a_file_of_an_earlier_release_is_served_as_it_was_or_not_at_all(
    served: httpx.Client, place: Path, tmp_path: Path, there: bytes | None, fault: str
) -> None:
    if there is not None:
        (place / "assets/old.1.js").write_bytes(there)
    former = {"assets/old.1.js": b"old()", "assets/main.1.js": b"another release's, under this one's name"}
    ran = check_parity(PAGES, "staging", served, tmp_path / "log", former)
    assert (ran.suite.passed, ran.suite.failed) == (4 if fault else 5, 1 if fault else 0)
    assert fault in ran.log.read_text()
