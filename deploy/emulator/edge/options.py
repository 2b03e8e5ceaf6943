"""What machines' services ask of the edge: which of it is done here, and what is told as not done.

As the provider's proxy: `force_https` redirects what comes over plain HTTP; `http_options.response` sets and removes
headers of answers, or leaves out the proxy's own; `compress` compresses what the service did not; a machine that works
on `hard_limit` requests gets no more, and what finds all machines so is refused after some attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.emulator.model import ENDED, Machine

Json = dict[str, Any]
NOT_HERE = ("h2_backend", "headers_read_timeout", "idle_timeout", "replay_cache")
HTTP, TLS = "http", "tls"


@dataclass(frozen=True)
class Options:
    """Of an app's HTTP service. `headers` are those of answers, with no text for one to be removed; 0: no limit."""

    force_https: bool = False
    headers: tuple[tuple[str, tuple[str, ...]], ...] = ()
    pristine: bool = False
    compress: bool = False
    hard_limit: int = 0


def options_of(machines: Iterable[Machine]) -> Options:
    """The options of an app: those of its newest machine that has an HTTP service."""
    there = [machine for machine in machines if machine.state not in ENDED and _service(machine.config)]
    return _read(_service(there[-1].config)) if there else Options()


def not_done(config: Mapping[str, Any]) -> list[str]:
    """What a machine's configuration asks of the edge that the emulator's cannot do."""
    service = _service(config)
    return [
        f"{option} (port {port.get('port')})"
        for port in service.get("ports") or []
        for option in (*NOT_HERE, "tls_options")
        if {**(port.get("http_options") or {}), **port}.get(option) not in (None, False)
    ]


def _service(config: Mapping[str, Any]) -> Json:
    for service in config.get("services") or []:
        if any(HTTP in (port.get("handlers") or []) for port in service.get("ports") or []):
            return dict(service)
    return {}


def _read(service: Json) -> Options:
    """Ports that end TLS count: those stand for the edge here. Only plain HTTP can be redirected."""
    ports = [port for port in service.get("ports") or [] if HTTP in (port.get("handlers") or [])]
    asked = next((port for port in ports if TLS in port["handlers"]), ports[0]).get("http_options") or {}
    response = asked.get("response") or {}
    return Options(
        force_https=any(port.get("force_https") for port in ports if TLS not in port["handlers"]),
        headers=tuple((name, _texts(value)) for name, value in sorted((response.get("headers") or {}).items())),
        pristine=bool(response.get("pristine")),
        compress=bool(asked.get("compress")),
        hard_limit=int((service.get("concurrency") or {}).get("hard_limit") or 0),
    )


def _texts(value: Any) -> tuple[str, ...]:
    if value is False or value is None:
        return ()
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)
