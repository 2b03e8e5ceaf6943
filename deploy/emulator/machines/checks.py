"""Health checks: what a configuration asks for, what a probe found, what is reported. Only `probe` touches a network.

A machine reports no check until one has given a result. Until a check has passed for the first time it is probed
more often than its interval says, so that a machine takes requests as soon as it can; failures within the grace
period are not reported.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.emulator.errors import CheckWrong
from deploy.emulator.model import now_text
from deploy.emulator.plain import plain_client

EAGER_SECONDS = 0.1
EAGER_FOR_SECONDS = 60.0
OUTPUT_LIMIT = 500
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")


@dataclass(frozen=True)
class Check:
    """One configured check. Times are in seconds; `kind` is `http` or `tcp`."""

    name: str
    kind: str
    port: int
    interval: float
    timeout: float
    grace: float
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = field(default=())
    routes: bool = True
    """Whether it decides if the machine is sent requests: a service's, or a machine's own of the kind `readiness`."""


@dataclass(frozen=True)
class Finding:
    """What one probe found."""

    passed: bool
    output: str


def seconds(value: Any, default: float) -> float:
    """A duration as Go writes it (`1m30s`, `500ms`), or a number of nanoseconds; None gives `default`."""
    if value is None:
        return default
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value / 1e9
    if not isinstance(value, str) or not value or _PART.sub("", value):
        raise CheckWrong(f"{value!r} is not a duration; write 500ms, 15s or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(value))


def configured(config: dict[str, Any]) -> list[Check]:
    """All checks of a machine configuration: its own by name, its services' as `servicecheck-00-http-8080`."""
    found = [_check(name, raw, None) for name, raw in (config.get("checks") or {}).items()]
    index = 0
    for service in config.get("services") or []:
        for raw in service.get("checks") or []:
            port = raw.get("port") or service.get("internal_port")
            found.append(_check(f"servicecheck-{index:02d}-{raw.get('type', 'tcp')}-{port}", raw, port))
            index += 1
    return found


def _check(name: str, raw: dict[str, Any], port: int | None) -> Check:
    kind, at = raw.get("type", "tcp"), raw.get("port") or port
    if kind not in ("http", "tcp"):
        raise CheckWrong(f"check {name}: type {kind!r} is neither http nor tcp")
    if not isinstance(at, int) or not 0 < at < 65536:
        raise CheckWrong(f"check {name}: port {at!r} is not a port number")
    if raw.get("protocol", "http") != "http":
        raise CheckWrong(f"check {name}: protocol {raw['protocol']!r}: only http is spoken here")
    meant = raw.get("kind") or "informational"
    if meant not in ("informational", "readiness"):
        raise CheckWrong(f"check {name}: kind {meant!r} is neither informational nor readiness")
    return Check(
        name=name,
        kind=kind,
        port=at,
        interval=max(seconds(raw.get("interval"), 15.0), 0.05),
        timeout=seconds(raw.get("timeout"), 10.0),
        grace=seconds(raw.get("grace_period"), 0.0),
        method=str(raw.get("method") or "GET").upper(),
        path=raw.get("path") or "/",
        headers=tuple((h["name"], value) for h in raw.get("headers") or [] for value in h.get("values") or []),
        routes=port is not None or meant == "readiness",
    )


def report(check: Check, finding: Finding, age: float, passed_once: bool) -> dict[str, str] | None:
    """What the machine says of this check; None while failing is forgiven. `age` is seconds since it started."""
    if not finding.passed and not passed_once and age < check.grace:
        return None
    status = "passing" if finding.passed else "critical"
    return {"name": check.name, "status": status, "output": finding.output, "updated_at": now_text()}


def pause(check: Check, age: float, passed_once: bool) -> float:
    """Seconds until the next probe."""
    return check.interval if passed_once or age > EAGER_FOR_SECONDS else min(check.interval, EAGER_SECONDS)


def healthy(checks: list[Check], reported: dict[str, dict[str, str]]) -> bool:
    """All configured checks that decide about requests are passing; so is a machine that has none."""
    return all(reported.get(check.name, {}).get("status") == "passing" for check in checks if check.routes)


def compatible(reported: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    """The reported checks, and after them those that the provider adds for old clients: a failing one a service's."""
    shadows = [
        {**told, "status": "critical", "name": f"bg_deployments_compat-{name.removeprefix('servicecheck-')}"}
        for name, told in reported.items()
        if name.startswith("servicecheck-")
    ]
    return [*reported.values(), *shadows]


async def probe(check: Check, address: str) -> Finding:
    """Try it once, on a connection of its own."""
    try:
        async with asyncio.timeout(check.timeout):
            return await (_http(check, address) if check.kind == "http" else _tcp(check, address))
    except TimeoutError:
        return Finding(False, f"no answer within {check.timeout:g} s")
    except (OSError, httpx.HTTPError) as error:
        return Finding(False, f"{type(error).__name__}: {error}"[:OUTPUT_LIMIT])


async def _http(check: Check, address: str) -> Finding:
    async with plain_client(check.timeout) as client:
        url = f"http://{address}:{check.port}{check.path}"
        async with client.stream(check.method, url, headers=list(check.headers)) as answer:
            start = b""
            async for chunk in answer.aiter_bytes():
                start += chunk
                if len(start) > OUTPUT_LIMIT:
                    break
    return Finding(answer.is_success, start[:OUTPUT_LIMIT].decode(errors="replace") or f"HTTP {answer.status_code}")


async def _tcp(check: Check, address: str) -> Finding:
    _, writer = await asyncio.open_connection(address, check.port)
    writer.close()
    return Finding(True, "Success")
