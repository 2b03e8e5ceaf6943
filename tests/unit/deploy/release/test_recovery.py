"""Which release a rollback goes back to, from the ledger alone."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from deploy.errors import UsageError
from deploy.ledger import DeploymentInfo, Snapshot, Status
from deploy.release.recovery import earlier_release
from tests.unit.deploy.release.rollout.test_trouble import OLD, PROMOTE

A, B, C = (replace(OLD, id=name, version=name, commit_sha=name * 40, launch=name) for name in "abc")


def ledger(*events: DeploymentInfo, half_way: bool = False) -> Snapshot:
    files = {f"events/{n:06d}.json": json.dumps(event.to_json()).encode() for n, event in enumerate(events)}
    if half_way:
        files["intent.json"] = json.dumps(PROMOTE.to_json()).encode()
    return Snapshot("c", files)


def back(*events: DeploymentInfo, sha: str | None = None) -> str:
    return earlier_release("production", ledger(*events), sha, " --rehearsal").version


def test_it_goes_back_by_one() -> None:
    assert back(A, B, C) == "b"


def test_after_a_rollback_the_next_goes_back_by_one_more() -> None:
    gone, again = replace(C, status=Status.ROLLED_BACK), replace(B, id="b2", version="b again")
    assert back(A, B, C, again, gone) == "a"


def test_a_repair_is_no_release_of_its_own() -> None:
    assert back(A, B, replace(B, id="b2")) == "a"


def test_what_never_served_is_not_gone_back_to() -> None:
    assert back(A, replace(B, status=Status.FAILED), replace(B, id="x", status=Status.PENDING), C) == "a"


def test_a_release_is_named_by_its_beginning_rolled_back_before_or_not() -> None:
    gone, again = replace(C, status=Status.ROLLED_BACK), replace(B, id="b2")
    assert back(A, B, C, again, gone, sha="cccc") == "c"
    assert back(A, B, C, sha="aaaa") == "a"


@pytest.mark.parametrize(
    ("events", "sha", "says"),
    [
        ((), None, "production has no release yet; deploy one first"),
        ((A,), None, "production has no release before the one that serves; see `invoke history"),
        ((A, B), "cccc", "production has no earlier release of cccc"),
        ((A, B), "bbbb", "production serves b already; .* invoke repair --env production --rehearsal"),
    ],
)
def test_where_there_is_none_it_says_so(events: tuple[DeploymentInfo, ...], sha: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        back(*events, sha=sha)


def test_what_is_half_way_and_has_none_before_it_is_told() -> None:
    with pytest.raises(
        UsageError, match=r"roll back the unfinished rollout: invoke resume --env production \[--back\]"
    ):
        earlier_release("production", ledger(half_way=True), None)
