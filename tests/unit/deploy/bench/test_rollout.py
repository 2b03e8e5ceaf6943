"""What the bench decides by itself; the bench itself runs in tests/deploy."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from deploy.artifacts.source import git
from deploy.bench.rollout import Measured, Times, bench_rollout, summary, two_releases
from deploy.cli.program import joined
from deploy.errors import UsageError
from deploy.events.bus import Bus
from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.settings.environments import ROOT
from deploy.verification.traffic import TrafficReport


def served(*shas: str, status: Status = Status.DEPLOYED) -> Snapshot:
    """A ledger of production in which these were deployed, one after another."""
    events = [
        DeploymentInfo(str(n), "production", sha, sha, datetime.now(UTC), "me", status, "image", "page")
        for n, sha in enumerate(shas)
    ]
    return Snapshot("c", {f"events/{n:06d}.json": json.dumps(e.to_json()).encode() for n, e in enumerate(events)})


def test_the_newest_release_of_this_clone_takes_turns_with_another() -> None:
    head = git(ROOT, "rev-parse", "HEAD")
    other, third = "1" * 40, "2" * 40
    assert two_releases(served(other, head)) == (head, other)
    assert two_releases(served(third, other, head, head)) == (head, other)
    assert two_releases(served(head, other)) == (head, other)
    assert two_releases(served(other, third)) is None
    assert two_releases(served(head, head)) is None
    assert two_releases(served(other, head, status=Status.FAILED)) is None


def test_the_report_is_what_was_asked_for() -> None:
    body = {"sent": 9, "lost": 1, "rate": 200.0, "losses": []}
    measured = Measured(TrafficReport(9, 1, (), body), Times([1.0], [4.0]), Times([1.0, 2.0, 9.0], [5.0, 5.0, 5.0]))
    report = measured.to_json()
    assert (report["promotions"], report["rollbacks"], report["sent"], report["lost"]) == (1, 3, 9, 1)
    assert report["rollback_seconds"] == {"p50": 2.0, "max": 9.0}
    assert (report["lag"], report["rates"]) == (0.0, "off")
    assert report["traffic"] == {"rate": 200.0, "losses": []}
    assert summary([]) == {"p50": None, "max": None}


@pytest.mark.parametrize(("count", "rate"), [(0, 200), (1, 0), (1, 100_000)])
def test_wrong_numbers_are_refused(count: int, rate: float) -> None:
    with pytest.raises(UsageError, match="--count must be 1 or more"):
        bench_rollout(count, rate, Bus(), ROOT)


def test_a_group_and_its_task_are_one_word() -> None:
    assert joined(["bench", "rollout", "--json"], {"bench"}) == ["bench.rollout", "--json"]
    assert joined(["bench"], {"bench"}) == ["bench"]
    assert joined(["bench", "--json"], {"bench"}) == ["bench", "--json"]
    assert joined(["build", "bench", "rollout"], {"bench"}) == ["build", "bench", "rollout"]
    assert joined([], {"bench"}) == []
