"""What `--lag`, `--rates` and `--strict` ask of the emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.emulator.faults.rules import parse
from deploy.errors import DeployError, UsageError
from deploy.unkindness import STRICT, Unkindness, parse_lags, parse_rates, unkind


def test_every_rule_is_one_that_the_emulator_knows_and_holds_until_it_is_taken_back() -> None:
    rules = [parse(rule) for rule in STRICT.rules()]
    assert {"lag", "rates", "autostop"} <= {rule.kind for rule in rules}
    assert all(rule.times is None for rule in rules)
    assert [rule.seconds for rule in rules if rule.kind == "lag"] == [10.0]
    assert Unkindness().rules() == []
    assert [parse(rule).seconds for rule in Unkindness(lag=0).rules()] == [0]


def test_without_a_wish_nothing_needs_to_run_and_with_one_a_rehearsal_must(tmp_path: Path) -> None:
    with unkind(Unkindness(), tmp_path):
        pass
    with pytest.raises(DeployError, match="no emulator runs"), unkind(STRICT, tmp_path):
        pass


@pytest.mark.parametrize(("text", "lags"), [("2", [2.0]), ("0,2, 10", [0.0, 2.0, 10.0]), ("0.5", [0.5])])
def test_lags_are_seconds(text: str, lags: list[float]) -> None:
    assert parse_lags(text) == lags


@pytest.mark.parametrize("text", ["", "-1", "2;3", "many", "1e3", "0,,2", "61", "nan"])
def test_other_lags_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--lag"):
        parse_lags(text)


def test_rates_are_off_or_documented() -> None:
    assert (parse_rates("off"), parse_rates("documented")) == (False, True)
    with pytest.raises(UsageError, match="off, documented"):
        parse_rates("fast")
