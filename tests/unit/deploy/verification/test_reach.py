"""An environment that cannot be reached says nothing about its release; one that answers wrongly does."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.errors import ReleaseFault, SuiteFailed, SuiteNotRun
from deploy.ledger import DeploymentInfo, Status
from deploy.settings.environments import EnvironmentConfig, load_environment
from deploy.verification import parity, suites
from deploy.verification.suites import offered_languages, prove, run_smoke

NOWHERE = "http://127.0.0.1:9/api/v1/"
PAGES = {name: {"config.js": name.encode()} for name in ("staging", "production")}
INFO = DeploymentInfo("1", "staging", "0.1.0", "a" * 40, datetime.now(UTC), "me", Status.DEPLOYED, "i", "f")


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """The API's address at a service that always answers so."""

    class Always(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Always) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/v1/"
        server.shutdown()


def at(address: str) -> EnvironmentConfig:
    """Staging, at another address."""
    return replace(load_environment("staging"), api_url=address)


@pytest.fixture
def staging_at(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Suites find staging where a test says, and lose patience at once."""
    monkeypatch.setattr(suites, "REACH_SECONDS", 0.0)
    monkeypatch.setattr(parity, "PAUSE", 0.0)
    return monkeypatch


def test_what_cannot_be_reached_blames_nobody() -> None:
    with pytest.raises(SuiteNotRun, match="cannot be reached from here"):
        offered_languages(at(NOWHERE), 0.0)
    assert not issubclass(SuiteNotRun, ReleaseFault)


@pytest.mark.parametrize(("status", "body"), [(500, b""), (503, b"no machine"), (200, b"nonsense"), (200, b'{"a": 1}')])
def test_an_answer_that_names_no_languages_is_the_releases_fault(status: int, body: bytes) -> None:
    with answering(status, body) as address, pytest.raises(SuiteFailed):
        offered_languages(at(address), 0.0)


def test_the_languages_are_told() -> None:
    with answering(200, b'{"languages": ["bash", "c"]}') as address:
        assert offered_languages(at(address), 0.0) == ["bash", "c"]


def test_a_smoke_suite_that_cannot_reach_its_site_was_not_run(staging_at: pytest.MonkeyPatch, tmp_path: Path) -> None:
    staging_at.setattr(suites, "load_environment", lambda name: at(NOWHERE))
    with pytest.raises(
        SuiteNotRun, match=r"not run: .*cannot be reached.*\./dev pytest .*-m smoke --env staging"
    ) as told:
        run_smoke("staging", rehearsal=False, logs=tmp_path)
    assert told.value.log is not None
    assert "cannot be reached" in told.value.log.read_text()


def test_a_smoke_suite_of_a_service_that_fails_has_failed(staging_at: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with answering(500, b"") as address:
        staging_at.setattr(suites, "load_environment", lambda name: at(address))
        with pytest.raises(SuiteFailed, match="HTTP 500"):
            run_smoke("staging", rehearsal=False, logs=tmp_path)


def test_without_a_site_there_is_no_evidence(staging_at: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(SuiteNotRun, match=r"Nothing was recorded.*invoke verify --env staging --rehearsal$"):
        prove(INFO, PAGES, "http://127.0.0.1:9/", rehearsal=True, logs=tmp_path, tell=said.append)
    assert len(said) == 1
    assert said[0].startswith("parity: not run")


def test_a_failure_is_evidence_though_what_came_after_it_was_not_run(
    staging_at: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    staging_at.setattr(suites, "load_environment", lambda name: at(NOWHERE))
    with answering(404, b"") as address:
        evidence, log = prove(INFO, PAGES, address, rehearsal=False, logs=tmp_path, tell=lambda _: None)
    assert (evidence.ok, [suite.name for suite in evidence.suites]) == (False, ["parity"])
    assert log is not None
