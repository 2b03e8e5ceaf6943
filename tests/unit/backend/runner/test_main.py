"""The process as a whole: how it starts, refuses, and ends."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from backend.runner import service


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


def _post(port: int, source: str) -> tuple[int, dict[str, object]]:
    body = json.dumps({"language": "bash", "source": source}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/run", body, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def _busy(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/status", timeout=30) as response:
        return int(json.load(response)["runners"]["busy"])


def test_a_bad_setting_ends_it_with_2_and_a_sentence() -> None:
    with _start(NUM_RUNNERS="many") as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "NUM_RUNNERS='many' must be a whole number" in said
    assert "Traceback" not in said


def test_sigterm_finishes_the_run_in_hand_refuses_new_ones_and_exits_0(process: subprocess.Popen[str]) -> None:
    port = _port(process)
    answers: list[tuple[int, dict[str, object]]] = []
    client = threading.Thread(target=lambda: answers.append(_post(port, "sleep 1; echo finished")))
    client.start()
    while not _busy(port):
        pass
    process.send_signal(signal.SIGTERM)
    refused, said = _post(port, "echo late")
    while refused == 200:  # the signal had not arrived yet, so that this run waited for its turn and was served
        refused, said = _post(port, "echo late")
    assert (refused, "shutting down" in str(said["error"])) == (503, True)
    client.join(30)
    assert [(status, answer["stdout"]) for status, answer in answers] == [(200, "finished\n")]
    assert process.wait(service.SHUTDOWN_SECONDS) == 0


def test_sigterm_at_rest_ends_it_at_once(process: subprocess.Popen[str]) -> None:
    _port(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
