"""A pytest plugin that writes a suite's report: `-p deploy.verification.recorder --suite-report PATH`.

The report is written once, when the session ends by itself; a session that is killed leaves none. It also says what an
exit code cannot: whether a worker process crashed, and whether a test failed because it could not reach the site.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

UNREACHABLE = "unreachable"
# No connection came to be, so the release that is tested never heard of the request. A connection that breaks later, or
# an answer that does not come, may well be the release's own doing.
_NO_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, ConnectionRefusedError, socket.gaierror)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option that names the report."""
    parser.addoption("--suite-report", type=Path, default=None, help="write the suite's report to this file, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Record in the process that reports: with xdist, the one that has the workers."""
    place = config.getoption("--suite-report")
    if place is None or hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(Recorder(place), "suite-recorder")
    # Sent by the verb that started this, or by the kernel when that verb died: workers and browsers are taken down too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Mark a failure that is due to a connection that could not be made; xdist carries the mark to the recorder."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if report.failed and error is not None and (cause := no_connection(error)) is not None:
        report.user_properties.append((UNREACHABLE, f"{type(cause).__name__}: {cause}"))
    return report


def no_connection(error: BaseException) -> BaseException | None:
    """The failed connection that led to `error`, itself included; None when there was none."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        if isinstance(at, _NO_CONNECTION):
            return at
        seen.add(id(at))
        at = at.__cause__ or at.__context__
    return None


class Recorder:
    """Collects what became of each test."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._tests: dict[str, str] = {}
        self._unreachable: dict[str, str] = {}
        self._crashed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The worst of a test's setup, call and teardown counts; a test that is expected to fail counts as skipped."""
        word = "skipped" if hasattr(report, "wasxfail") else report.outcome
        if word == "failed" or (word == "skipped" and self._tests.get(report.nodeid) != "failed"):
            self._tests[report.nodeid] = word
        elif report.when == "call":
            self._tests.setdefault(report.nodeid, word)
        for name, value in report.user_properties:
            if name == UNREACHABLE:
                self._unreachable[report.nodeid] = str(value)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """A worker of xdist died while it ran this test, which xdist then reports as failed."""
        self._crashed.append(crashitem)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """A worker ended; `error` is set when it was not asked to."""
        if error:
            self._crashed.append(f"worker {node.gateway.id}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the report, whole or not at all."""
        body = {
            "exit_code": int(exitstatus),
            "tests": dict(sorted(self._tests.items())),
            "unreachable": self._unreachable,
            "crashed": self._crashed,
        }
        part = self._place.with_suffix(".part")
        part.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
        os.replace(part, self._place)  # noqa: PTH105 - one word for "atomically"
