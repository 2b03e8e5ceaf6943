"""The first hour: what is missing is shown, made once, and made again after every kind of accident."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from deploy.errors import DeployError
from deploy.ledger import Ledger
from deploy.ledger.patience import Patience
from deploy.release.setup import run
from deploy.release.setup.thing import Found, State
from deploy.unkindness import STRICT
from tests.deploy.emulator.conftest import docker_host, engine  # noqa: F401 - fixtures
from tests.deploy.emulator.support import limited, until
from tests.deploy.newcomer import Newcomer, newcomer

MADE = ("app", "addresses", "page")
PATHS = ("/v1/apps$", "/ip_assignments$", "/pages/projects$")
MISSING, THERE, WRONG, UNKNOWN = State.MISSING, State.THERE, State.WRONG, State.UNKNOWN


@pytest.fixture(scope="module")
def whoever(
    tmp_path_factory: pytest.TempPathFactory,
    docker_host: str,  # noqa: F811
    engine: docker.DockerClient,  # noqa: F811
) -> Iterator[Newcomer]:
    with newcomer(tmp_path_factory.mktemp("newcomer"), docker_host, engine) as found:
        yield found


@pytest.fixture
def person(whoever: Newcomer) -> Iterator[Newcomer]:
    """A new user on whose accounts nothing is yet, with a working tree as it was committed."""
    whoever.start_over()
    variables = dict(whoever.variables)
    yield whoever
    whoever.variables = variables
    whoever.project.git("checkout", "--quiet", ".")


def states(things: dict[str, Found], *names: str) -> set[State]:
    return {things[name].state for name in names}


def doctor(person: Newcomer, code: int) -> dict[str, str]:
    """The states of things, as the verb prints them."""
    printed = person.invoke("doctor", "--env", "staging", "--json", code=code)
    found = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert found["ok"] is (code == 0)
    return {each["name"]: each["state"] for each in found["things"]}


def test_everything_is_made_once_and_doctor_agrees_before_and_after(person: Newcomer) -> None:
    """On platforms as unkind as the providers."""
    planned = person.invoke("setup", "--env", "staging", "--plan")
    assert "would create app runner-staging in organisation personal" in planned
    assert "--yes" in person.invoke("setup", "--env", "staging", code=2)
    found = doctor(person, code=1)
    assert {found[name] for name in MADE} == {"missing"}
    person.faults.add(*STRICT.rules())
    said = person.invoke("setup", "--env", "staging", "--yes")
    assert said.index("now: create app runner-staging") < said.index("✓ create app runner-staging")
    found = doctor(person, code=0)
    assert {found[name] for name in (*MADE, "Fly token", "Cloudflare token", "organisation", "ledger")} == {"there"}
    person.faults.clear()
    with person.emulated.fly("staging") as fly:
        assert fly.get("/apps/runner-staging").json()["network"] == "runner-staging"
        before = fly.get("/apps/runner-staging/ip_assignments").json()
        said = person.invoke("setup", "--env", "staging")  # nothing to ask, so no terminal is needed
        assert "create" not in said
        assert "from FLY_API_TOKEN_STAGING in the process environment" in said
        assert fly.get("/apps/runner-staging/ip_assignments").json() == before


def test_lost_answers_make_nothing_twice(person: Newcomer) -> None:
    person.faults.add(*({"kind": "drop_after", "match": {"method": "POST", "path": path}} for path in PATHS))
    assert states(person.set_up(), *MADE) == {THERE}
    with person.emulated.fly("staging") as fly:
        assert len(fly.get("/apps/runner-staging/ip_assignments").json()["ips"]) == 2


def test_who_is_killed_runs_it_again(person: Newcomer) -> None:
    command = [sys.executable, "-m", "deploy.cli", "setup", "--env", "staging", "--yes"]
    for path in PATHS:
        rule = {"kind": "delay", "seconds": 0.5, "match": {"method": "POST", "path": path}}
        struck = person.faults.add(rule)[0]["id"]
        process = subprocess.Popen(
            command, cwd=person.project.place, env=person.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        assert until(lambda struck=struck: person.faults.hits(struck))  # type: ignore[misc]
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    until(lambda: person.look()["page"].state is THERE, 2.0)  # what was asked for is done by now
    assert states(person.set_up(), *MADE) == {THERE}
    with person.emulated.fly("staging") as fly:
        assert len(fly.get("/apps/runner-staging/ip_assignments").json()["ips"]) == 2


@pytest.mark.parametrize(
    ("kind", "code", "thing", "words"),
    [
        ("fly_token", "expired", "Fly token", "refuses it"),
        ("fly_token", "elsewhere", "Fly token", "organisation elsewhere"),
        ("cloudflare_token", "expired", "Cloudflare token", "expired"),
        ("cloudflare_token", "disabled", "Cloudflare token", "disabled"),
        ("cloudflare_token", "unknown", "Cloudflare token", "refuses it"),
        ("cloudflare_token", "scopeless", "Cloudflare token", "may not see"),
    ],
)
def test_a_token_that_is_wrong_is_told_and_nothing_is_made_with_it(
    person: Newcomer, kind: str, code: str, thing: str, words: str
) -> None:
    with limited(person.emulated, kind, code):
        found = person.set_up()
        assert found[thing].state is WRONG
        assert words in found[thing].words
        assert found[thing].remedy
    assert person.look()["page" if kind == "cloudflare_token" else "app"].state is MISSING


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/tokens/verify$", "6003", "Invalid request headers"),
        ("/pages/projects$", "7003", "may not see the account's Pages projects"),
    ],
)
def test_what_cloudflare_does_not_understand_is_wrong_too(person: Newcomer, path: str, code: str, words: str) -> None:
    """A token of another shape; an account that is none."""
    text = "Invalid request headers" if code == "6003" else "Could not route to the path, is the identifier valid?"
    rule = {"kind": "error_before", "status": 400, "code": code, "text": text, "times": None, "match": {"path": path}}
    person.faults.add(rule)
    found = person.look()["Cloudflare token"]
    assert (found.state, words in found.words) == (WRONG, True)


def test_tokens_of_other_kinds_do(person: Newcomer) -> None:
    """A token of the account, one for the app alone once that is there, and one that is no macaroon."""
    with limited(person.emulated, "cloudflare_token", "account"):
        assert states(person.set_up(), "Cloudflare token", *MADE) == {THERE}
    with limited(person.emulated, "fly_token", "app"):
        things = person.look()
        assert "app runner-staging of organisation personal alone" in things["Fly token"].words
        assert states(things, "Fly token", "organisation", *MADE) == {THERE}
    with limited(person.emulated, "fly_token", "opaque"):
        assert states(person.look(), "Fly token", *MADE) == {THERE}
    assert "until 20" in person.look()["Fly token"].words
    with limited(person.emulated, "cloudflare_token", "reader", seconds=3 * 86400.0):
        found = person.look()["Cloudflare token"]
        assert "in 2 days" in found.words
        assert found.remedy


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("fly_token", "reader", "fly apps create runner-staging --org personal --network runner-staging"),
        ("cloudflare_token", "reader", "wrangler pages project create staging-frontend"),
    ],
)
def test_a_token_that_may_not_make_it_is_told_with_the_commands(
    person: Newcomer, kind: str, code: str, words: str
) -> None:
    with limited(person.emulated, kind, code), pytest.raises(DeployError, match=words):
        person.set_up()


def test_a_token_for_an_app_that_is_not_there_cannot_make_it(person: Newcomer) -> None:
    with limited(person.emulated, "fly_token", "app"):
        found = person.set_up()["organisation"]
    assert (found.state, "fly tokens create org --org personal" in found.remedy) == (WRONG, True)
    assert person.look()["app"].state is MISSING


def test_an_address_that_somebody_else_has_is_told(person: Newcomer) -> None:
    person.faults.add({"kind": "taken_address"})
    found = person.set_up()["page"]
    assert (found.state, "somebody else has that address" in found.words) == (WRONG, True)
    assert "FRONTEND_URL=https://staging-frontend-" in found.remedy


def test_a_name_that_somebody_else_has_and_a_shared_network_are_told(person: Newcomer) -> None:
    file = person.project.place / ".env.staging"
    file.write_text(file.read_text().replace("DEPLOYMENT_TARGET=runner-staging", "DEPLOYMENT_TARGET=runner"))
    assert "choose another name" in person.look()["app"].remedy
    person.project.git("checkout", "--quiet", ".")
    with person.emulated.fly("staging") as fly:
        assert fly.post("/apps", json={"name": "runner-staging", "org_slug": "personal"}).status_code == 201
    found = person.look()["app"]
    assert (found.state, "network" in found.words) == (WRONG, True)


def test_a_name_that_is_taken_where_the_token_sees_nothing_is_told(person: Newcomer) -> None:
    words = "Validation failed: Name has already been taken"
    refused = {"kind": "error_before", "status": 422, "text": words, "match": {"method": "POST", "path": "/v1/apps$"}}
    person.faults.add({**refused, "code": "name_taken"})
    with pytest.raises(DeployError, match="choose another name: DEPLOYMENT_TARGET"):
        person.set_up()


def test_on_a_terminal_each_thing_is_asked_for(person: Newcomer) -> None:
    """What is declined is not made, nor what needs it; nor is anything without an answer."""
    assert on_a_terminal(person, "n\ny\n") == 1
    assert states(person.look(), "app", "addresses") == {MISSING}
    assert person.look()["page"].state is THERE
    assert on_a_terminal(person, "y\n\x04") == 1
    assert person.look()["app"].state is THERE
    assert person.look()["addresses"].state is MISSING
    assert on_a_terminal(person, "y\n") == 0
    assert person.look()["addresses"].state is THERE


def on_a_terminal(person: Newcomer, typed: str) -> int:
    """The exit code of `setup`, with what somebody types."""
    ours, its = pty.openpty()
    try:
        os.write(ours, typed.encode())
        command = [sys.executable, "-m", "deploy.cli", "setup", "--env", "staging"]
        done = subprocess.run(
            command, cwd=person.project.place, env=person.environment(), stdin=its, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False, timeout=60,
        )  # fmt: skip
        return done.returncode
    finally:
        os.close(ours)
        os.close(its)


@pytest.mark.parametrize(
    ("before", "after", "thing", "words"),
    [
        ("API_URL=https://runner-staging", "API_URL=https://my-runner", "app", "my-runner.fly.dev"),
        ("FRONTEND_URL=https://staging-frontend", "FRONTEND_URL=https://my-page", "page", "my-page.pages.dev"),
        ("PAGES_PROJECT=staging-frontend", "", "page", "PAGES_PROJECT is not set"),
    ],
)
def test_names_that_do_not_agree_are_told_before_anything_is_made(
    person: Newcomer, before: str, after: str, thing: str, words: str
) -> None:
    """Who chooses names has to write each twice."""
    file = person.project.place / ".env.staging"
    file.write_text(file.read_text().replace(before, after))
    found = person.set_up()[thing]
    assert (found.state, words in found.words) == (WRONG, True)
    person.project.git("checkout", "--quiet", ".")
    assert person.look()[thing].state is MISSING


def test_what_does_not_answer_is_unknown_and_not_made(person: Newcomer) -> None:
    person.variables["CLOUDFLARE_API_BASE_URL"] = "http://127.0.0.1:9/client/v4"
    assert states(person.set_up(), "Cloudflare token", "page") == {UNKNOWN}


def test_a_ledger_that_does_not_answer_is_unknown(person: Newcomer) -> None:
    soon = Patience(read=0.1, write=0.1)
    ledger = Ledger(person.project.place, "staging", "http://127.0.0.1:9/none.git", patience=soon)
    target = replace(person.target(), ledger=ledger)
    found = run.look_at(target, [each for each in person.things(target) if each.name == "ledger"])[0].found
    assert (found.state, "127.0.0.1" in found.words) == (UNKNOWN, True)


def test_a_ledger_that_cannot_be_written_is_told(person: Newcomer) -> None:
    """Readable by anybody, and not to be pushed to: as a public repository without rights."""
    elsewhere = Path(person.project.place) / "no-such.git"
    person.project.git("remote", "set-url", "--push", "origin", str(elsewhere))
    try:
        found = person.look()["ledger"]
        assert (found.state, "not written" in found.words) == (WRONG, True)
    finally:
        person.project.git("config", "--unset", "remote.origin.pushurl")
    assert person.look()["ledger"].state is THERE
