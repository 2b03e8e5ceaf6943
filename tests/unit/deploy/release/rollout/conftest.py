"""Production with one release in traffic, and the engine's platform over clients at the wire."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from deploy.ledger import Ledger, Status
from deploy.platforms.fly import FlyClient
from deploy.platforms.pages import PagesClient
from deploy.platforms.registry import RegistryClient
from deploy.release.rollout.platform import CloudPlatform
from deploy.settings.environments import load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target
from tests.unit.deploy.release.rollout.production import Stage
from tests.unit.deploy.release.rollout.wired import HASTE, Wire


@pytest.fixture
def stage() -> Stage:
    """Production with one release in traffic."""
    stage = Stage()
    assert stage.engine().run().status is Status.DEPLOYED
    stage.events.clear()
    return stage


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def platform(wire: Wire, tmp_path: Any) -> CloudPlatform:
    transport, secret = httpx.MockTransport(wire), Secret("t")
    fly = FlyClient("http://fly", "runner", secret, patience=HASTE, transport=transport)
    pages = PagesClient("http://cf", secret, "site", secret, patience=HASTE, transport=transport)
    registry = RegistryClient("localhost", "runner", secret, patience=HASTE, transport=transport)
    addresses = Addresses("http://fly", "http://cf", "localhost")
    config = load_environment("production")
    target = Target(config, addresses, Tokens("production", {}), Ledger(tmp_path, "production", None), rehearsal=False)
    return CloudPlatform(target, fly, pages, registry)
