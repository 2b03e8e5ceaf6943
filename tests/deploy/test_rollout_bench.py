"""Releases take turns in a rehearsal's production while requests are counted: none may be lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(1800)  # it may have to rehearse first
SMALL = ("--count", "1", "--rate", "60", "--lag", "2", "--json")


def test_no_request_is_lost_when_releases_take_turns(project: Any) -> None:
    project.invoke("rehearse", "--up")
    if project.status()["production"]["version"] is None:
        project.invoke("rehearse")
    before = project.status()["production"]["commitSha"]
    (report,) = json.loads(project.invoke("bench", "rollout", *SMALL).stdout)["runs"]
    assert (report["promotions"], report["rollbacks"], report["lost"]) == (1, 1, 0), report["traffic"]["losses"]
    assert report["sent"] > 60
    assert 0 < report["rollback_seconds"]["p50"] <= report["rollback_seconds"]["max"]
    assert report["rollback_seconds"]["max"] <= report["rollback_verb_seconds"]["max"]
    assert project.status()["production"]["commitSha"] == before
