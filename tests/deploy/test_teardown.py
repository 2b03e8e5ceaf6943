"""An environment is removed by whoever types its app's name, and by nobody while somebody works on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import docker
import pytest

from deploy.ledger import DeploymentInfo, Intent, Status
from deploy.ledger import intent as intents
from deploy.ledger import lock as locks
from deploy.ledger.encoding import encode
from deploy.ledger.identity import this_process
from deploy.ledger.lock import Lock
from deploy.release.setup.thing import State
from deploy.settings.policy import Strategy
from tests.deploy.emulator.conftest import docker_host, engine, image  # noqa: F401 - fixtures
from tests.deploy.emulator.support import machine_config
from tests.deploy.newcomer import Newcomer, newcomer

NAMED = ("teardown", "--env", "staging", "--confirm", "runner-staging")


@pytest.fixture(scope="module")
def person(
    tmp_path_factory: pytest.TempPathFactory,
    docker_host: str,  # noqa: F811
    engine: docker.DockerClient,  # noqa: F811
) -> Iterator[Newcomer]:
    """A user whose staging is set up."""
    with newcomer(tmp_path_factory.mktemp("newcomer"), docker_host, engine) as found:
        found.set_up()
        yield found


def made(person: Newcomer) -> set[State]:
    things = person.look()
    return {things[name].state for name in ("app", "page")}


@pytest.mark.parametrize("arguments", [(), ("--confirm", "runner"), ("--confirm", "staging")])
def test_without_the_apps_name_nothing_is_removed(person: Newcomer, arguments: tuple[str, ...]) -> None:
    said = person.invoke("teardown", "--env", "staging", *arguments, code=2)
    assert "removes app runner-staging" in said
    assert "keeps the ledger" in said
    assert made(person) == {State.THERE}


def test_while_somebody_works_on_it_or_a_rollout_is_half_way_nothing_is_removed(person: Newcomer) -> None:
    ledger, now = person.target().ledger, datetime.now(UTC)
    held = Lock("somebody", "promote 0.2.0", now, now + timedelta(seconds=15), "a-token", this_process())
    ledger.write("a test", lambda _: {locks.PATH: encode(held)})
    assert "somebody" in person.invoke(*NAMED, code=1)
    wanted = DeploymentInfo("d2", "staging", "0.2.0", "b" * 40, now, "me", Status.PENDING, "sha256:1", "sha256:2")
    left = Intent("deploy", wanted, None, Strategy.BLUEGREEN, 1)
    ledger.write("a test", lambda _: {locks.PATH: None, intents.PATH: encode(left)})
    assert "invoke resume --env staging" in person.invoke(*NAMED, code=1)
    ledger.write("a test", lambda _: {intents.PATH: None})
    assert made(person) == {State.THERE}


def test_machines_that_the_ledger_does_not_know_keep_it(person: Newcomer, image: str) -> None:  # noqa: F811
    config = machine_config("runner-staging", person.emulated.push("staging", "runner-staging", slug="personal"))
    machine = person.emulated.create("staging", config)["id"]
    assert machine in person.invoke(*NAMED, code=1)
    assert made(person) == {State.THERE}
    with person.emulated.fly("staging") as fly:
        fly.delete(f"/apps/runner-staging/machines/{machine}?force=true")
        fly.get(f"/apps/runner-staging/machines/{machine}/wait?state=destroyed")


def test_it_is_removed_as_often_as_somebody_wants_and_the_ledger_stays(person: Newcomer) -> None:
    ledger = person.target().ledger
    ledger.write("a test", lambda _: {"approvals/kept.json": b"{}"})
    person.faults.add({"kind": "drop_after", "match": {"method": "DELETE", "path": "/pages/projects/"}})
    said = person.invoke(*NAMED)
    assert "invoke setup --env staging" in said
    assert made(person) == {State.MISSING}
    assert ledger.snapshot().commit
    person.invoke(*NAMED)
    person.set_up()
    assert made(person) == {State.THERE}
