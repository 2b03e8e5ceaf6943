"""`.env.<name>`: what is read, and how what is wrong is named."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError, UsageError
from deploy.settings.environments import KEYS, ROOT, environment_names, load_environment
from deploy.settings.policy import Promotion, ReleasePolicy, Strategy
from deploy.settings.regions import RegionCount

GOOD = "API_URL=https://a.example/api/v1/\nFRONTEND_URL=https://b.example/\nDEPLOYMENT_TARGET=app-x\nNUM_RUNNERS=3\n"


def write(root: Path, text: str) -> Path:
    (root / ".env.staging").write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("local", "http://localhost:10100/api/v1/"),
        ("staging", "https://runner-staging.fly.dev/api/v1/"),
        ("production", "https://runner.fly.dev/api/v1/"),
    ],
)
def test_the_projects_own_environments(name: str, url: str) -> None:
    assert load_environment(name).api_url == url


def test_environments_share_no_target_page_or_branch() -> None:
    staging, production = load_environment("staging"), load_environment("production")
    assert staging.deployment_target != production.deployment_target
    assert staging.pages_project != production.pages_project
    assert staging.branch != production.branch


def test_values_are_typed_and_defaults_apply(tmp_path: Path) -> None:
    config = load_environment("staging", write(tmp_path, GOOD))
    assert (config.resource_limits.num_runners, config.resource_limits.timeout) == (3, 10.0)
    assert (config.service_url, config.service_host, config.frontend_host) == (
        "https://a.example/",
        "a.example",
        "b.example",
    )


def test_how_an_environment_is_released_to_has_defaults(tmp_path: Path) -> None:
    assert load_environment("staging", write(tmp_path, GOOD)).release == ReleasePolicy(
        promotion=Promotion.AUTOMATIC,
        approvals=0,
        evidence_days=7,
        breaker_threshold=1,
        breaker_cooldown=timedelta(minutes=60),
        freeze_windows=(),
        strategy=None,
        rollback_window=timedelta(hours=24),
        drain=timedelta(seconds=5),
    )


def test_how_an_environment_is_released_to_is_read(tmp_path: Path) -> None:
    text = (
        "PROMOTION=manual\nAPPROVALS=2\nEVIDENCE_DAYS=3\nBREAKER_THRESHOLD=4\nBREAKER_COOLDOWN=12h\n"
        "FREEZE_WINDOWS=Fri 16:00 - Mon 08:00 Europe/Berlin; Sat 00:00 - Sun 23:59 UTC\n"
        "STRATEGY=canary\nROLLBACK_WINDOW=3d\nDRAIN=30s\n"
    )
    policy = load_environment("staging", write(tmp_path, GOOD + text)).release
    assert [window.text for window in policy.freeze_windows] == [
        "Fri 16:00 - Mon 08:00 Europe/Berlin",
        "Sat 00:00 - Sun 23:59 UTC",
    ]
    others = [getattr(policy, field.name) for field in fields(policy) if field.name != "freeze_windows"]
    assert others == [
        Promotion.MANUAL,
        2,
        3,
        4,
        timedelta(hours=12),
        Strategy.CANARY,
        timedelta(days=3),
        timedelta(seconds=30),
    ]


def test_people_approve_what_reaches_production() -> None:
    policy = load_environment("production").release
    assert (policy.promotion, policy.approvals) == (Promotion.MANUAL, 1)


def test_the_configuration_is_frozen(tmp_path: Path) -> None:
    config = load_environment("staging", write(tmp_path, GOOD))
    with pytest.raises(AttributeError):
        config.name = "production"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (GOOD + "\n# a comment\nTYPO=1\n", 7, "TYPO"),
        (GOOD.replace("NUM_RUNNERS=3", "NUM_RUNNERS=0"), 4, "NUM_RUNNERS"),
        (GOOD.replace("NUM_RUNNERS=3", "NUM_RUNNERS=many"), 4, "NUM_RUNNERS"),
        (GOOD.replace("/api/v1/", "/api/v2/"), 1, "API_URL"),
        (GOOD.replace("https://b.example/", "ftp://b.example/"), 2, "FRONTEND_URL"),
        (GOOD + "NUM_RUNNERS=4\n", 5, "NUM_RUNNERS"),
        (GOOD + "TIMEOUT\n", 5, "TIMEOUT"),
        (GOOD + "TIMEOUT=-1\n", 5, "TIMEOUT"),
        (GOOD.replace("NUM_RUNNERS=3\n", ""), 0, "NUM_RUNNERS"),
        (GOOD + "PROMOTION=sometimes\n", 5, "PROMOTION"),
        (GOOD + "APPROVALS=-1\n", 5, "APPROVALS"),
        (GOOD + "APPROVALS=100\n", 5, "APPROVALS"),
        (GOOD + "EVIDENCE_DAYS=0\n", 5, "EVIDENCE_DAYS"),
        (GOOD + "BREAKER_THRESHOLD=0\n", 5, "BREAKER_THRESHOLD"),
        (GOOD + "BREAKER_COOLDOWN=60\n", 5, "BREAKER_COOLDOWN"),
        (GOOD + "\nFREEZE_WINDOWS=Fri 16:00 - Mon 08:00\n", 6, "FREEZE_WINDOWS"),
        (GOOD + "FREEZE_WINDOWS=Fri 16:00 - Mon 08:00 Europe/Nowhere\n", 5, "FREEZE_WINDOWS"),
        (GOOD + "STRATEGY=yolo\n", 5, "STRATEGY"),
        (GOOD + "ROLLBACK_WINDOW=1 day\n", 5, "ROLLBACK_WINDOW"),
        (GOOD + "DRAIN=5\n", 5, "DRAIN"),
        (GOOD + "FLY_ORGANIZATION=Not A Slug\n", 5, "FLY_ORGANIZATION"),
        (GOOD + "REGIONS=\n", 5, "REGIONS"),
        (GOOD + "REGIONS=FRA\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra,\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra iad\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra,frankfurt\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra:0\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra:-1\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra:\n", 5, "REGIONS"),
        (GOOD + "REGIONS=fra:2,iad,fra\n", 5, "REGIONS"),
        (GOOD + "REGIONS=auto,fra\n", 5, "REGIONS"),
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_environment("staging", write(tmp_path, text))
    assert (caught.value.file, caught.value.line, caught.value.key) == (".env.staging", line, key)
    assert key in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("REGIONS=auto\n", ()),
        ("REGIONS=fra\n", (RegionCount("fra"),)),
        ("REGIONS=fra,iad:2\n", (RegionCount("fra"), RegionCount("iad", 2))),
        ("REGIONS=iad:12, fra:01\n", (RegionCount("iad", 12), RegionCount("fra", 1))),
    ],
)
def test_the_regions_of_an_environment(tmp_path: Path, text: str, found: tuple[RegionCount, ...]) -> None:
    assert load_environment("staging", write(tmp_path, GOOD + text)).regions == found


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown environment 'staging'.*write \.env\.staging, which is missing"):
        load_environment("staging", tmp_path)
    write(tmp_path, GOOD)
    with pytest.raises(UsageError, match="unknown environment 'prod'; use one of staging"):
        load_environment("prod", tmp_path)


def test_every_key_is_declared_once_with_help() -> None:
    assert len({key.name for key in KEYS}) == len(KEYS)
    assert all(key.help for key in KEYS)
    assert environment_names() == ("local", "production", "staging")
    for name in environment_names():
        assert (ROOT / f"deploy/fly.{name}.toml").exists() == (name != "local")
