"""What a verb says before it works in an environment."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deploy.events.bus import Bus
from deploy.events.events import Event, Said
from deploy.release.desk import working_on
from deploy.release.rollout.machine import NUMBER
from deploy.settings.chain import Chain, read_chain
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Target
from tests.unit.deploy.release import test_status as here

platforms, target = here.platforms, here.target


def said(target: Target, logs: Path, *, rehearsal: bool) -> list[str]:
    """What is said while a verb takes the lock and gives it back."""
    names = ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")
    object.__setattr__(target, "tokens", Tokens("production", dict.fromkeys(names, Secret("t"))))
    object.__setattr__(target, "rehearsal", rehearsal)
    told: list[Event] = []
    with working_on(target, "a test", Bus(told.append), logs):
        pass
    return [event.text for event in told if isinstance(event, Said)]


def test_it_says_once_that_staging_and_production_share_an_organisation(target: Target, tmp_path: Path) -> None:
    (warning,) = said(target, tmp_path, rehearsal=False)
    assert "production and staging share the Fly organisation personal" in warning
    assert "FLY_ORGANIZATION in .env.production, .env.staging" in warning
    assert said(target, tmp_path, rehearsal=True) == []


def test_where_each_has_its_own_it_says_nothing(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = read_chain()
    configs = {name: dataclasses.replace(one, fly_organization=f"org-{name}") for name, one in found.configs.items()}
    monkeypatch.setattr("deploy.release.desk.read_chain", lambda: Chain(configs, found.sources))
    assert said(target, tmp_path, rehearsal=False) == []


SPREAD: dict[str, Any] = {"region": "fra", "regions": [{"region": "fra", "count": 1}, {"region": "iad", "count": 3}]}
PLAIN: dict[str, Any] = {"region": "fra"}


@pytest.mark.parametrize(
    ("serving", "wanted", "count"),
    [
        (PLAIN, PLAIN, 3),  # as many as serve
        (PLAIN, SPREAD, 4),  # as many as are asked for
        (SPREAD, SPREAD, 4),
        (SPREAD, PLAIN, 2),  # what serves elsewhere is no measure: fly.toml's
    ],
)
def test_how_many_machines_a_release_gets(
    target: Target,
    platforms: here.Platforms,
    tmp_path: Path,
    serving: dict[str, Any],
    wanted: dict[str, Any],
    count: int,
) -> None:
    names = ("FLY_API_TOKEN", "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID")
    object.__setattr__(target, "tokens", Tokens("production", dict.fromkeys(names, Secret("t"))))
    target.ledger.record(replace(here.SERVES, id="d9", config="served"))
    here.write(target, **{"configs/served": serving})
    regions = ("fra", "iad", "iad") if "regions" in serving else ("fra",) * 3
    platforms.machines = [
        here.machine(f"m{number}", labels={NUMBER: str(number)}, region=region)
        for number, region in enumerate(regions, 1)
    ]
    with working_on(target, "a test", Bus(), tmp_path) as desk:
        assert desk.count(desk.snapshot(), wanted) == count
