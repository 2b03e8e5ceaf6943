"""Black-box suites against any environment: `--env local|staging|production`, `--rehearsal` for this machine's.

`--env local` speaks to the service that CODECANVAS_LOCAL_URL names (`nox -s integration` starts one), else to
`invoke up`. Nothing here is skipped: what an environment lacks is a failure that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.errors import DeployError
from deploy.local import local_config
from deploy.rehearsals import STATE, rehearsal_config
from deploy.settings.environments import EnvironmentConfig, Role, environment_names, load_environment
from deploy.verification.canary import FORCED

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., dict[str, Any]]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("environment")
    group.addoption(
        "--env", default="local", choices=environment_names(), help="the environment to speak to (default: local)"
    )
    group.addoption(
        "--attacks", default="all", choices=("all", "brief"),
        help="of each attack all variants, or one (default: all; `nox -s hostile` runs all in every mode of isolation)",
    )  # fmt: skip
    group.addoption("--machine", default="", help="ask this machine's API alone, as Fly's edge lets a request do")
    group.addoption("--rehearsal", action="store_true", help="the environment of the rehearsal on this machine")
    group.addoption(
        "--update-screenshots", action="store_true", help="write the reference pictures of the page, instead of failing"
    )


def _configured(config: pytest.Config) -> EnvironmentConfig:
    name, rehearsal = config.getoption("--env"), config.getoption("--rehearsal")
    if rehearsal:
        return rehearsal_config(name)
    named = load_environment(name)
    return local_config() if named.role is Role.LOCAL else named


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say at once when the environment cannot be reached, instead of failing each test.

    A service that answers, be it with an error, is for the tests to judge.
    """
    if hasattr(session.config, "workerinput"):
        return
    try:
        config = _configured(session.config)
        with _client(config.service_url) as client:
            client.get("healthz", timeout=30)
    except DeployError as wrong:
        pytest.exit(str(wrong), returncode=2)
    except httpx.TransportError as wrong:
        how = (
            "run `./dev invoke up` beside this, or `./dev nox -s integration`"
            if config.name == "local"
            else "see `invoke status`"
        )
        pytest.exit(f"{config.name} at {config.service_url} does not answer ({wrong}); {how}", returncode=2)


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> EnvironmentConfig:
    """The environment under test."""
    return _configured(pytestconfig)


def _client(base_url: str, machine: str = "") -> httpx.Client:
    # A new connection is tried again: what is asserted is the service's behaviour, not the network's.
    headers = {FORCED: machine} if machine else {}
    return httpx.Client(base_url=base_url, timeout=60, transport=httpx.HTTPTransport(retries=2), headers=headers)


@pytest.fixture
def api(environment: EnvironmentConfig, pytestconfig: pytest.Config) -> Iterator[httpx.Client]:
    """A client at the API's URL, which ends in /api/v1/."""
    with _client(environment.api_url, pytestconfig.getoption("--machine")) as client:
        yield client


@pytest.fixture
def service(environment: EnvironmentConfig, pytestconfig: pytest.Config) -> Iterator[httpx.Client]:
    """A client at the service's root."""
    with _client(environment.service_url, pytestconfig.getoption("--machine")) as client:
        yield client


@pytest.fixture
def site(environment: EnvironmentConfig) -> Iterator[httpx.Client]:
    """A client at the page's root."""
    with _client(environment.frontend_url) as client:
        yield client


@pytest.fixture
def release(service: httpx.Client) -> dict[str, Any]:
    """What the service says of itself: version, sha, environment, image, machine."""
    return dict(service.get("/version").raise_for_status().json())


@pytest.fixture
def run(api: httpx.Client) -> Run:
    """Run a program; asserts HTTP 200 and returns the result. A full queue is waited for as Retry-After asks."""

    def run_program(language: str, source: str, **more: Any) -> dict[str, Any]:
        for _ in range(30):
            response = api.post("run", json={"language": language, "source": source, **more})
            if response.status_code not in (429, 503):
                break
            time.sleep(float(response.headers["retry-after"]))
        assert response.status_code == 200, response.text
        return dict(response.json())

    return run_program


@pytest.fixture(scope="session")
def baselines(environment: EnvironmentConfig, pytestconfig: pytest.Config) -> Path:
    """Where baselines of this environment are recorded."""
    kept = STATE if pytestconfig.getoption("--rehearsal") else ROOT / "dist"
    place = kept / "baselines" / environment.name
    place.mkdir(parents=True, exist_ok=True)
    return place
