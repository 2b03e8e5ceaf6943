"""Reads fly.toml and turns it into a machine configuration, as the provider's own tool does.

`declaration.py` says which keys there are. A key that it does not know is refused: it would be silently ignored.
"""

from __future__ import annotations

import difflib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType

from deploy.errors import ConfigurationError
from deploy.platforms.fly.declaration import (
    LONGEST_KILL_SECONDS,
    MEMORY_MB,
    MEMORY_STEP_MB,
    REASONS,
    SIZES,
    VM,
    FlyFile,
    HTTPCheck,
    HTTPService,
    Metrics,
    Refused,
    Restart,
    Service,
    TCPCheck,
    TopLevelCheck,
    decoded,
    seconds,
)

__all__ = ["FlyConfig", "read_fly_toml", "seconds"]

_HEADER = re.compile(r"\s*(\[{1,2})\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_WHERE = re.compile(r"(.*?) - at `(?:key in )?\$(.*)`$", re.DOTALL)


@dataclass(frozen=True)
class ReleaseCommand:
    """A command that runs on a machine of its own, with the release's image, before any machine serves it."""

    command: str
    timeout: float
    """Seconds; a command that takes longer has failed."""

    @property
    def words(self) -> list[str]:
        """The command and its arguments, as a shell divides them."""
        return shlex.split(self.command)


@dataclass(frozen=True)
class FlyConfig:
    """A fly.toml. `machine` is the part of a machine's configuration that comes from it (no image, no metadata)."""

    app: str
    region: str
    min_machines: int
    machine: dict[str, Any]
    strategy: str = ""
    """Of `[deploy]`; empty where the file says none."""
    release_command: ReleaseCommand | None = None


class _Lines:
    """Where in the file each key stands: `http_service.checks[1].path` → its line."""

    def __init__(self, text: str) -> None:
        self._lines = dict(self._read(text))

    @staticmethod
    def _read(text: str) -> Iterator[tuple[str, int]]:
        table, counts = "", dict[str, int]()
        for number, line in enumerate(text.splitlines(), 1):
            if header := _HEADER.match(line):
                table = ""
                names = [name.strip().strip("\"'") for name in header[2].split(".")]
                for name in names:
                    table = f"{table}.{name}" if table else name
                    if header[1] == "[[" and name is names[-1]:
                        counts[table] = counts.get(table, -1) + 1
                    if table in counts:
                        yield table, number
                        table = f"{table}[{counts[table]}]"
                yield table, number
            elif key := _KEY.match(line):
                name = ".".join(part.strip().strip("\"'") for part in key[1].split("."))
                yield (f"{table}.{name}" if table else name), number

    def of(self, path: str) -> int:
        """The line of a key, or of the nearest table that holds it; 0 where neither stands in the file."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return 0


class _File:
    """A parsed file; every complaint names file, line and key."""

    def __init__(self, file: Path) -> None:
        self._name = file.name
        try:
            text = file.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except FileNotFoundError:
            raise self.refuse("", "is missing; every deployed environment has one in deploy/") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
            raise self.refuse("", f"is not TOML: {wrong}") from None
        self._lines = _Lines(text)
        self._refuse_what_is_declared_so(FlyFile, data, "")
        try:
            self.content = msgspec.convert(data, FlyFile, dec_hook=decoded)
        except msgspec.ValidationError as wrong:
            raise self._said(str(wrong)) from None

    def refuse(self, path: str, problem: str) -> ConfigurationError:
        line = self._lines.of(path) if path else 0
        return ConfigurationError(self._name, line, re.sub(r"\[\d+\]", "", path), problem)

    def _refuse_what_is_declared_so(self, kind: Any, value: Any, path: str) -> None:
        """Refuse keys of other kinds of apps, with their reasons, before anything else is said of them."""
        if isinstance(value, list):
            for index, each in enumerate(value):
                self._refuse_what_is_declared_so(kind, each, f"{path}[{index}]")
        elif isinstance(value, dict):
            fields = {each.encode_name: each.type for each in msgspec.structs.fields(kind)}
            for key, each in value.items():
                here = f"{path}.{key}" if path else key
                kinds = _parts(fields.get(key))
                if Refused in kinds:
                    raise self.refuse(here, f"is not supported: {REASONS[key]}")
                for table in kinds:
                    if isinstance(table, type) and issubclass(table, Struct) and isinstance(each, (dict, list)):
                        self._refuse_what_is_declared_so(table, each, here)
                        break

    def _said(self, message: str) -> ConfigurationError:
        """What msgspec says of a value, in the words of the file."""
        found = _WHERE.match(message)
        problem, path = (found[1], found[2].lstrip(".")) if found else (message, "")
        path = path.replace("[...]", "")
        if unknown := re.search(r"unknown field `(.*)`", problem):
            key = f"{path}.{unknown[1]}" if path else unknown[1]
            return self.refuse(key, f"unknown key; {_known(path, unknown[1])}")
        if missing := re.search(r"missing required field `(.*)`", problem):
            key = f"{path}.{missing[1]}" if path else missing[1]
            return self.refuse(key, "is missing")
        return self.refuse(path, re.sub(r"^Expected", "must be", problem).replace("`", "").replace(", got", ", not"))


def _parts(kind: Any) -> list[Any]:
    """The types that a declared type is made of, without containers and annotations."""
    arguments = getattr(kind, "__args__", ())
    return [part for each in arguments for part in _parts(each)] if arguments else [kind]


def _known(path: str, key: str) -> str:
    """The keys of the table at `path`, the nearest first."""
    table: Any = FlyFile
    for name in re.findall(r"[^.\[\]]+", re.sub(r"\[\d+\]", "", path)):
        fields = {each.encode_name: each.type for each in msgspec.structs.fields(table)}
        inner = [each for each in _parts(fields.get(name)) if isinstance(each, type) and issubclass(each, Struct)]
        if inner:
            table = inner[0]
    fields = {each.encode_name: each.type for each in msgspec.structs.fields(table)}
    names = sorted(name for name, kind in fields.items() if Refused not in _parts(kind))
    near = difflib.get_close_matches(key, names, 1)
    return (f"did you mean {near[0]}? " if near else "") + f"known are {', '.join(names)}"


def read_fly_toml(file: Path) -> FlyConfig:
    """Read and check a fly.toml; raises ConfigurationError naming file, line and key."""
    read = _File(file)
    said = read.content
    if seconds(said.kill_timeout) > LONGEST_KILL_SECONDS:
        raise read.refuse("kill_timeout", f"the provider waits at most {LONGEST_KILL_SECONDS:g} s")
    service = _only_service(read)
    machine: dict[str, Any] = {
        "env": {**said.env, "PRIMARY_REGION": said.primary_region},
        "guest": _guest(read),
        "services": [_service(service)],
        "stop_config": {"signal": said.kill_signal, "timeout": said.kill_timeout},
        "checks": {name: _check(check, service.internal_port) for name, check in said.checks.items()},
    }
    if restart := cast("Restart | None", _only(read, "restart", said.restart)):
        policy = {"on-fail": "on-failure", "never": "no"}.get(restart.policy, restart.policy)
        machine["restart"] = {"policy": policy} | _set({"max_retries": restart.retries})
    if metrics := cast("Metrics | None", _only(read, "metrics", said.metrics)):
        machine["metrics"] = _set({"port": metrics.port, "path": metrics.path, "https": metrics.https})
    if said.swap_size_mb:
        machine["init"] = {"swap_size_mb": said.swap_size_mb}
    return FlyConfig(
        app=said.app,
        region=said.primary_region,
        min_machines=service.min_machines_running,
        machine=machine,
        strategy=said.deploy.strategy or "",
        release_command=_release_command(read),
    )


def _set(values: dict[str, Any]) -> dict[str, Any]:
    """Only what the file says."""
    return {key: value for key, value in values.items() if value is not UNSET}


def _plain(table: Struct | UnsetType) -> Any:
    """A table as it is sent; UNSET as it is."""
    return table if table is UNSET else msgspec.to_builtins(table, enc_hook=_sent)


def _sent(value: Any) -> Any:
    """A value of a type of the declaration as JSON has it."""
    if isinstance(value, list):
        return list(value)
    return int(value) if isinstance(value, int) else str(value)


def _listed(tables: Any) -> list[Any]:
    """A list of tables, where one may stand for a list of one."""
    return tables if isinstance(tables, list) else [tables]


def _only(read: _File, key: str, tables: Any) -> Struct | None:
    found = _listed(tables)
    if len(found) > 1:
        raise read.refuse(f"{key}[1]", f"one [[{key}]] is supported, as there is one process group")
    return found[0] if found else None


def _only_service(read: _File) -> HTTPService | Service:
    said = read.content
    services: list[HTTPService | Service] = [*([said.http_service] if said.http_service else []), *said.services]
    if not services:
        raise read.refuse(
            "http_service", "is missing; say how the service is reached: [http_service] internal_port = 8080"
        )
    if len(services) > 1:
        raise read.refuse("services", "one web service is supported; keep [http_service] or one [[services]]")
    return services[0]


def _guest(read: _File) -> dict[str, Any]:
    vm = cast("VM", _only(read, "vm", read.content.vm) or VM())
    place = "vm[0]" if isinstance(read.content.vm, list) else "vm"
    size = vm.size or "shared-cpu-1x"
    if size not in SIZES:
        raise read.refuse(f"{place}.size", f"unknown size {size!r}; known are {', '.join(SIZES)}")
    kind, cpus = SIZES[size]
    kind, cpus = vm.cpu_kind or kind, vm.cpus or cpus
    least, most = (each * cpus for each in MEMORY_MB[kind])
    memory = int(vm.memory_mb or vm.memory or least)
    if not least <= memory <= most or memory % MEMORY_STEP_MB:
        key = "memory_mb" if vm.memory_mb else "memory"
        allowed = f"{least} to {most} MB in steps of {MEMORY_STEP_MB}"
        raise read.refuse(f"{place}.{key}", f"{memory} MB: {cpus} {kind} cpus have {allowed}")
    dedicated = vm.host_dedication_id or read.content.host_dedication_id
    more = {"kernel_args": vm.kernel_args, "persist_rootfs": vm.persist_rootfs, "host_dedication_id": dedicated}
    return {"cpu_kind": kind, "cpus": cpus, "memory_mb": memory} | _set(more)


def _service(service: HTTPService | Service) -> dict[str, Any]:
    if isinstance(service, HTTPService):
        options = {"http_options": _plain(service.http_options)}
        ports = [
            {"port": 80, "handlers": ["http"], "force_https": service.force_https} | _set(options),
            {"port": 443, "handlers": ["http", "tls"]} | _set(options | {"tls_options": _plain(service.tls_options)}),
        ]
        checks = [*_listed(service.tcp_checks), *_listed(service.checks)]
    else:
        ports = [_plain(port) for port in service.ports]
        checks = [*_listed(service.tcp_checks), *_listed(service.http_checks)]
    stop = service.auto_stop_machines
    return {
        "protocol": "tcp",
        "internal_port": service.internal_port,
        "autostop": {True: "stop", False: "off"}.get(stop, stop) if isinstance(stop, bool) else stop,
        "autostart": service.auto_start_machines,
        "min_machines_running": service.min_machines_running,
        "ports": ports,
        "checks": [_check(each) for each in checks],
    } | _set({"concurrency": _plain(service.concurrency)})


def _check(check: TCPCheck | HTTPCheck | TopLevelCheck, port: int = 0) -> dict[str, Any]:
    said = cast("dict[str, Any]", _plain(check))
    said.pop("processes", None)
    if isinstance(check, TopLevelCheck):
        return {"port": port, **said}
    return {"type": "http" if isinstance(check, HTTPCheck) else "tcp", **said}


def _release_command(read: _File) -> ReleaseCommand | None:
    said = read.content.deploy
    if not said.release_command:
        return None
    found = ReleaseCommand(said.release_command, seconds(said.release_command_timeout or "5m"))
    try:
        found.words  # noqa: B018 - asked for now, so that the file is refused and not the release
    except ValueError as wrong:
        raise read.refuse("deploy.release_command", f"{found.command!r}: {wrong}") from None
    return found
