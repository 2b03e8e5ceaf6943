"""A suite proves or blames only when all of it ran: real pytest sessions that end in every way there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from deploy.settings.environments import ROOT
from deploy.verification.outcome import Outcome, SuiteRun
from deploy.verification.suites import examine

PASSES = "def test_{}(): pass\n"
SLOW = """import os, time
def test_slow():
    open({mark!r}, 'w').write(str(os.getpid()))
    time.sleep(60)
"""


def _examine(place: Path, tests: str, expected: int, *options: str) -> SuiteRun:
    """Run these tests for themselves: nothing of this project's configuration applies."""
    (place / "test_it.py").write_text(textwrap.dedent(tests))
    (place / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    arguments = [str(place / "test_it.py"), "--rootdir", str(place), "-c", str(place / "pytest.ini"), *options]
    return examine("it", arguments, expected, place / "it.log")


def test_all_tests_passed(tmp_path: Path) -> None:
    ran = _examine(tmp_path, PASSES.format(1) + PASSES.format(2), 2)
    assert (ran.outcome, ran.suite.passed, ran.suite.failed, ran.reason) == (Outcome.PASSED, 2, 0, "")


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
def test_a_failing_test_is_blame(tmp_path: Path, options: tuple[str, ...]) -> None:
    ran = _examine(tmp_path, PASSES.format(1) + "def test_2(): assert 1 == 2\n", 2, *options)
    assert (ran.outcome, ran.suite.passed, ran.suite.failed) == (Outcome.FAILED, 1, 1)


@pytest.mark.parametrize(
    ("tests", "expected", "options", "reason"),
    [
        (PASSES.format(1), 2, (), "1 tests ran where 2 were expected"),
        (PASSES.format(1) + PASSES.format(2), 2, ("-k", "test_1"), "1 tests ran where 2 were expected"),
        ("def test_1(): assert 0\ndef test_2(): pass\n", 2, ("-x",), "1 tests ran where 2 were expected"),
        ("", 1, (), "found no test (exit code 5)"),
        ("import nothing_of_that_name\n", 1, (), "(exit code 2)"),
        (PASSES.format(1), 1, ("--no-such-option",), "called wrongly (exit code 4)"),
        ("import pytest\ndef test_1(): pytest.skip('lacking')\n", 1, (), "1 tests were skipped"),
        ("import pytest\n@pytest.mark.xfail\ndef test_1(): assert 0\n", 1, (), "1 tests were skipped"),
        ("import os, signal\ndef test_1(): os.kill(os.getpid(), signal.SIGINT)\n", 1, (), "interrupted"),
        ("import os, signal\ndef test_1(): os.kill(os.getpid(), signal.SIGTERM)\n", 1, (), "interrupted"),
        ("import os, signal\ndef test_1(): os.kill(os.getpid(), signal.SIGKILL)\n", 1, (), "ended by SIGKILL"),
        ("import os\ndef test_1(): os._exit(0)\n", 1, (), "exit code 0 and left no report"),
        ("import os\ndef test_1(): os._exit(1)\n", 1, (), "exit code 1 and left no report"),
        ("import os\ndef test_1(): os.abort()\ndef test_2(): pass\n", 2, ("-n", "1"), "test process crashed"),
        ("import httpx\ndef test_1(): httpx.get('http://127.0.0.1:9/')\n", 1, (), "1 tests could not connect"),
        ("import httpx\ndef test_1(): httpx.get('http://127.0.0.1:9/')\n", 1, ("-n", "1"), "could not connect"),
        ("import httpx\ndef test_1(): httpx.get('http://no-such-host.invalid/')\n", 1, (), "could not connect"),
    ],
)
def test_anything_else_is_neither(
    tmp_path: Path, tests: str, expected: int, options: tuple[str, ...], reason: str
) -> None:
    ran = _examine(tmp_path, tests, expected, *options)
    assert ran.outcome is Outcome.NOT_RUN
    assert reason in ran.reason
    assert ran.words.startswith("not run: ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_session_that_is_ended_half_way_proves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "running"

    def end() -> None:
        os.kill(_wait_for_pid(mark), number)

    threading.Thread(target=end, daemon=True).start()
    ran = _examine(tmp_path, PASSES.format(1) + SLOW.format(mark=str(mark)), 2)
    assert ran.outcome is Outcome.NOT_RUN


VERB = """
import sys
from pathlib import Path
from deploy.verification.process import run_pytest
place = Path(sys.argv[1])
run_pytest([str(place / "test_it.py"), "-c", str(place / "pytest.ini"), "-n", "1",
            "-p", "deploy.verification.recorder", f"--suite-report={place}/report"], place / "log")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_pytest_and_its_workers_end_with_the_verb(tmp_path: Path, number: signal.Signals) -> None:
    mark = tmp_path / "running"
    (tmp_path / "test_it.py").write_text(SLOW.format(mark=str(mark)))
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:cacheprovider\n")
    verb = subprocess.Popen([sys.executable, "-c", VERB, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        worker = _wait_for_pid(mark)
        assert os.getsid(worker) != os.getsid(verb.pid)  # Ctrl+C on a terminal reaches the verb alone
        verb.send_signal(number)
        verb.wait(20)
        deadline = time.monotonic() + 20
        while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not Path(f"/proc/{worker}").exists()
    finally:
        verb.kill()
        verb.wait()


def _wait_for_pid(mark: Path) -> int:
    deadline = time.monotonic() + 30
    while not (mark.exists() and mark.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return int(mark.read_text())
