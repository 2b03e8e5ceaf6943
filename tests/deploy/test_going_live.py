"""The tutorial is true: its commands, as they stand there, lead from new accounts to a promoted release."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import docker
import httpx
import pytest

from deploy.settings.environments import ROOT
from deploy.unkindness import STRICT
from tests.deploy.emulator.conftest import docker_host, engine  # noqa: F401 - fixtures
from tests.deploy.emulator.support import TENANTS
from tests.deploy.newcomer import Newcomer, newcomer


def commands() -> list[str]:
    """The lines of the tutorial's boxes of shell."""
    text = (ROOT / "docs/going-live.md").read_text()
    return [
        line for box in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for line in box.splitlines()
    ]


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


@pytest.mark.timeout(1200)
def test_the_commands_lead_from_new_accounts_to_production(person: Newcomer) -> None:
    person.faults.add(*STRICT.rules())
    found = commands()
    assert [
        word for word in ("setup", "doctor", "deploy", "verify", "promote") if f"invoke {word}" not in str(found)
    ] == []
    for line in found:
        # As typed, but for what takes long: the verbs' own environment is ours, and the image has the usual languages.
        typed = line.replace("./dev invoke", f"{sys.executable} -m deploy.cli").replace(
            "build --env", "build --languages core --env"
        )
        done = subprocess.run(
            ["/bin/sh", "-euc", typed],
            cwd=person.project.place, env=person.environment() | IDENTITY, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{line} → {done.returncode}\n{done.stdout}\n{done.stderr}"
    sha = person.project.git("rev-parse", "HEAD")
    for tenant in TENANTS:
        url = person.emulated.running.urls[tenant.app_host].rstrip("/")
        assert httpx.get(f"{url}/version", trust_env=False).json()["commit"] == sha


IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "tests"), ("EMAIL", "tests@codecanvas.invalid"))
}
