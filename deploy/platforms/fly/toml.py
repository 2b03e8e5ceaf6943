"""Reads fly.toml and turns it into a machine configuration. An unknown key is refused: it would be silently ignored.

Follows the provider's documented subset that a single-process web service uses; `http_service` stands for TCP 80 [http]
and 443 [http, tls].
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.errors import ConfigurationError

SIZES: dict[str, tuple[str, int, int]] = {  # size → cpu kind, cpus, default memory in MB
    "shared-cpu-1x": ("shared", 1, 256),
    "shared-cpu-2x": ("shared", 2, 512),
    "shared-cpu-4x": ("shared", 4, 1024),
    "shared-cpu-8x": ("shared", 8, 2048),
    "performance-1x": ("performance", 1, 2048),
    "performance-2x": ("performance", 2, 4096),
    "performance-4x": ("performance", 4, 8192),
}

CHECK_KEYS = frozenset(
    {"grace_period", "interval", "timeout", "method", "path", "headers", "tls_skip_verify", "protocol"}
)
KNOWN: dict[str, frozenset[str]] = {
    "": frozenset(
        {
            "app",
            "primary_region",
            "kill_signal",
            "kill_timeout",
            "swap_size_mb",
            "env",
            "http_service",
            "vm",
            "restart",
            "checks",
        }
    ),
    "http_service": frozenset(
        {
            "internal_port",
            "force_https",
            "auto_stop_machines",
            "auto_start_machines",
            "min_machines_running",
            "concurrency",
            "checks",
        }
    ),
    "http_service.concurrency": frozenset({"type", "soft_limit", "hard_limit"}),
    "http_service.checks": CHECK_KEYS,
    "checks": CHECK_KEYS | {"type", "port"},
    "vm": frozenset({"size", "memory", "memory_mb", "cpus", "cpu_kind"}),
    "restart": frozenset({"policy", "retries"}),
}
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class FlyConfig:
    """A fly.toml. `machine` is the part of a machine's configuration that comes from it (no image, no metadata)."""

    app: str
    region: str
    min_machines: int
    machine: dict[str, Any]


class _Reader:
    """Walks the parsed file; every complaint names file, line and key."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self.text = file.read_text(encoding="utf-8")
            self.data: dict[str, Any] = tomllib.loads(self.text)
        except FileNotFoundError:
            raise ConfigurationError(
                file.name, 0, "", "is missing; every deployed environment has one in deploy/"
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
            raise ConfigurationError(file.name, 0, "", f"is not TOML: {wrong}") from None

    def line(self, key: str) -> int:
        name = re.escape(key.rpartition(".")[2])
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf"\s*(\[+\s*[\w.]*\b{name}\s*\]+|\"?{name}\"?\s*=)", line):
                return number
        return 0

    def refuse(self, key: str, problem: str) -> ConfigurationError:
        return ConfigurationError(self.file.name, self.line(key), key, problem)

    def known(self, table: str, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            raise self.refuse(table, "must be a table")
        for key in values:
            if key not in KNOWN[table]:
                full = f"{table}.{key}" if table else key
                raise self.refuse(full, f"unknown key; known are {', '.join(sorted(KNOWN[table]))}")
        return values

    def get(self, values: dict[str, Any], key: str, kind: type, default: Any = None) -> Any:
        value = values.get(key, default)
        if value is None:
            raise self.refuse(key, "is missing")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise self.refuse(key, f"must be {kind.__name__}, not {value!r}")
        return value

    def duration(self, values: dict[str, Any], key: str, default: str) -> str:
        text = self.get(values, key, str, default)
        if not re.fullmatch(r"[0-9]+(ms|s|m|h)", text):
            raise self.refuse(key, f"{text!r} is not a duration such as 10s")
        return str(text)


def seconds(duration: str) -> float:
    """`"10s"` → 10.0."""
    number, unit = re.fullmatch(r"([0-9]+)(ms|s|m|h)", duration).groups()  # type: ignore[union-attr]
    return int(number) * UNITS[unit]


def read_fly_toml(file: Path) -> FlyConfig:
    """Read and check a fly.toml; raises ConfigurationError naming file, line and key."""
    reader = _Reader(file)
    top = reader.known("", reader.data)
    env = top.get("env", {})
    if not all(isinstance(value, str) for value in env.values()):
        raise reader.refuse("env", "values must be strings")
    service = reader.known("http_service", top.get("http_service") or {})
    machine: dict[str, Any] = {
        "env": dict(env),
        "guest": _guest(reader, top.get("vm", [])),
        "services": [_service(reader, service)],
        "restart": _restart(reader, top.get("restart", [])),
        "stop_config": {
            "signal": reader.get(top, "kill_signal", str, "SIGTERM"),
            "timeout": reader.duration(top, "kill_timeout", "5s"),
        },
        "checks": {name: _check(reader, "checks", check) for name, check in top.get("checks", {}).items()},
    }
    return FlyConfig(
        app=reader.get(top, "app", str),
        region=reader.get(top, "primary_region", str),
        min_machines=reader.get(service, "min_machines_running", int, 1),
        machine=machine,
    )


def _guest(reader: _Reader, tables: Any) -> dict[str, Any]:
    if not isinstance(tables, list) or len(tables) > 1:
        raise reader.refuse("vm", "one [[vm]] is supported")
    vm = reader.known("vm", tables[0]) if tables else {}
    size = reader.get(vm, "size", str, "shared-cpu-1x")
    if size not in SIZES:
        raise reader.refuse("size", f"unknown size {size!r}; known are {', '.join(SIZES)}")
    kind, cpus, memory = SIZES[size]
    if "memory" in vm:
        memory = _megabytes(reader, vm["memory"])
    return {
        "cpu_kind": reader.get(vm, "cpu_kind", str, kind),
        "cpus": reader.get(vm, "cpus", int, cpus),
        "memory_mb": reader.get(vm, "memory_mb", int, memory),
    }


def _megabytes(reader: _Reader, text: Any) -> int:
    match = re.fullmatch(r"([0-9]+)\s*(mb|gb)", str(text).lower())
    if not match:
        raise reader.refuse("memory", f"{text!r} is not a size such as 512mb or 1gb")
    return int(match[1]) * (1024 if match[2] == "gb" else 1)


def _restart(reader: _Reader, tables: Any) -> dict[str, Any]:
    if not isinstance(tables, list) or len(tables) > 1:
        raise reader.refuse("restart", "one [[restart]] is supported")
    restart = reader.known("restart", tables[0]) if tables else {}
    policy = reader.get(restart, "policy", str, "on-failure")
    if policy not in ("no", "never", "always", "on-failure", "on-fail"):
        raise reader.refuse("policy", f"unknown policy {policy!r}; use always, on-failure or never")
    return {
        "policy": {"on-fail": "on-failure", "never": "no"}.get(policy, policy),
        "max_retries": reader.get(restart, "retries", int, 3),
    }


def _service(reader: _Reader, service: dict[str, Any]) -> dict[str, Any]:
    stop = service.get("auto_stop_machines", "off")
    if stop not in ("off", "stop", "suspend"):
        raise reader.refuse("auto_stop_machines", f"{stop!r} is not off, stop or suspend")
    concurrency = reader.known("http_service.concurrency", service.get("concurrency", {}))
    return {
        "protocol": "tcp",
        "internal_port": reader.get(service, "internal_port", int),
        "autostop": stop,
        "autostart": reader.get(service, "auto_start_machines", bool, True),
        "min_machines_running": reader.get(service, "min_machines_running", int, 1),
        "concurrency": {
            "type": reader.get(concurrency, "type", str, "requests"),
            "soft_limit": reader.get(concurrency, "soft_limit", int, 20),
            "hard_limit": reader.get(concurrency, "hard_limit", int, 25),
        },
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": reader.get(service, "force_https", bool, False)},
            {"port": 443, "handlers": ["http", "tls"]},
        ],
        "checks": [{"type": "http", **_check(reader, "http_service.checks", c)} for c in service.get("checks", [])],
    }


def _check(reader: _Reader, table: str, check: Any) -> dict[str, Any]:
    known = dict(reader.known(table, check))
    for key, default in (("grace_period", "5s"), ("interval", "15s"), ("timeout", "5s")):
        known[key] = reader.duration(known, key, default)
    return known
