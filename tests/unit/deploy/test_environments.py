"""`.env.<name>`: what is read, and how what is wrong is named."""

from pathlib import Path

import pytest

from deploy.environments import KEYS, NAMES, ROOT, load_environment
from deploy.errors import ConfigurationError, UsageError

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
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_environment("staging", write(tmp_path, text))
    assert (caught.value.file, caught.value.line, caught.value.key) == (".env.staging", line, key)
    assert key in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_missing_file_and_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"\.env\.staging: is missing"):
        load_environment("staging", tmp_path)
    with pytest.raises(UsageError, match="unknown environment 'prod'; use one of local, staging, production"):
        load_environment("prod", tmp_path)


def test_every_key_is_declared_once_with_help() -> None:
    assert len({key.name for key in KEYS}) == len(KEYS)
    assert all(key.help for key in KEYS)
    for name in NAMES:
        assert (ROOT / f".env.{name}").exists()
