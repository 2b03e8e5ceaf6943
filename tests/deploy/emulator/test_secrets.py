"""Secrets of apps: staged on the platform, recorded by name, applied by new machines, different in each environment."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.errors import DeployError, UsageError
from deploy.events.bus import Bus
from deploy.events.events import Event, SecretsChanged
from deploy.git import git
from deploy.ledger import DeploymentInfo, Ledger, Status
from deploy.ledger.app_secrets import read_secrets
from deploy.release.app_secrets import (
    difference,
    listing,
    not_brought_back,
    set_secret,
    unset_secret,
)
from deploy.settings.comparison import ComparisonKey, comparison_key
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.deploy.emulator.support import Emulated, until

VALUE = "correct horse battery staple"


@pytest.fixture
def targets(emulated: Emulated, tmp_path: Path) -> dict[str, Target]:
    """Staging and production, with ledgers in a repository of their own."""
    repository = tmp_path / "repository"
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    git(repository, "commit", "-q", "--allow-empty", "-m", "first")
    running = emulated.running
    addresses = Addresses(running.fly_api, running.cloudflare_api, running.registry, running.fly_api)
    made = {}
    for name, app in (("staging", "runner-staging"), ("production", "runner")):
        emulated.push(name, app)
        tokens = {key: Secret(value) for key, value in emulated.tokens[name].items()}
        ledger = Ledger(repository, name, None)
        made[name] = Target(load_environment(name), addresses, Tokens(name, tokens), ledger, rehearsal=True)
        with emulated.fly(name) as fly:
            there = fly.get(f"/apps/{app}/secrets").json()["secrets"]
            fly.post(f"/apps/{app}/secrets", json={"values": dict.fromkeys([each["name"] for each in there])})
    return made


@pytest.fixture
def key(tmp_path: Path) -> ComparisonKey:
    return comparison_key(tmp_path, {})


@pytest.fixture
def answering() -> Iterator[Callable[[int, str], str]]:
    """Starts a server that answers everything with one status and body; its address."""
    with ExitStack() as stack:

        def start(status: int, body: str) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    self.send_response(200)
                    self.end_headers()
                    self.wfile.write(b"{}")

                def do_POST(self) -> None:
                    self.send_response(status)
                    self.end_headers()
                    self.wfile.write(body.encode())

                def log_message(self, *_: object) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}"

        yield start


def release(version: int) -> DeploymentInfo:
    """A release that staging serves, with secrets of this version."""
    return DeploymentInfo(
        "1", "staging", "0.1.0", "a" * 40, datetime.now(UTC), "me", Status.DEPLOYED, "sha256:i", "sha256:f",
        secrets_version=version,
    )  # fmt: skip


def everything(target: Target) -> str:
    """All that the ledger's branch ever held."""
    return git(target.ledger.repository, "log", "-p", target.ledger.branch).text


def test_a_secret_is_staged_recorded_by_name_and_applied_by_a_new_machine(
    emulated: Emulated, targets: dict[str, Target], staging: dict[str, Any], key: ComparisonKey
) -> None:
    target, heard = targets["staging"], list[Event]()
    made = set_secret(target, [targets["production"]], "SECRET", Secret(VALUE), key, Bus(heard.append))
    (shown,) = listing(target)
    assert (shown.name, shown.state) == ("SECRET", "staged: the next release applies it")
    assert [(each.name, each.change) for each in heard if isinstance(each, SecretsChanged)] == [("SECRET", "set")]
    assert VALUE not in everything(target)
    machine = emulated.serving("staging", staging, min_secrets_version=made.version)
    answer = until(lambda: emulated.edge("runner-staging.fly.dev", "/cgi-bin/who"))
    assert (answer.json()["machine"], answer.json()["secret"]) == (machine["id"], VALUE)
    target.ledger.record(release(made.version))
    assert [each.state for each in listing(target)] == ["applied"]


def test_another_environments_value_is_refused_under_whatever_name(
    targets: dict[str, Target], key: ComparisonKey
) -> None:
    staging, production = targets["staging"], targets["production"]
    set_secret(staging, [production], "DATABASE", Secret(VALUE), key, Bus())
    with pytest.raises(DeployError, match="would have the value of staging's DATABASE") as refused:
        set_secret(production, [staging], "QUEUE", Secret(VALUE), key, Bus())
    assert VALUE not in str(refused.value)
    assert listing(production) == []
    set_secret(production, [staging], "QUEUE", Secret(VALUE), key, Bus(), same="a public address")
    assert [each.note for each in listing(production)] == ["a public address"]


def test_the_secrets_of_two_environments_are_compared(targets: dict[str, Target], key: ComparisonKey) -> None:
    staging, production = targets["staging"], targets["production"]
    for target, name, value in (
        (staging, "BOTH", "one"), (staging, "HERE", "two"), (production, "BOTH", "one"), (production, "THERE", "three")
    ):  # fmt: skip
        set_secret(target, [], name, Secret(value), key, Bus())
    found = difference(*(read_secrets(each.ledger.snapshot()) for each in (staging, production)))
    assert (found.only_here, found.only_there, found.equal) == (("HERE",), ("THERE",), (("BOTH", "BOTH"),))
    assert not found.none


def test_hashes_of_another_key_are_not_taken_for_different(targets: dict[str, Target], key: ComparisonKey) -> None:
    staging, production = targets["staging"], targets["production"]
    other = comparison_key(Path("/"), {"CODECANVAS_COMPARISON_KEY": "another key, of another deployer"})
    set_secret(staging, [], "BOTH", Secret(VALUE), key, Bus())
    set_secret(production, [staging], "BOTH", Secret(VALUE), other, Bus())
    found = difference(*(read_secrets(each.ledger.snapshot()) for each in (staging, production)))
    assert found.not_compared == ("BOTH",)


def test_what_is_removed_is_staged_and_said_by_a_rollback(targets: dict[str, Target], key: ComparisonKey) -> None:
    target = targets["staging"]
    first = set_secret(target, [], "OLD", Secret("one"), key, Bus())
    assert not_brought_back(target.ledger.snapshot(), first.version) == ""
    set_secret(target, [], "NEW", Secret("two"), key, Bus())
    unset_secret(target, "OLD", Bus())
    assert {each.name: each.state for each in listing(target)} == {
        "NEW": "staged: the next release applies it", "OLD": "removal staged: the next release applies it",
    }  # fmt: skip
    said = not_brought_back(target.ledger.snapshot(), first.version)
    assert "NEW (set" in said
    assert "OLD (removed" in said
    with pytest.raises(UsageError, match="staging has no secret OLD"):
        unset_secret(target, "OLD", Bus())


def test_what_was_set_past_the_ledger_is_shown_so(
    emulated: Emulated, targets: dict[str, Target], key: ComparisonKey
) -> None:
    set_secret(targets["staging"], [], "OURS", Secret("one"), key, Bus())
    with emulated.fly("staging") as fly:
        fly.post("/apps/runner-staging/secrets", json={"values": {"THEIRS": "x", "OURS": None}})
    assert {each.name: each.state.partition(":")[0] for each in listing(targets["staging"])} == {
        "OURS": "missing on the platform", "THEIRS": "set past the ledger",
    }  # fmt: skip


def test_no_error_shows_a_value_whatever_the_platform_answers(
    targets: dict[str, Target], key: ComparisonKey, answering: Callable[[int, str], str]
) -> None:
    for status, body in ((400, json.dumps({"error": f"bad value {VALUE}"})), (500, f"<p>{VALUE}"), (422, VALUE[:30])):
        addresses = replace(targets["staging"].addresses, fly=answering(status, body))
        target = replace(targets["staging"], addresses=addresses)
        with pytest.raises(DeployError) as failed:
            set_secret(target, [], "SECRET", Secret(VALUE), key, Bus())
        assert VALUE[:20] not in str(failed.value)
