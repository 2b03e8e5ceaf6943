"""Attacks are run through the API like any program; after each, an innocent run must be right.

On the machine of the service itself, which CODECANVAS_LOCAL_PID says by naming its process, what a service occupies
is looked at too: after every test when tests run one after the other, at the end of all when they run side by side.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from filelock import FileLock

from tests.hostile import footprint

Attack = Callable[..., dict[str, Any]]
PID_VARIABLE = "CODECANVAS_LOCAL_PID"

_LAST = pytest.StashKey[footprint.Footprint]()
_SETTLE_SECONDS = 15
_SETTLE_SECONDS_AT_THE_END = 120  # other workers may still be at it


def _why_not() -> str:
    """Why nothing can be said of the service's machine; empty where it can."""
    if not os.environ.get(PID_VARIABLE):
        return f"{PID_VARIABLE} is not set"
    return "" if os.geteuid() == 0 else "only root can look at the service's processes"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--attacks brief`, keep the first variant of each attack."""
    if config.getoption("--attacks") == "all":
        return
    seen: set[tuple[str, str]] = set()
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        attack = (str(item.path), getattr(item, "originalname", item.name))
        is_variant = item.path.parent == Path(__file__).parent and attack in seen
        seen.add(attack)
        (left if is_variant else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=left)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which half of "nothing is left behind" was looked at."""
    reason = _why_not()
    said = f"not looked at: {reason}" if reason else f"looked at, of process {os.environ[PID_VARIABLE]}"
    terminalreporter.write_line(f"what attacks leave on the service's machine: {said}")


@pytest.fixture(scope="session")
def service_pid() -> int | None:
    """The service's process, where it is on this machine and may be looked at."""
    return None if _why_not() else int(os.environ[PID_VARIABLE])


def _internal_errors(client: httpx.Client) -> float:
    lines = client.get("metrics").text.splitlines()
    counted = [line for line in lines if "_total{" in line and 'status="internal_error"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counted)


def _use_every_language(client: httpx.Client) -> None:
    """Run each language once, in their order: which processes wait then depends on what was used last."""
    for language in client.get("api/v1/languages").raise_for_status().json()["languages"]:
        name = language if isinstance(language, str) else language["name"]
        client.post("api/v1/run", json={"language": name, "source": ""})


def _at_rest(client: httpx.Client, service_pid: int | None) -> tuple[float, footprint.Footprint | None]:
    """Internal errors so far, and what the service occupies after a run of each language."""
    _use_every_language(client)
    return _internal_errors(client), None if service_pid is None else footprint.steady(service_pid)


@pytest.fixture(scope="session", autouse=True)
def before_all(
    environment: Any, service_pid: int | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[footprint.Footprint | None]:
    """The service at rest; at the end it occupies no more, and was never at fault.

    Where tests run side by side, the first worker looks before any of them begins, and for all of them.
    """
    with httpx.Client(base_url=environment.service_url, timeout=120) as client:
        if "PYTEST_XDIST_WORKER" in os.environ:
            seen = tmp_path_factory.getbasetemp().parent / "service-at-rest"
            with FileLock(f"{seen}.lock"):
                if not seen.exists():
                    seen.write_bytes(pickle.dumps(_at_rest(client, service_pid)))
                errors, before = pickle.loads(seen.read_bytes())
        else:
            errors, before = _at_rest(client, service_pid)
        yield before
        assert _internal_errors(client) == errors, "some runs ended with internal_error; the service's log says why"
        if service_pid is not None:
            _use_every_language(client)
    if service_pid is not None and before is not None:
        assert footprint.settled(service_pid, before, _SETTLE_SECONDS_AT_THE_END) == []


@pytest.fixture(autouse=True)
def nothing_stays(
    request: pytest.FixtureRequest, service_pid: int | None, before_all: footprint.Footprint | None
) -> Iterator[None]:
    """After a test, the service occupies no more than before; memory is looked at after all of them."""
    yield
    if service_pid is None or before_all is None or "PYTEST_XDIST_WORKER" in os.environ:
        return
    before = request.config.stash.get(_LAST, before_all)
    found = footprint.settled(service_pid, before, _SETTLE_SECONDS, memory=False)
    if found:  # told of this test, not of all that follow; the end of the session tells of it again
        request.config.stash[_LAST] = footprint.steady(service_pid)
    assert found == []


@pytest.fixture(scope="session")
def offered(environment: Any) -> frozenset[str]:
    """Names of the languages of this environment."""
    listed = httpx.get(f"{environment.api_url}languages", timeout=30).raise_for_status().json()["languages"]
    return frozenset(language if isinstance(language, str) else language["name"] for language in listed)


@pytest.fixture
def attack(run: Any) -> Attack:
    """Run a hostile program, then check that the service still runs others rightly and is not at fault itself."""

    def perform(language: str, source: str, **more: Any) -> dict[str, Any]:
        result: dict[str, Any] = run(language, source, **{"limits": {"timeout": 3}, **more})
        assert result["status"] != "internal_error", result
        after = run("python3", "print(6 * 7)")
        assert (after["status"], after["stdout"], after["stderr"]) == ("ok", "42\n", ""), after
        return result

    return perform
