"""Which earlier pages are published beside a release's: those that people may still have open."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.ledger.encoding import encode
from deploy.release.rollout.former import RELEASES, former_pages

DONE, PENDING, BACK = Status.DEPLOYED, Status.PENDING, Status.ROLLED_BACK


def event(number: int, page: str, status: Status) -> DeploymentInfo:
    return DeploymentInfo(
        f"d{number:03}", "staging", page, "a" * 40, datetime.now(UTC), "me", status, "sha256:image", page
    )


def ledger(*events: tuple[str, Status]) -> Snapshot:
    made = [event(number, page, status) for number, (page, status) in enumerate(events)]
    return Snapshot("c", {f"events/{number:03}.json": encode(one) for number, one in enumerate(made)})


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        ([("now", PENDING)], []),
        ([("a", DONE), ("now", PENDING)], ["a"]),
        ([("a", PENDING), ("a", DONE), ("b", PENDING), ("b", DONE), ("now", PENDING)], ["b", "a"]),
        ([("a", DONE), ("b", DONE), ("c", DONE), ("d", DONE), ("now", PENDING)], ["d", "c", "b"]),
        # One that was rolled back may have been published; however many were, what served is not forgotten for them.
        ([("a", DONE), ("b", PENDING), ("b", BACK), ("now", PENDING)], ["b", "a"]),
        ([("a", DONE), *[(page, BACK) for page in "bcdefgh"], ("now", PENDING)], ["h", "g", "f", "a"]),
        # Going back: the release that is left is the newest of the others.
        ([("now", DONE), ("b", DONE), ("now", PENDING)], ["b"]),
        ([("a", DONE), ("", DONE), ("now", PENDING)], ["a"]),
    ],
)
def test_the_last_releases_that_may_be_open_are_found(events: list[tuple[str, Status]], expected: list[str]) -> None:
    assert former_pages(ledger(*events), event(999, "now", PENDING)) == expected


def test_a_release_that_served_counts_once_however_often_it_was_brought_back() -> None:
    again = [("a", DONE), ("b", DONE)] * 5
    assert former_pages(ledger(("z", DONE), *again), event(999, "now", PENDING)) == ["b", "a", "z"]
    assert RELEASES == 3
