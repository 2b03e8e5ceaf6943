"""The process as a whole: how it starts, refuses, and ends."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from backend.runner import service
from backend.runner.client import Busy, Client, Output, Patience, Program


def _start(**variables: str) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "RUNNER_PORT": "0", "NUM_RUNNERS": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "backend.runner"], env=environment, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    with _start() as running:
        yield running
        running.kill()


def _port(process: subprocess.Popen[str]) -> int:
    if process.stderr is None:
        raise RuntimeError("no pipe")
    for line in process.stderr:
        if found := re.search(r"listening on \S+ port (\d+)", line):
            return int(found[1])
    raise RuntimeError("it ended before it listened")


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=30):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return False


def test_a_bad_setting_ends_it_with_2_and_a_sentence() -> None:
    with _start(NUM_RUNNERS="many") as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "NUM_RUNNERS='many' must be a whole number" in said
    assert "Traceback" not in said


def test_sigterm_finishes_the_run_in_hand_refuses_new_ones_and_exits_0(process: subprocess.Popen[str]) -> None:
    port = _port(process)
    with Client(f"http://127.0.0.1:{port}", patience=Patience(attempts=1)) as client:
        with client.session(Program(language="bash", source="echo begun; read -r line; echo $line")) as session:
            events = iter(session)
            while not (isinstance(event := next(events), Output) and event.text == "begun\n"):
                pass
            process.send_signal(signal.SIGTERM)
            while _ready(port):
                pass
            with pytest.raises(Busy, match="shutting down"):
                client.run("bash", "echo late")
            session.type("finished\n")
            rest = list(events)
        assert [event.text for event in rest if isinstance(event, Output)] == ["finished\n"]
    assert process.wait(service.SHUTDOWN_SECONDS) == 0


def test_sigterm_at_rest_ends_it_at_once(process: subprocess.Popen[str]) -> None:
    _port(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
