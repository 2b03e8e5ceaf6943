import dataclasses
import re
from pathlib import Path

import pytest

from backend.runner.errors import SettingsError
from backend.runner.settings import Settings


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.read({})
    assert (settings.environment, settings.num_runners, settings.run_timeout) == ("local", 2, 10.0)
    assert (settings.hosts, settings.port, settings.queue_limit) == (("127.0.0.1",), 10100, 64)
    assert (settings.site, settings.cors_origins, settings.image) == (None, ("*",), "")


def test_every_setting_is_declared_with_variable_and_help() -> None:
    declared = [field.metadata for field in dataclasses.fields(Settings)]
    assert all(one["env"].isupper() and one["help"] for one in declared)
    assert len({one["env"] for one in declared}) == len(declared)


def test_the_page_has_every_setting_as_it_is_declared() -> None:
    page = (Path(__file__).parents[4] / "docs/configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(?:RUNNER_|NUM_|RUN_)[A-Z_]*` \|.*$", page.partition("## The service")[2], re.MULTILINE)
    for field in dataclasses.fields(Settings):
        said = field.metadata
        default = f"`{said['default']}`" if said["default"] else ""
        assert f"| `{said['env']}` | {default} | {said['help']} |".replace("|  |", "| |") in rows
    assert len(rows) == len(dataclasses.fields(Settings))


def test_values_are_read_and_frozen(tmp_path: Path) -> None:
    variables = {"NUM_RUNNERS": " 4 ", "RUN_TIMEOUT": "2.5", "RUNNER_HOST": "0.0.0.0,::", "RUNNER_SITE": str(tmp_path)}
    settings = Settings.read(variables)
    assert (settings.num_runners, settings.run_timeout, settings.hosts) == (4, 2.5, ("0.0.0.0", "::"))
    assert settings.site == tmp_path
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNNER_ENVIRONMENT", "prod"),
        ("NUM_RUNNERS", "0"),
        ("NUM_RUNNERS", "two"),
        ("NUM_RUNNERS", "1_0"),
        ("NUM_RUNNERS", ""),
        ("RUN_TIMEOUT", "nan"),
        ("RUN_TIMEOUT", "-1"),
        ("RUN_TIMEOUT", "inf"),
        ("RUNNER_PORT", "70000"),
        ("RUNNER_QUEUE_LIMIT", "0"),
        ("RUNNER_SITE", "/nowhere/at/all"),
        ("RUNNER_HOST", " , "),
    ],
)
def test_a_malformed_value_is_refused_by_name(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        Settings.read({variable: value})
