"""Where a release's machines are: what is declared, kept, and brought back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from deploy.errors import ConfigurationError, LedgerError
from deploy.ledger import Share
from deploy.platforms.fly.toml import read_fly_toml
from deploy.release.rollout.machine import config_digest, release_config
from deploy.release.rollout.placement import machines_of, placed, region_of, shares
from deploy.settings.environments import EnvironmentConfig, load_environment
from deploy.settings.regions import parse_regions
from tests.unit.deploy.release.rollout.test_decide import BACK, FIRST, PROMOTE, spread

PLAIN: dict[str, Any] = {"region": "ams"}
SPREAD: dict[str, Any] = {"region": "fra", "regions": [{"region": "fra", "count": 2}, {"region": "iad", "count": 1}]}


def production(regions: str) -> EnvironmentConfig:
    return dataclasses.replace(load_environment("production"), regions=parse_regions(regions))


def config_of(regions: str) -> dict[str, Any]:
    config = production(regions)
    return release_config(config, read_fly_toml(config.fly_toml))


@pytest.mark.parametrize(
    ("text", "kept"),
    [("fra", "fra:2"), ("fra:1", "fra:1"), ("iad:3,fra", "fra:2,iad:3"), ("syd,iad,fra:1", "fra:1,syd:2,iad:2")],
)
def test_the_primary_region_comes_first_and_a_missing_count_is_fly_tomls(text: str, kept: str) -> None:
    assert shares(config_of(text)) == spread(kept)


def test_without_a_word_on_it_a_release_is_configured_as_ever() -> None:
    assert "regions" not in config_of("auto")
    assert config_digest(config_of("auto")) != config_digest(config_of("fra"))
    assert shares(config_of("auto")) == ()


def test_a_list_without_the_primary_region_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"\.env\.production.*REGIONS.*lacks fra, the primary_region of fly"):
        config_of("iad,ams:2")


def test_a_number_is_always_in_the_same_region() -> None:
    assert [region_of(SPREAD, number) for number in (1, 2, 3, 4)] == ["fra", "fra", "iad", "fra"]
    assert [region_of(PLAIN, 9), region_of({}, 1), machines_of(SPREAD), machines_of(PLAIN)] == ["ams", "", 3, 0]


@pytest.mark.parametrize("odd", ["fra", [["fra", 2]], [{"region": "fra"}], [{"region": "fra", "count": 0}], {"fra": 2}])
def test_a_damaged_list_is_named(odd: Any) -> None:
    with pytest.raises(LedgerError, match="regions of a configuration in the ledger is damaged"):
        shares({"regions": odd})


def test_both_releases_of_a_rollout_have_their_own_regions() -> None:
    there = placed(PROMOTE, SPREAD, {"regions": [{"region": "iad", "count": 4}]}, 0)
    assert (there.places, there.count) == (("fra", "fra", "iad"), 3)
    assert there.turned("sick", blame=True).places == ("iad",) * 4


def test_one_that_named_none_is_in_its_own_region_with_what_served() -> None:
    to = placed(PROMOTE, SPREAD, PLAIN, 2)
    assert (to.places, to.turned("", blame=False).places) == (("fra", "fra", "iad"), ("ams", "ams"))
    away = placed(PROMOTE, PLAIN, SPREAD, 0)
    assert (away.places, away.turned("", blame=False).places) == (("ams", "ams"), ("fra", "fra", "iad"))
    assert placed(PROMOTE, SPREAD, None, 2).turned("", blame=False).places == ("", "")
    assert placed(FIRST, SPREAD, None, 0).before == ()


def test_where_neither_names_any_nothing_is_said() -> None:
    assert placed(BACK, PLAIN, {"region": "fra"}, 2) == BACK
    assert BACK.places == ("", "")


def test_what_a_region_gives_up_is_counted_in_the_release_that_leaves() -> None:
    there = placed(PROMOTE, SPREAD, {"regions": [{"region": "iad", "count": 4}]}, 0)
    assert [there.replaced_in(region) for region in ("fra", "iad", "")] == [0, 4, 4]
    assert there.turned("", blame=True).replaced_in("fra") == 2
    assert Share(region="", count=2) in placed(PROMOTE, SPREAD, None, 2).before
    assert placed(PROMOTE, SPREAD, None, 2).replaced_in("fra") == 2
