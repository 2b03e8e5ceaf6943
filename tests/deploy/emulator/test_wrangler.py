"""The provider's own client publishes to the emulator of its API: what holds for it holds for ours."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from deploy.emulator.faults import FaultClient
from tests.deploy.emulator.support import Emulated

PLACE = Path(__file__).with_name("wrangler")
BIN = Path(sys.executable).parent
HOST = "staging-frontend.pages.dev"


def run(command: list[str], place: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of this environment's Node.js in a directory, with nothing of the caller's tokens."""
    usual = {key: value for key, value in os.environ.items() if "TOKEN" not in key and "CLOUDFLARE" not in key}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    every = {**usual, "PATH": path, **environment}
    return subprocess.run(command, cwd=place, env=every, capture_output=True, text=True, timeout=240, check=False)


@pytest.fixture(scope="session")
def wrangler() -> list[str]:
    """The client's command, its packages installed as locked (once; git ignores them)."""
    lock = hashlib.sha256((PLACE / "package-lock.json").read_bytes()).hexdigest()
    stamp = PLACE / "node_modules" / ".lock-digest"
    with FileLock(Path(tempfile.gettempdir()) / "codecanvas-wrangler.lock"):
        if not stamp.exists() or stamp.read_text() != lock:
            done = run([str(BIN / "npm"), "ci", "--ignore-scripts"], PLACE)
            assert done.returncode == 0, f"npm ci in {PLACE} failed; is the package registry reachable?\n{done.stderr}"
            stamp.write_text(lock)
    return [str(BIN / "node"), str(PLACE / "node_modules" / "wrangler" / "bin" / "wrangler.js")]


@pytest.fixture
def faults(emulated: Emulated) -> Iterator[FaultClient]:
    """Faults of this emulator, forgotten after the test."""
    client = FaultClient(emulated.state)
    yield client
    client.clear()


def publish(
    wrangler: list[str], emulated: Emulated, site: Path, token: str = "", *more: str
) -> subprocess.CompletedProcess[str]:
    """Publish a directory to staging's project."""
    tokens = emulated.tokens["staging"]
    command = [*wrangler, "pages", "deploy", str(site), "--project-name", "staging-frontend", "--branch", "main"]
    return run(
        [*command, "--commit-dirty=true", "--commit-hash", "a" * 40, *more],
        site.parent,
        CLOUDFLARE_API_BASE_URL=emulated.running.cloudflare_api,
        CLOUDFLARE_API_TOKEN=token or tokens["CLOUDFLARE_API_TOKEN"],
        CLOUDFLARE_ACCOUNT_ID=tokens["CLOUDFLARE_ACCOUNT_ID"],
        WRANGLER_SEND_METRICS="false",
        WRANGLER_HIDE_BANNER="true",
        CI="1",
        HOME=str(site.parent),
        XDG_CONFIG_HOME=str(site.parent / "config"),
    )


def test_wrangler_publishes_to_the_emulator(wrangler: list[str], emulated: Emulated, tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "assets").mkdir(parents=True)
    (site / "index.html").write_text("<p>by wrangler</p>")
    (site / "assets" / "app.js").write_text("// by wrangler\n")
    (site / "assets" / "ünïcode.txt").write_text("ü")
    (site / "_headers").write_text("/assets/*\n  X-By: wrangler\n")
    (site / "_redirects").write_text("/old /assets/app.js 301\n")
    done = publish(wrangler, emulated, site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert emulated.edge(HOST, "/").text == "<p>by wrangler</p>"
    script = emulated.edge(HOST, "/assets/app.js")
    assert (script.text, script.headers["x-by"]) == ("// by wrangler\n", "wrangler")
    assert emulated.edge(HOST, "/assets/%C3%BCn%C3%AFcode.txt").text == "ü"
    assert emulated.edge(HOST, "/old").headers["location"] == "/assets/app.js"
    with emulated.pages("staging") as pages:
        project = emulated.account("staging", "staging-frontend")
        deployment = pages.get(f"{project}/deployments").json()["result"][0]
    assert deployment["deployment_trigger"]["metadata"]["commit_hash"] == "a" * 40
    assert deployment["environment"] == "production"

    (site / "index.html").write_text("<p>again</p>")
    again = publish(wrangler, emulated, site)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Uploaded 1 files" in again.stdout  # what is there already is not sent again
    assert emulated.edge(HOST, "/").text == "<p>again</p>"


def test_wrangler_comes_through_where_the_platform_fails(
    wrangler: list[str], emulated: Emulated, tmp_path: Path, faults: FaultClient
) -> None:
    def failing(end: str, status: int, code: int, times: int = 1) -> dict[str, Any]:
        match = {"method": "POST", "path": f"/{end}$"}
        return {"kind": "error_before", "status": status, "code": str(code), "match": match, "times": times}

    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("<p>all the same</p>")
    faults.add(
        failing("upload", 403, 8000013),
        failing("upsert-hashes", 500, 8000000, times=2),
        failing("deployments", 500, 8000000),
    )
    done = publish(wrangler, emulated, site, "", "--commit-message", "ü" * 300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Failed to update file hashes" in done.stdout + done.stderr
    assert all(rule["hits"] == rule["times"] for rule in faults.all())
    assert emulated.edge(HOST, "/").text == "<p>all the same</p>"
    with emulated.pages("staging") as pages:
        project = emulated.account("staging", "staging-frontend")
        deployment = pages.get(f"{project}/deployments").json()["result"][0]
    assert deployment["deployment_trigger"]["metadata"]["commit_message"] == "ü" * 192


def test_wrangler_is_refused_with_a_wrong_token(wrangler: list[str], emulated: Emulated, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("x")
    refused = publish(wrangler, emulated, site, token="wrong")
    assert refused.returncode != 0
    assert "Authentication error" in refused.stdout + refused.stderr
