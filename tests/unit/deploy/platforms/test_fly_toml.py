"""fly.toml → machine configuration; what is unknown is refused."""

from pathlib import Path

import pytest

from deploy.errors import ConfigurationError
from deploy.platforms.fly.toml import read_fly_toml, seconds
from deploy.settings.environments import ROOT, load_environment

GOOD = """app = "a"
primary_region = "fra"
[http_service]
internal_port = 8080
"""


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "fly.x.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_projects_own_files_name_their_environments_app(name: str) -> None:
    config = load_environment(name)
    assert read_fly_toml(config.fly_toml).app == config.deployment_target


def test_http_service_stands_for_both_ports_with_its_checks() -> None:
    service = read_fly_toml(ROOT / "deploy/fly.production.toml").machine["services"][0]
    assert [(port["port"], port["handlers"]) for port in service["ports"]] == [(80, ["http"]), (443, ["http", "tls"])]
    assert service["checks"][0] == {
        "type": "http", "method": "GET", "path": "/readyz", "grace_period": "10s", "interval": "2s", "timeout": "5s",
    }  # fmt: skip


def test_memory_and_size(tmp_path: Path) -> None:
    machine = read_fly_toml(write(tmp_path, GOOD + '[[vm]]\nsize = "shared-cpu-4x"\nmemory = "2gb"\n')).machine
    assert machine["guest"] == {"cpu_kind": "shared", "cpus": 4, "memory_mb": 2048}


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (GOOD + "tpyo = 1\n", 5, "http_service.tpyo"),
        ("nonsense = 1\n" + GOOD, 1, "nonsense"),
        (GOOD.replace("8080", '"8080"'), 4, "internal_port"),
        (GOOD.replace("internal_port = 8080", ""), 0, "internal_port"),
        (GOOD + '[[vm]]\nsize = "huge"\n', 6, "size"),
        (GOOD + '[[vm]]\nmemory = "1 potato"\n', 6, "memory"),
        (GOOD + 'auto_stop_machines = "maybe"\n', 5, "auto_stop_machines"),
        ('kill_timeout = "soon"\n' + GOOD, 1, "kill_timeout"),
        (GOOD + '[[http_service.checks]]\npath = "/"\nintervall = "1s"\n', 7, "http_service.checks.intervall"),
        (GOOD + '[[restart]]\npolicy = "sometimes"\n', 6, "policy"),
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_fly_toml(write(tmp_path, text))
    assert (caught.value.file, caught.value.line, caught.value.key) == ("fly.x.toml", line, key)


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read_fly_toml(write(tmp_path, "app = "))
    with pytest.raises(ConfigurationError, match="is missing"):
        read_fly_toml(tmp_path / "fly.y.toml")


@pytest.mark.parametrize(("text", "value"), [("250ms", 0.25), ("10s", 10.0), ("2m", 120.0), ("1h", 3600.0)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value
