"""The first hour: what is missing is shown, made once, and made again after every kind of accident."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from deploy.unkindness import STRICT
from tests.deploy.emulator.conftest import docker_host, engine  # noqa: F401 - fixtures
from tests.deploy.emulator.support import limited, until
from tests.deploy.newcomer import Newcomer, newcomer

ALL = {"app", "addresses", "page"}


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


def states(things: dict[str, dict[str, str]], *names: str) -> set[str]:
    return {things[name]["state"] for name in names}


def test_everything_is_made_once_and_doctor_agrees_before_and_after(person: Newcomer) -> None:
    """On platforms as unkind as the providers."""
    person.faults.add(*STRICT.rules())
    assert states(person.doctor(code=1), *ALL) == {"missing"}
    planned = person.invoke("setup", "--env", "staging", "--plan")
    assert "would create app runner-staging in organisation personal" in planned
    assert states(person.doctor(code=1), *ALL) == {"missing"}
    refused = person.invoke("setup", "--env", "staging", code=2)
    assert "--yes" in refused
    assert states(person.doctor(code=1), *ALL) == {"missing"}
    person.invoke("setup", "--env", "staging", "--yes")
    things = person.doctor()
    assert states(things, *ALL, "Fly token", "Cloudflare token", "organisation", "ledger") == {"there"}
    assert "until 20" in things["Fly token"]["words"]
    assert "FLY_API_TOKEN_STAGING" in things["FLY_API_TOKEN"]["words"]
    person.faults.clear()
    with person.emulated.fly("staging") as fly:
        assert fly.get("/apps/runner-staging").json()["network"] == "runner-staging"
        before = fly.get("/apps/runner-staging/ip_assignments").json()
        said = person.invoke("setup", "--env", "staging")  # nothing to ask, so no terminal is needed
        assert "create" not in said
        assert fly.get("/apps/runner-staging/ip_assignments").json() == before


@pytest.mark.parametrize("path", ["/v1/apps$", "/ip_assignments$", "/pages/projects$"])
def test_a_lost_answer_makes_nothing_twice(person: Newcomer, path: str) -> None:
    person.faults.add({"kind": "drop_after", "match": {"method": "POST", "path": path}})
    person.invoke("setup", "--env", "staging", "--yes")
    with person.emulated.fly("staging") as fly:
        assert len(fly.get("/apps/runner-staging/ip_assignments").json()["ips"]) == 2
    assert states(person.doctor(), *ALL) == {"there"}


@pytest.mark.parametrize("path", ["/v1/apps$", "/ip_assignments$", "/pages/projects$"])
def test_who_is_killed_runs_it_again(person: Newcomer, path: str) -> None:
    rule = {"kind": "delay", "seconds": 2.0, "match": {"method": "POST", "path": path}}
    struck = person.faults.add(rule)[0]["id"]
    command = [sys.executable, "-m", "deploy.cli", "setup", "--env", "staging", "--yes"]
    process = subprocess.Popen(
        command, cwd=person.project.place, env=person.environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert until(lambda: person.faults.hits(struck))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2.2)  # what was asked for is done by now
    person.invoke("setup", "--env", "staging", "--yes")
    with person.emulated.fly("staging") as fly:
        assert len(fly.get("/apps/runner-staging/ip_assignments").json()["ips"]) == 2
    assert states(person.doctor(), *ALL) == {"there"}


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
def test_a_token_that_is_wrong_is_told_before_anything_is_made_with_it(
    person: Newcomer, kind: str, code: str, thing: str, words: str
) -> None:
    with limited(person.emulated, kind, code):
        found = person.doctor(code=1)[thing]
        assert found["state"] == "wrong"
        assert words in found["words"]
        assert found["remedy"]
        assert thing in person.invoke("setup", "--env", "staging", "--yes", code=1)
    things = person.doctor(code=1)
    assert states(things, "page" if kind == "cloudflare_token" else "app") == {"missing"}


def test_tokens_of_other_kinds_do(person: Newcomer) -> None:
    """A token of the account, one for the app alone once that is there, and one that is no macaroon."""
    with limited(person.emulated, "cloudflare_token", "account"):
        person.invoke("setup", "--env", "staging", "--yes")
    with limited(person.emulated, "fly_token", "app"):
        things = person.doctor()
        assert "app runner-staging of organisation personal alone" in things["Fly token"]["words"]
        assert states(things, "organisation", *ALL) == {"there"}
    with limited(person.emulated, "fly_token", "opaque"):
        assert states(person.doctor(), "Fly token", *ALL) == {"there"}
    with limited(person.emulated, "cloudflare_token", "reader", seconds=3 * 86400.0):
        found = person.doctor()["Cloudflare token"]
        assert "in 2 days" in found["words"]
        assert found["remedy"]


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("fly_token", "app", "fly tokens create org"),
        ("fly_token", "reader", "fly apps create runner-staging --org personal --network runner-staging"),
        ("cloudflare_token", "reader", "wrangler pages project create staging-frontend"),
    ],
)
def test_a_token_that_may_not_make_it_is_told_with_the_commands(
    person: Newcomer, kind: str, code: str, words: str
) -> None:
    with limited(person.emulated, kind, code):
        assert words in person.invoke("setup", "--env", "staging", "--yes", code=1)


def test_an_address_that_somebody_else_has_is_told(person: Newcomer) -> None:
    person.faults.add({"kind": "taken_address"})
    said = person.invoke("setup", "--env", "staging", "--yes", code=1)
    assert "somebody else has that address" in said
    found = person.doctor(code=1)["page"]
    assert found["state"] == "wrong"
    assert "FRONTEND_URL=https://staging-frontend-" in found["remedy"]


def test_a_name_that_somebody_else_has_and_a_shared_network_are_told(person: Newcomer) -> None:
    file = person.project.place / ".env.staging"
    file.write_text(file.read_text().replace("DEPLOYMENT_TARGET=runner-staging", "DEPLOYMENT_TARGET=runner"))
    assert "choose another name" in person.doctor(code=1)["app"]["remedy"]
    person.project.git("checkout", "--quiet", ".")
    with person.emulated.fly("staging") as fly:
        assert fly.post("/apps", json={"name": "runner-staging", "org_slug": "personal"}).status_code == 201
    found = person.doctor(code=1)["app"]
    assert (found["state"], "network" in found["words"]) == ("wrong", True)


def test_what_does_not_answer_is_unknown_and_not_made(person: Newcomer) -> None:
    person.variables["CLOUDFLARE_API_BASE_URL"] = "http://127.0.0.1:9/client/v4"
    things = person.doctor(code=1)
    assert states(things, "Cloudflare token", "page") == {"unknown"}
    assert "could not be seen" in person.invoke("setup", "--env", "staging", "--yes", code=1)


def test_a_ledger_that_cannot_be_written_is_told(person: Newcomer) -> None:
    """Readable by anybody, and not to be pushed to: as a public repository without rights."""
    elsewhere = person.project.place / "no-such.git"
    person.project.git("remote", "set-url", "--push", "origin", str(elsewhere))
    try:
        found = person.doctor(code=1)["ledger"]
        assert (found["state"], "not written" in found["words"]) == ("wrong", True)
        person.project.git("remote", "set-url", "origin", str(elsewhere))
        assert person.doctor(code=1)["ledger"]["state"] == "wrong"
    finally:
        person.project.git("remote", "remove", "origin")
        person.project.git("remote", "add", "origin", str(Path(person.emulated.state).parent / "origin.git"))
