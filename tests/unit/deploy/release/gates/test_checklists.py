"""The checklists' items as they are named on the command line."""

import pytest

from deploy.errors import UsageError
from deploy.release.gates.checklists import ITEMS, MANUAL, READINESS, VALIDATION, chosen


def test_items_have_names_of_their_own_and_both_lists_have_four() -> None:
    assert len({item.name for item in ITEMS}) == len(ITEMS) == 8
    assert [item.list for item in ITEMS] == [VALIDATION] * 4 + [READINESS] * 4


def test_choosing_by_name_with_commas_again_or_all() -> None:
    assert chosen(["security,smoke", " features "]) == ("smoke", "features", "security")
    assert chosen(["all"]) == chosen("all") == MANUAL
    assert chosen(["all", "tests"]) == tuple(item.name for item in ITEMS if item.manual or item.name == "tests")


def test_an_unknown_item_and_none_are_refused_with_the_names() -> None:
    with pytest.raises(UsageError, match="no item of the checklists is named typo; they are deployed, smoke"):
        chosen(["smoke,typo"])
    for nothing in ([], [""], [","]):
        with pytest.raises(UsageError, match="--yes all"):
            chosen(nothing)
