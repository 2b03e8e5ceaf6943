"""fly.toml → machine configuration; what is unknown is refused."""

from pathlib import Path
from typing import Any

import pytest

from backend.runner.settings import Settings
from deploy.errors import ConfigurationError
from deploy.platforms.fly.toml import read_fly_toml, seconds
from deploy.settings.environments import ROOT, load_environment

OTHERS = 32
"""Requests of a machine that are no runs: its state, the page, streams, and runs that are just being refused."""
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


@pytest.mark.parametrize("name", ["staging", "production"])
def test_the_edge_lets_more_through_than_the_service_can_hold(name: str) -> None:
    """What is too much is refused by the service, which says when to come back, and not by the edge, which does not."""
    config = load_environment(name)
    (service,) = read_fly_toml(config.fly_toml).machine["services"]
    held = config.resource_limits.num_runners + Settings.read({}).queue_limit
    assert service["concurrency"]["hard_limit"] >= held + OTHERS


def test_http_service_stands_for_both_ports_with_its_checks() -> None:
    service = read_fly_toml(ROOT / "deploy/fly.production.toml").machine["services"][0]
    assert [(port["port"], port["handlers"]) for port in service["ports"]] == [(80, ["http"]), (443, ["http", "tls"])]
    assert service["checks"][0] == {
        "type": "http", "method": "GET", "path": "/readyz", "grace_period": "10s", "interval": "2s", "timeout": "5s",
    }  # fmt: skip


def machine_of(tmp_path: Path, text: str) -> dict[str, Any]:
    return read_fly_toml(write(tmp_path, text)).machine


def test_what_a_file_does_not_say_is_the_providers_default(tmp_path: Path) -> None:
    read = read_fly_toml(write(tmp_path, 'app = "a"\nprimary_region = "fra"\n[http_service]\n'))
    assert read.min_machines == 0
    assert read.machine == {
        "env": {"PRIMARY_REGION": "fra"},
        "guest": {"cpu_kind": "shared", "cpus": 1, "memory_mb": 256},
        "stop_config": {"signal": "SIGINT", "timeout": "5s"},
        "checks": {},
        "services": [
            {
                "protocol": "tcp", "internal_port": 8080,
                "autostop": "off", "autostart": True, "min_machines_running": 0,
                "ports": [
                    {"port": 80, "handlers": ["http"], "force_https": False},
                    {"port": 443, "handlers": ["http", "tls"]},
                ],
                "checks": [],
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("vm", "guest"),
    [
        ('[[vm]]\nsize = "shared-cpu-4x"\nmemory = "2gb"\n', ("shared", 4, 2048)),
        ("[[vm]]\nmemory = 512\n", ("shared", 1, 512)),
        ('[[vm]]\nmemory = "512"\n', ("shared", 1, 512)),
        ('[[vm]]\nmemory = "1.5GiB"\n', ("shared", 1, 1536)),
        ('[[vm]]\nmemory = "512 MB"\n', ("shared", 1, 512)),
        ("[[vm]]\nmemory_mb = 1024\ncpus = 2\n", ("shared", 2, 1024)),
        ('[vm]\nsize = "performance-16x"\n', ("performance", 16, 32768)),
        ('[[vm]]\nsize = "shared-cpu-8x"\n', ("shared", 8, 2048)),
        ('[[vm]]\ncpu_kind = "performance"\n', ("performance", 1, 2048)),
    ],
)
def test_sizes_and_memory(tmp_path: Path, vm: str, guest: tuple[str, int, int]) -> None:
    there = machine_of(tmp_path, GOOD + vm)["guest"]
    assert (there["cpu_kind"], there["cpus"], there["memory_mb"]) == guest


@pytest.mark.parametrize(
    ("said", "sent"),
    [('"15s"', "15s"), ("120", "120s"), ('"120"', "120s"), ('"1m30s"', "1m30s"), ('"5m0s"', "5m0s"), ("0", "0s")],
)
def test_how_long_a_machine_may_take_to_end(tmp_path: Path, said: str, sent: str) -> None:
    assert machine_of(tmp_path, f"kill_timeout = {said}\n" + GOOD)["stop_config"]["timeout"] == sent


@pytest.mark.parametrize(
    ("said", "sent"),
    [("true", "stop"), ("false", "off"), ('"suspend"', "suspend"), ('"stop"', "stop"), ('"off"', "off")],
)
def test_autostop_is_a_word_or_a_boolean(tmp_path: Path, said: str, sent: str) -> None:
    assert machine_of(tmp_path, GOOD + f"auto_stop_machines = {said}\n")["services"][0]["autostop"] == sent


def test_checks_have_milliseconds_and_headers_as_lists(tmp_path: Path) -> None:
    text = (
        GOOD
        + """
[[http_service.checks]]
path = "/ready"
interval = 10000
timeout = "2s"
protocol = "https"
tls_server_name = "a.example"
headers = { Host = "a.example", X-Check = "yes" }
[[http_service.tcp_checks]]
grace_period = 500
[checks.disk]
type = "http"
kind = "readiness"
path = "/disk"
[checks.disk.headers]
X-Why = "disk"
"""
    )
    machine = machine_of(tmp_path, text)
    assert machine["services"][0]["checks"] == [
        {"type": "tcp", "grace_period": "500ms"},
        {
            "type": "http", "path": "/ready", "interval": "10000ms", "timeout": "2s", "protocol": "https",
            "tls_server_name": "a.example",
            "headers": [{"name": "Host", "values": ["a.example"]}, {"name": "X-Check", "values": ["yes"]}],
        },
    ]  # fmt: skip
    assert machine["checks"] == {
        "disk": {
            "type": "http", "kind": "readiness", "path": "/disk", "port": 8080,
            "headers": [{"name": "X-Why", "values": ["disk"]}],
        }
    }  # fmt: skip


def test_what_else_a_web_service_may_say_is_passed_on() -> None:
    read = read_fly_toml(Path(__file__).with_name("fly.everything.toml"))
    machine, http = read.machine, {
        "h2_backend": True, "compress": True,
        "response": {"headers": {"Server": False, "X-One": "1", "X-Two": ["a", "b"]}},
    }  # fmt: skip
    assert machine["env"] == {"LEVEL": "debug", "WORKERS": "4", "TRACE": "true", "PRIMARY_REGION": "fra"}
    assert machine["init"] == {"swap_size_mb": 512}
    assert machine["restart"] == {"policy": "no"}
    assert machine["metrics"] == {"port": 9091, "path": "/metrics"}
    service = machine["services"][0]
    assert service["concurrency"] == {"type": "connections", "soft_limit": 10}, "no hard limit is made up"
    assert service["ports"] == [
        {"port": 80, "handlers": ["http"], "force_https": True, "http_options": http},
        {
            "port": 443, "handlers": ["http", "tls"], "http_options": http,
            "tls_options": {"alpn": ["h2", "http/1.1"], "versions": ["TLSv1.3"]},
        },
    ]  # fmt: skip
    assert read.strategy == "canary"
    assert read.release_command is not None
    assert (read.release_command.command, read.release_command.timeout) == ("bin/migrate --now", 600)


def test_the_older_form_of_a_service_is_the_same_service(tmp_path: Path) -> None:
    text = """app = "a"
primary_region = "fra"
[[services]]
internal_port = 8080
protocol = "tcp"
[[services.ports]]
port = 80
handlers = ["http"]
[[services.ports]]
port = 443
handlers = ["http", "tls"]
[[services.http_checks]]
interval = 10000
path = "/"
[[services.tcp_checks]]
timeout = "2s"
"""
    newer = (
        GOOD
        + '[[http_service.tcp_checks]]\ntimeout = "2s"\n[[http_service.checks]]\ninterval = "10000ms"\npath = "/"\n'
    )
    older, expected = machine_of(tmp_path, text), machine_of(tmp_path, newer)
    for port in older["services"][0]["ports"]:
        if port["port"] == 443:
            assert port.pop("force_https") is False
    assert older == expected


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        (GOOD + "tpyo = 1\n", 5, "http_service.tpyo"),
        ("nonsense = 1\n" + GOOD, 1, "nonsense"),
        (GOOD.replace("8080", '"8080"'), 4, "http_service.internal_port"),
        (GOOD.replace("8080", "70000"), 4, "http_service.internal_port"),
        (GOOD.replace('app = "a"\n', ""), 0, "app"),
        (GOOD.replace('primary_region = "fra"\n', ""), 0, "primary_region"),
        ('app = "a"\nprimary_region = "fra"\n', 0, "http_service"),
        (GOOD + '[[vm]]\nsize = "huge"\n', 6, "vm.size"),
        (GOOD + '[[vm]]\nmemory = "1 potato"\n', 6, "vm.memory"),
        (GOOD + "[[vm]]\nmemory = true\n", 6, "vm.memory"),
        (GOOD + "[[vm]]\nmemory = 300\n", 6, "vm.memory"),
        (GOOD + '[[vm]]\nmemory = "4gb"\n', 6, "vm.memory"),
        (GOOD + "[[vm]]\n[[vm]]\n", 6, "vm"),
        (GOOD + "[[vm]]\ngpus = 1\n", 6, "vm.gpus"),
        (GOOD + 'auto_stop_machines = "maybe"\n', 5, "http_service.auto_stop_machines"),
        (GOOD + "auto_stop_machines = 1\n", 5, "http_service.auto_stop_machines"),
        ('kill_timeout = "soon"\n' + GOOD, 1, "kill_timeout"),
        ("kill_timeout = 301\n" + GOOD, 1, "kill_timeout"),
        ("kill_timeout = -1\n" + GOOD, 1, "kill_timeout"),
        ('kill_signal = "SIGSTOP"\n' + GOOD, 1, "kill_signal"),
        (GOOD + '[[http_service.checks]]\npath = "/"\nintervall = "1s"\n', 7, "http_service.checks.intervall"),
        (GOOD + '[[http_service.checks]]\n[[http_service.checks]]\ntimeout = "x"\n', 7, "http_service.checks.timeout"),
        (GOOD + '[[http_service.checks]]\nheaders = ["a"]\n', 6, "http_service.checks.headers"),
        (GOOD + "[[http_service.checks]]\nrestart_limit = 1\n", 6, "http_service.checks.restart_limit"),
        (GOOD + '[[restart]]\npolicy = "sometimes"\n', 6, "restart.policy"),
        (GOOD + '[env]\nFLY_REGION = "x"\n', 5, "env"),
        (GOOD + '[deploy]\nstrategy = "blue"\n', 6, "deploy.strategy"),
        (GOOD + 'processes = ["worker"]\n', 5, "http_service.processes"),
        (GOOD + '[processes]\nworker = "x"\n', 5, "processes"),
        (GOOD + '[[statics]]\nguest_path = "/x"\n', 5, "statics"),
        (GOOD + '[mounts]\nsource = "x"\n', 5, "mounts"),
        (GOOD + "[http_service.concurrency]\nhard_limt = 1\n", 6, "http_service.concurrency.hard_limt"),
        (GOOD + "[[services]]\ninternal_port = 1\nports = []\n", 5, "services"),
    ],
)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, line: int, key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_fly_toml(write(tmp_path, text))
    assert (caught.value.file, caught.value.line, caught.value.key) == ("fly.x.toml", line, key), str(caught.value)


def test_a_command_that_no_shell_could_read_is_refused(tmp_path: Path) -> None:
    text = GOOD + "[deploy]\nrelease_command = 'sh -c \"echo'\n"
    with pytest.raises(ConfigurationError, match="No closing quotation") as caught:
        read_fly_toml(write(tmp_path, text))
    assert (caught.value.line, caught.value.key) == (6, "deploy.release_command")


def test_an_unknown_key_is_answered_with_what_may_have_been_meant(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"did you mean hard_limit.* known are hard_limit, soft_limit, type"):
        read_fly_toml(write(tmp_path, GOOD + "[http_service.concurrency]\nhard_limt = 1\n"))


def test_what_is_refused_has_a_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="mounts: is not supported: volumes cannot follow a release"):
        read_fly_toml(write(tmp_path, GOOD + '[[mounts]]\nsource = "x"\n'))


def test_no_toml_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="is not TOML"):
        read_fly_toml(write(tmp_path, "app = "))
    with pytest.raises(ConfigurationError, match="is missing"):
        read_fly_toml(tmp_path / "fly.y.toml")


@pytest.mark.parametrize(("text", "value"), [("250ms", 0.25), ("10s", 10.0), ("2m", 120.0), ("1h", 3600.0)])
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value
