"""What serves is compared before and after suites: a real ledger, and machines that a server on this machine names."""

from __future__ import annotations

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from deploy.errors import SuiteNotRun, UsageError
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC
from deploy.release.steady import require_steady, require_unchanged
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target

IMAGE, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
FIRST = DeploymentInfo("1", "staging", "0.1.0", "a" * 40, datetime.now(UTC), "me", Status.DEPLOYED, IMAGE, "f")


class Machines:
    """What the platform lists."""

    def __init__(self) -> None:
        self.digests = [IMAGE]

    def listed(self) -> list[dict[str, object]]:
        labels = {ENVIRONMENT: "staging", LAUNCH: "1", NUMBER: "1", TRAFFIC: "on"}
        return [
            {"id": f"m{n}", "name": f"m{n}", "state": "started", "config": {"metadata": labels}, "checks": [],
             "image_ref": {"digest": digest}}
            for n, digest in enumerate(self.digests)
        ]  # fmt: skip


@pytest.fixture
def machines() -> Machines:
    """One machine, of the first release."""
    return Machines()


@pytest.fixture
def target(tmp_path: Path, machines: Machines) -> Iterator[Target]:
    """Staging of a rehearsal, with nothing deployed."""

    class Platform(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown = machines.listed() if self.path.partition("?")[0].endswith("/machines") else {"name": "app"}
            body = json.dumps(shown).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path)], check=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Platform) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fly = f"http://127.0.0.1:{server.server_port}"
        tokens = Tokens("staging", {"FLY_API_TOKEN": Secret("t")})
        ledger = Ledger(tmp_path, "staging", None)
        yield Target(load_environment("staging"), Addresses(fly, fly, fly), tokens, ledger, rehearsal=True)
        server.shutdown()


def test_what_stays_as_it_was_is_proven(target: Target) -> None:
    target.ledger.record(FIRST)
    before = require_steady(target)
    assert before.release.id == "1"
    require_unchanged(target, before)


def test_an_environment_that_serves_nothing_is_wrong_use(target: Target) -> None:
    with pytest.raises(UsageError, match="invoke deploy --env staging --rehearsal"):
        require_steady(target)


def test_a_machine_that_runs_something_else_proves_nothing(target: Target, machines: Machines) -> None:
    target.ledger.record(FIRST)
    before = require_steady(target)
    machines.digests.append(OTHER)
    with pytest.raises(SuiteNotRun, match="a machine in traffic runs another release"):
        require_unchanged(target, before)
    with pytest.raises(SuiteNotRun, match="invoke status --env staging --rehearsal"):
        require_steady(target)


@pytest.mark.parametrize("status", [Status.DEPLOYED, Status.ROLLED_BACK])
def test_a_deployment_meanwhile_proves_nothing_even_when_it_was_taken_back(target: Target, status: Status) -> None:
    target.ledger.record(FIRST)
    before = require_steady(target)
    target.ledger.record(replace(FIRST, id="2", version="0.2.0", status=status))
    with pytest.raises(SuiteNotRun, match=r"a deployment was made.*invoke verify --env staging --rehearsal"):
        require_unchanged(target, before)
