"""The pipeline's engine over machines in several regions, behind an edge that serves from one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.emulator.faults import FaultClient
from deploy.ledger import Status
from tests.deploy.emulator.released import Staging
from tests.deploy.emulator.support import Emulated

HOST = "runner-staging.fly.dev"


@pytest.fixture
def released(emulated: Emulated, staging: dict[str, Any]) -> Iterator[Staging]:
    """Staging with one release in fra and iad."""
    made = Staging(emulated, staging)
    assert made.deploy(made.release(regions="fra:1,iad:1")) is Status.DEPLOYED
    yield made
    made.close()
    FaultClient(emulated.state).clear()
    emulated.clear("staging")


def serving(released: Staging) -> Counter[tuple[str, str]]:
    """Launch and region of each machine in traffic."""
    return Counter((each.launch, each.region) for each in released.platform.machines() if each.traffic)


def test_regions_are_added_dropped_and_brought_back_and_no_request_is_lost(released: Staging) -> None:
    with released.asked(HOST) as answers:
        assert released.deploy(released.release(regions="fra:1,ord:1")) is Status.DEPLOYED
        assert serving(released) == {("d2", "fra"): 1, ("d2", "ord"): 1}
        assert released.back_to("d1") is Status.DEPLOYED
        assert serving(released) == {("d1", "fra"): 1, ("d1", "iad"): 1}
    assert set(answers) == {200}, answers


def test_a_release_that_finds_a_region_full_is_rolled_back(released: Staging) -> None:
    FaultClient(released.emulated.state).add({"kind": "full", "match": {"region": "ord"}})
    assert released.deploy(released.release(regions="fra:1,ord:1")) is Status.ROLLED_BACK
    assert serving(released) == {("d1", "fra"): 1, ("d1", "iad"): 1}
    assert {each.launch for each in released.platform.machines()} == {"d1"}
