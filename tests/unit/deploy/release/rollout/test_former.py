"""Which earlier pages are published beside a release's: those that people may still have open."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.ledger import DeploymentInfo, Ledger, Snapshot, Status
from deploy.ledger.encoding import encode
from deploy.release.rollout.former import RELEASES, former_pages, known_former

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


def test_a_ledger_that_cannot_be_read_holds_no_page_up(tmp_path: Path) -> None:
    told: list[str] = []
    nowhere = Ledger(tmp_path / "none", "staging", str(tmp_path / "no-remote.git"))
    assert known_former(nowhere, event(999, "now", PENDING), told.append) == []
    assert "published without files of earlier releases" in told[0]
