"""The generator as a process, held by its handle."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.settings.environments import ROOT
from deploy.verification.traffic import Traffic, TrafficReport

from ..conftest import Little


def start(little: Little, out: Path) -> Traffic:
    return Traffic.start(f"{little.url}api/v1/", little.url, 100, out)


def more_than(traffic: Traffic, sent: int) -> TrafficReport:
    deadline = time.monotonic() + 30
    while (report := traffic.so_far()).sent <= sent and time.monotonic() < deadline:
        time.sleep(0.05)
    return report


def test_counting_begins_with_the_first_success_and_losses_are_counted(little: Little, tmp_path: Path) -> None:
    little.before = lambda path: (503, b"not yet")
    with start(little, tmp_path / "t.json") as traffic:
        while not little.asked:
            time.sleep(0.01)
        little.before = lambda path: None
        armed = traffic.wait_armed(30)
        assert armed.armed
        little.before = lambda path: (502, b"gone") if path == "/healthz" else None
        more_than(traffic, armed.sent)
        report = traffic.stop()
        assert traffic.stop() == report
    assert 0 < report.lost < report.sent
    assert {loss["kind"] for loss in report.losses} == {"healthz"}
    assert report.body["before_armed"] > 0
    assert report.body["done"]
    assert report.to_json() == {"sent": report.sent, "lost": report.lost}


def test_what_never_served_is_told(little: Little, tmp_path: Path) -> None:
    little.before = lambda path: (404, b"") if path == "/" else None
    with start(little, tmp_path / "t.json") as traffic:
        more_than(traffic, 0)
        with pytest.raises(DeployError, match="API and page api answered"):
            traffic.wait_armed(0.1)


def test_a_generator_that_fails_is_told(little: Little, tmp_path: Path) -> None:
    with Traffic.start("nonsense", little.url, 100, tmp_path / "t.json") as traffic:
        with pytest.raises(DeployError, match="exit code 2"):
            traffic.wait_armed(30)
        with pytest.raises(DeployError, match="not counted"):
            traffic.stop()
    assert "is no http(s) URL" in (tmp_path / "t.log").read_text()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.verification.traffic", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_other_hosts_are_refused(tmp_path: Path) -> None:
    urls = ("--api", "http://192.0.2.1/api/v1/", "--page", "http://127.0.0.1:9/")
    done = run(*urls, "--out", str(tmp_path / "t.json"))
    assert done.returncode == 2
    assert "--i-own-this-host" in done.stderr
    assert not (tmp_path / "t.json").exists()


@pytest.mark.parametrize("limit", [("--seconds", "0.3"), ("--child-of", "1")])
def test_it_stops_by_itself(little: Little, tmp_path: Path, limit: tuple[str, str]) -> None:
    out = tmp_path / "t.json"
    done = run("--api", f"{little.url}api/v1/", "--page", little.url, "--rate", "50", *limit, "--out", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(out.read_text())["done"]
