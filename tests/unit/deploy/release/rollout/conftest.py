"""Production with one release in traffic."""

from __future__ import annotations

import pytest

from deploy.ledger import Status
from tests.unit.deploy.release.rollout.production import Stage


@pytest.fixture
def stage() -> Stage:
    """Production with one release in traffic."""
    stage = Stage()
    assert stage.engine().run().status is Status.DEPLOYED
    stage.events.clear()
    return stage
