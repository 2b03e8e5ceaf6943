import dataclasses
import re
from pathlib import Path

import pytest

from backend.runner.errors import SettingsError
from backend.runner.settings import Settings, table


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.read({})
    assert (settings.environment, settings.num_runners, settings.run_timeout) == ("local", 2, 10.0)
    assert (settings.hosts, settings.port, settings.queue_limit) == (("127.0.0.1",), 10100, 64)
    assert (settings.site, settings.cors_origins, settings.image) == (None, ("*",), "")


def test_every_setting_is_declared_with_variable_and_help() -> None:
    declared = [field.metadata for field in dataclasses.fields(Settings)]
    assert all(one["env"].isupper() and one["help"] for one in declared)
    assert len({one["env"] for one in declared}) == len(declared)


def test_the_page_has_the_table_of_settings_as_it_is_declared() -> None:
    page = (Path(__file__).parents[4] / "docs/configuration.md").read_text(encoding="utf-8")
    shown = re.search(r"^\| variable .*?\n(?=\n)", page.partition("## The service")[2], re.MULTILINE | re.DOTALL)
    assert shown is not None
    assert shown[0] == table(), "write what `./dev python -m backend.runner.settings` prints into the page"


@pytest.mark.parametrize(
    ("environment", "role", "used"),
    [
        ("local", "", "local"),
        ("staging", "", "protected"),
        ("qa", "", "protected"),
        ("locale", "", "protected"),
        ("qa", "proving", "proving"),
        ("my-laptop", "local", "local"),
        ("local", "protected", "protected"),
        ("pull-42", "preview", "preview"),
    ],
)
def test_an_environment_of_any_name_is_what_its_role_says_and_protected_where_none_does(
    environment: str, role: str, used: str
) -> None:
    settings = Settings.read({"RUNNER_ENVIRONMENT": environment, "RUNNER_ROLE": role})
    assert (settings.environment, settings.role) == (environment, used)
    assert Settings.read({"RUNNER_ENVIRONMENT": environment}).role == (
        "local" if environment == "local" else "protected"
    )


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
        ("RUNNER_ENVIRONMENT", ""),
        ("RUNNER_ENVIRONMENT", "Production"),
        ("RUNNER_ENVIRONMENT", "qa/../local"),
        ("RUNNER_ROLE", "production"),
        ("RUNNER_ROLE", "Local"),
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
