"""Nothing is skipped: a test that is skipped proves nothing, and would be missed by nobody.

And signals are those of a terminal, wherever the tests were started.
"""

from __future__ import annotations

import signal

import pytest

_SKIPPED = pytest.StashKey[dict[str, str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with nothing skipped, and with the signals that a script's `&` or nohup would have us ignore.

    Programs that tests start inherit what is ignored, and would not end when they are interrupted.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.stash[_SKIPPED] = {}
    if not hasattr(config, "workerinput"):  # with xdist, the process that has the workers hears of everything
        config.pluginmanager.register(_Listener(config))


class _Listener:
    """Remembers why each test, or each file of tests, was skipped."""

    def __init__(self, config: pytest.Config) -> None:
        self._skipped = config.stash[_SKIPPED]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skipped[report.nodeid] = reason.removeprefix("Skipped: ")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A session that skipped something has failed."""
    if session.config.stash[_SKIPPED] and session.exitstatus in (
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what is missing; the reason of a skip says how to get it."""
    if skipped := config.stash[_SKIPPED]:
        terminalreporter.section("failed, because nothing may be skipped", red=True)
        for test, reason in skipped.items():
            terminalreporter.line(f"{test}: {reason}")
