"""The tutorial is true: its commands, as they stand there, lead from new accounts to a promoted release.

Usually without the suites of `verify`, which other tests run, on kind platforms; `nox -s golive` leaves out nothing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import docker
import pytest

from deploy.ledger import Evidence, Suite
from deploy.release.setup.thing import State
from deploy.settings.environments import ROOT
from deploy.unkindness import STRICT
from tests.deploy.emulator.conftest import docker_host, engine  # noqa: F401 - fixtures
from tests.deploy.emulator.support import TENANTS
from tests.deploy.newcomer import Newcomer, newcomer

ALL = os.environ.get("CODECANVAS_GOING_LIVE") == "all"
IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "tests"), ("EMAIL", "tests@codecanvas.invalid"))
}


def commands() -> list[str]:
    """The lines of the tutorial's boxes of shell."""
    text = (ROOT / "docs/going-live.md").read_text()
    boxes = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for box in boxes for line in box.splitlines()]


@pytest.fixture(scope="module")
def person(
    tmp_path_factory: pytest.TempPathFactory,
    docker_host: str,  # noqa: F811
    engine: docker.DockerClient,  # noqa: F811
) -> Iterator[Newcomer]:
    """A new user who chose names: the addresses at which the platforms answer here."""
    with newcomer(tmp_path_factory.mktemp("newcomer"), docker_host, engine) as found:
        urls = found.emulated.running.urls
        for tenant in TENANTS:
            file = found.project.place / f".env.{tenant.environment}"
            text = re.sub(r"(?m)^API_URL=.*$", f"API_URL={urls[tenant.app_host].rstrip('/')}/api/v1/", file.read_text())
            page = urls[tenant.project_host].rstrip("/")
            file.write_text(re.sub(r"(?m)^FRONTEND_URL=.*$", f"FRONTEND_URL={page}/", text))
        yield found


def shell(person: Newcomer, line: str) -> None:
    """Run a line as a new user does; only what is built is less: the image has the usual languages."""
    verbs = line.replace("./dev invoke", f"{sys.executable} -m deploy.cli")
    typed = verbs.replace("build --env", "build --languages core --env")
    done = subprocess.run(
        ["/bin/sh", "-euc", typed],
        cwd=person.project.place, env=person.environment() | IDENTITY, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{line} → {done.returncode}\n{done.stdout}\n{done.stderr}"


def prove(person: Newcomer) -> None:
    """Record that what staging serves passed a suite, without running one."""
    ledger = person.target().ledger
    serves = ledger.snapshot().current()
    assert serves is not None
    suites, now = (Suite("integration", 1, 0, 0.1),), datetime.now(UTC)
    ledger.prove(Evidence("staging", serves.commit_sha, serves.image, serves.frontend, now, "a test", suites))


@pytest.mark.timeout(1200)
def test_the_commands_lead_from_new_accounts_to_production(person: Newcomer) -> None:
    found = commands()
    for verb in ("setup", "doctor", "build", "deploy", "verify", "approve", "promote", "status"):
        assert any(f"invoke {verb}" in line for line in found), verb
    if ALL:
        person.faults.add(*STRICT.rules())
    for line in found:
        if "invoke verify" in line and not ALL:
            prove(person)
        else:
            shell(person, line)
    sha = person.project.git("rev-parse", "HEAD")
    printed = person.invoke("status", "--json")
    state = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    for tenant in TENANTS:
        serves = state[tenant.environment]
        assert (serves["commitSha"], serves["agree"], serves["problems"]) == (sha, True, [])


def test_what_is_removed_can_be_made_and_released_again(person: Newcomer) -> None:
    """After the tutorial: its images went with the app, its ledger stayed."""
    person.faults.clear()
    person.invoke("teardown", "--env", "staging", "--confirm", "runner-staging")
    assert "invoke setup --env staging" in person.invoke("deploy", "--env", "staging", code=2)
    assert person.look()["app"].state is State.MISSING
    shell(person, "./dev invoke setup --env staging --yes")
    shell(person, "./dev invoke deploy --env staging")
    printed = person.invoke("status", "--env", "staging", "--json")
    state = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["staging"]
    assert (state["agree"], state["problems"]) == (True, [])
