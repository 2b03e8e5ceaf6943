"""How a rollback begins when something was left half-way: never by finishing what is then taken back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deploy.ledger import Direction, Intent
from deploy.release.rollout.unfinished import Way, way_to_roll_back
from tests.unit.deploy.release.rollout.test_trouble import BACK, NEW, OLD, PROMOTE, ROLLBACK

OLDER = "c" * 40
FIRST = replace(PROMOTE, previous=None)
AWAY = replace(ROLLBACK, wanted=OLD, previous=NEW)
REPAIR = replace(PROMOTE, verb="repair", wanted=NEW, previous=OLD)


@pytest.mark.parametrize(
    ("left", "sha", "way"),
    [
        (None, None, Way.BEGIN),
        (PROMOTE, None, Way.TURN),
        (PROMOTE, OLD.commit_sha, Way.TURN),
        (PROMOTE, OLD.commit_sha[:7], Way.TURN),
        (PROMOTE, OLDER, Way.REPLACE),
        (BACK, None, Way.TURN),
        (BACK, OLDER, Way.REPLACE),
        (FIRST, None, Way.REPLACE),
        (AWAY, None, Way.CONTINUE),
        (AWAY, OLD.commit_sha, Way.CONTINUE),
        (AWAY, OLDER, Way.REPLACE),
        (replace(AWAY, direction=Direction.BACK), None, Way.FORWARD),
        (REPAIR, None, Way.REPLACE),
    ],
)
def test_the_shortest_path_back(left: Intent | None, sha: str | None, way: Way) -> None:
    assert way_to_roll_back(left, sha) is way
