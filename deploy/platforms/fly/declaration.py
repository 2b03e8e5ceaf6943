"""What a fly.toml may say for one web service: each key once, with the provider's default.

Follows the provider's reference of fly.toml and what its own tool makes of each key. A key that another kind of app
needs is declared as `Refused`, with the reason; a key that no table here declares is unknown. What a file does not say
is not sent, so that the provider's own default holds; the exceptions have a default below.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

SIZES: dict[str, tuple[str, int]] = {  # size → cpu kind, cpus
    **{f"shared-cpu-{cpus}x": ("shared", cpus) for cpus in (1, 2, 4, 6, 8)},
    **{f"performance-{cpus}x": ("performance", cpus) for cpus in (1, 2, 4, 6, 8, 10, 12, 14, 16)},
}
MEMORY_MB = {"shared": (256, 2048), "performance": (2048, 8192)}
"""Least and most for each cpu of a kind; the least is the default."""
MEMORY_STEP_MB = 256
LONGEST_KILL_SECONDS = 300.0

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)"


def seconds(duration: str) -> float:
    """A duration as Go writes it, in seconds: `"1m30s"` → 90.0. Raises ValueError."""
    if not re.fullmatch(f"(?:{_PART})+", duration):
        raise ValueError(f"{duration!r} is not a duration such as 10s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, duration))


class Duration(str):
    """A duration with its unit, as it is sent."""

    @staticmethod
    def of(value: object, unit: str) -> str:
        """From what a file says: text with units, or a number of `unit`. Raises ValueError or TypeError."""
        if isinstance(value, int) and not isinstance(value, bool):
            value = f"{value}{unit}"
        if not isinstance(value, str):
            raise TypeError(f"{value!r} is not a duration such as 10s")
        if value.isdecimal():  # the provider's tool takes a number in quotes for a number
            value = f"{value}{unit}"
        seconds(value)
        return value


class Seconds(Duration):
    """A duration whose bare number is in seconds."""


class Milliseconds(Duration):
    """A duration whose bare number is in milliseconds, as those of checks are."""


class Megabytes(int):
    """An amount of memory; a bare number is in MiB."""


class Headers(list[dict[str, Any]]):
    """The headers that a check sends: a table of names and values there, a list of `{name, values}` when sent."""


class Variables(dict[str, str]):
    """Environment variables: texts; numbers and booleans are written as text."""


class Refused:
    """What no file may say here; the reason is in REASONS."""


REASONS: dict[str, str] = {
    "statics": "machines serve no files past the service here; put them into the page, or let the service serve them",
    "mounts": "volumes cannot follow a release from machine to machine; keep data in a database or an object store",
    "processes": "one web service runs here, so there is one process group; remove it",
    "build": "`invoke build` makes the image; remove it",
    "files": "what a machine needs is in its image; put the file there",
    "experimental": "experimental options change what the image runs; set its entrypoint in the Dockerfile",
    "machine_config": "machines are configured by this file's own tables; move it there",
    "container": "one container runs in a machine here; remove it",
    "machine_checks": "suites check a release here, on machines that are in no traffic yet; remove it",
    "seed_command": "a release has no data to seed; use release_command",
    "gpus": "GPUs are not supported",
    "gpu_kind": "GPUs are not supported",
    "restart_limit": "the provider does not restart machines for failing checks any more; remove it",
    "script_checks": "the provider runs no script checks any more; use http_service.checks",
    "release_command_vm": "the release command runs on a machine of the service's own size; remove it",
    "max_unavailable": "a rolling release takes one machine at a time here, after its successor is healthy; remove it",
    "wait_timeout": "how long a machine may take is HEALTH_TIMEOUT of .env.<name>; remove it",
}


def decoded(kind: type, value: Any) -> Any:
    """The value of a type of this module, from what a file says. Raises ValueError or TypeError with what is wrong."""
    if kind in (Seconds, Milliseconds):
        return kind(Duration.of(value, "s" if kind is Seconds else "ms"))
    if kind is Megabytes:
        return Megabytes(_megabytes(value))
    if kind is Headers:
        return Headers(_headers(value))
    if kind is Variables:
        return Variables(_variables(value))
    raise NotImplementedError(kind)


def _megabytes(value: object) -> int:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?)?", str(value).strip().lower())
    if isinstance(value, bool) or not match:
        raise ValueError(f"{value!r} is not a size such as 512, 512mb or 1gb")
    return int(float(match[1]) * 1024 ** ("kmgt".index(match[2] or "m") - 1))


def _headers(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
        return [{"name": name, "values": [each]} for name, each in value.items()]
    raise ValueError('must be a table of texts, such as headers = {Host = "example.com"}')


def _variables(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise TypeError("must be a table")
    written: dict[str, str] = {}
    for name, each in value.items():
        if name.startswith("FLY_"):
            raise ValueError(f"{name}: names that begin with FLY_ are the provider's")
        if not isinstance(each, (str, int, float)):
            raise TypeError(f"{name}: must be a text, a number or a boolean")
        written[name] = str(each).lower() if isinstance(each, bool) else str(each)
    return written


class Table(Struct, forbid_unknown_fields=True):
    """A table of the file; its fields are the keys that it may have."""


Group = Annotated[list[Literal["app"]], Meta(description="process groups; there is one")]
Port = Annotated[int, Meta(ge=1, le=65535)]
Whole = Annotated[int, Meta(ge=0)]
Signal = Literal["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGHUP"]


class Concurrency(Table):
    """How the provider counts load. Without a hard limit no request is refused for load."""

    type: Literal["connections", "requests"] = "connections"
    soft_limit: Whole | UnsetType = UNSET
    hard_limit: Whole | UnsetType = UNSET


class Response(Table):
    """What the provider's proxy changes in answers."""

    headers: dict[str, bool | str | list[str]] | UnsetType = UNSET
    pristine: bool | UnsetType = UNSET


class ReplayCache(Table):
    """Which requests the proxy sends where an earlier one was replayed to."""

    path_prefix: str
    ttl_seconds: Whole
    type: Literal["cookie", "header"]
    name: str
    allow_bypass: bool | UnsetType = UNSET


class HTTPOptions(Table):
    """How the proxy speaks HTTP with the service."""

    compress: bool | UnsetType = UNSET
    response: Response | UnsetType = UNSET
    h2_backend: bool | UnsetType = UNSET
    headers_read_timeout: Whole | UnsetType = UNSET
    idle_timeout: Whole | UnsetType = UNSET
    replay_cache: list[ReplayCache] | UnsetType = UNSET


class TLSOptions(Table):
    """How the proxy ends TLS."""

    alpn: list[str] | UnsetType = UNSET
    versions: list[str] | UnsetType = UNSET
    default_self_signed: bool | UnsetType = UNSET


class TCPCheck(Table):
    """A connection that must be accepted."""

    grace_period: Milliseconds | UnsetType = UNSET
    interval: Milliseconds | UnsetType = UNSET
    timeout: Milliseconds | UnsetType = UNSET
    restart_limit: Refused | UnsetType = UNSET


class HTTPCheck(TCPCheck):
    """A request that must be answered with 2xx."""

    method: str | UnsetType = UNSET
    path: str | UnsetType = UNSET
    protocol: Literal["http", "https"] | UnsetType = UNSET
    headers: Headers | UnsetType = UNSET
    tls_server_name: str | UnsetType = UNSET
    tls_skip_verify: bool | UnsetType = UNSET


class TopLevelCheck(HTTPCheck, kw_only=True):
    """A check of the machine, not of a service. It decides routing only as `kind = "readiness"`."""

    type: Literal["http", "tcp"]
    kind: Literal["readiness", "informational"] | UnsetType = UNSET
    port: Port | UnsetType = UNSET
    processes: Group | UnsetType = UNSET


class _Service(Table, kw_only=True):
    internal_port: Port = 8080
    auto_stop_machines: bool | Literal["off", "stop", "suspend"] = "off"
    auto_start_machines: bool = True
    min_machines_running: Whole = 0
    processes: Group | UnsetType = UNSET
    concurrency: Concurrency | UnsetType = UNSET
    machine_checks: Refused | UnsetType = UNSET
    tcp_checks: TCPCheck | list[TCPCheck] = field(default_factory=list)


class HTTPService(_Service, kw_only=True):
    """`[http_service]`: ports 80 (http) and 443 (http, tls)."""

    force_https: bool = False
    http_options: HTTPOptions | UnsetType = UNSET
    tls_options: TLSOptions | UnsetType = UNSET
    checks: HTTPCheck | list[HTTPCheck] = field(default_factory=list)


class ServicePort(Table, kw_only=True):
    """One port of `[[services.ports]]`."""

    port: Port
    handlers: list[Literal["http", "tls"]]
    force_https: bool = False
    http_options: HTTPOptions | UnsetType = UNSET
    tls_options: TLSOptions | UnsetType = UNSET


class Service(_Service, kw_only=True):
    """`[[services]]`: the same service in the older form, with its ports."""

    ports: list[ServicePort]
    protocol: Literal["tcp"] = "tcp"
    http_checks: HTTPCheck | list[HTTPCheck] = field(default_factory=list)
    script_checks: Refused | UnsetType = UNSET


class VM(Table):
    """The size of a machine."""

    size: str | UnsetType = UNSET
    memory: Megabytes | UnsetType = UNSET
    memory_mb: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    cpus: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    cpu_kind: Literal["shared", "performance"] | UnsetType = UNSET
    kernel_args: list[str] | UnsetType = UNSET
    host_dedication_id: str | UnsetType = UNSET
    persist_rootfs: Literal["never", "restart", "always"] | UnsetType = UNSET
    gpus: Refused | UnsetType = UNSET
    gpu_kind: Refused | UnsetType = UNSET
    processes: Group | UnsetType = UNSET


class Restart(Table):
    """What happens to a machine whose process ended."""

    policy: Literal["always", "on-failure", "never", "no", "on-fail"] = "on-failure"
    retries: Whole | UnsetType = UNSET
    processes: Group | UnsetType = UNSET


class Metrics(Table):
    """Where the provider reads the service's metrics."""

    port: Port
    path: str
    https: bool | UnsetType = UNSET
    processes: Group | UnsetType = UNSET


class Deploy(Table):
    """How a release is rolled out."""

    strategy: Literal["bluegreen", "canary", "rolling", "immediate"] | UnsetType = UNSET
    release_command: str | UnsetType = UNSET
    release_command_timeout: Seconds | UnsetType = UNSET
    release_command_vm: Refused | UnsetType = UNSET
    seed_command: Refused | UnsetType = UNSET
    max_unavailable: Refused | UnsetType = UNSET
    wait_timeout: Refused | UnsetType = UNSET


class FlyFile(Table, kw_only=True):
    """A whole fly.toml."""

    app: str
    primary_region: str
    kill_signal: Signal = "SIGINT"
    kill_timeout: Seconds = field(default_factory=lambda: Seconds("5s"))
    swap_size_mb: Whole | UnsetType = UNSET
    console_command: str | UnsetType = UNSET
    host_dedication_id: str | UnsetType = UNSET
    env: Variables = field(default_factory=Variables)
    http_service: HTTPService | UnsetType = UNSET
    services: list[Service] = field(default_factory=list)
    checks: dict[str, TopLevelCheck] = field(default_factory=dict)
    vm: VM | list[VM] = field(default_factory=list)
    restart: Restart | list[Restart] = field(default_factory=list)
    metrics: Metrics | list[Metrics] = field(default_factory=list)
    deploy: Deploy = field(default_factory=Deploy)
    statics: Refused | UnsetType = UNSET
    mounts: Refused | UnsetType = UNSET
    processes: Refused | UnsetType = UNSET
    build: Refused | UnsetType = UNSET
    files: Refused | UnsetType = UNSET
    experimental: Refused | UnsetType = UNSET
    machine_config: Refused | UnsetType = UNSET
    machine_checks: Refused | UnsetType = UNSET
    container: Refused | UnsetType = UNSET
