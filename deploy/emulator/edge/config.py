"""Builds Caddy's whole configuration as a value; nothing here talks to Caddy.

Three kinds of server: the edge (all hosts on one port), one port for each app's host (because its name resolves
nowhere on a plain machine), and the registry's front. Pages' hosts are passed on to the host process
(`emulator/pages/serving.py`), so that publishing a page changes nothing here: a reload ends the requests that Caddy
passes on at that moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.emulator.edge.names import name_of
from deploy.emulator.edge.options import Options
from deploy.emulator.edge.regions import FORM, HEADER, label_of

Json = dict[str, Any]

REFRESH_SECONDS = 0.05  # how long Caddy may hold on to the last list of machines
RETRIES = 3
ATTEMPTS = 40  # at finding a machine that is not full, as many as the provider's own message names
FORCED = "Fly-Force-Instance-Id"
REGISTRY_SOCKET = "registry.sock"


@dataclass(frozen=True)
class AppRoute:
    """A Fly app at the edge. `ports` are its machines' internal ports, `own_port` the host's own loopback port."""

    host: str
    app: str
    ports: tuple[int, ...]
    own_port: int | None
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class SiteRoute:
    """A Pages project at the edge; `own_port` is where the host process serves it."""

    host: str
    own_port: int


@dataclass(frozen=True)
class Layout:
    """Everything the configuration depends on. Ports are on 127.0.0.1; `names` is the name server's host:port."""

    edge_port: int
    registry_port: int
    api_port: int
    names: str
    apps: Sequence[AppRoute]
    sites: Sequence[SiteRoute]
    region: str = ""
    """Where the edge is: machines are told so, with each request."""
    plain_port: int | None = None
    """Where the edge takes what came over plain HTTP; its other ports stand for HTTPS."""


def edge_config(layout: Layout) -> Json:
    """The edge's configuration, as `POST /load` takes it. What it depends on changes with a new app or port alone."""
    apps = [(route.host, app_handler(route, layout)) for route in layout.apps]
    sites = [(route.host, _passed_on(route.own_port)) for route in layout.sites]
    by_host = [{"match": [{"host": [host]}], "handle": [handler], "terminal": True} for host, handler in apps + sites]
    unknown = {"handle": [_text(404, "no such host here")]}
    servers = {"edge": _server(layout.edge_port, [*by_host, unknown])}
    if layout.plain_port:
        secured = [route.host for route in layout.apps if route.options.force_https]
        forced = [{"match": [{"host": secured}], "handle": [_to_https()], "terminal": True}] if secured else []
        servers["plain"] = _server(layout.plain_port, [*forced, *by_host, unknown])
    servers |= {
        route.host: _server(route.own_port, [{"handle": [app_handler(route, layout)]}])
        for route in layout.apps
        if route.own_port
    }
    servers["registry"] = _server(layout.registry_port, [{"handle": [registry_handler(layout.api_port)]}])
    return {
        "admin": {"listen": "unix/edge.sock", "origins": ["localhost"], "config": {"persist": False}},
        "storage": {"module": "file_system", "root": "edge"},
        "apps": {"http": {"servers": servers, "grace_period": "20s"}},
    }


def _passed_on(port: int) -> Json:
    transport = {"protocol": "http", "keep_alive": {"enabled": False}}
    return {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{port}"}], "transport": transport}


def _to_https() -> Json:
    location = {"Location": ["https://{http.request.host}{http.request.uri}"]}
    return {"handler": "static_response", "status_code": 301, "headers": location}


def _answers(options: Options) -> list[Json]:
    """What is done to answers on their way back; the first handler is the last to see them."""
    told = {} if options.pristine else {"Via": ["1.1 fly.io"], "Fly-Request-Id": ["{http.request.uuid}"]}
    # A brace would begin a placeholder.
    wanted = {name: [text.replace("{", "\\{") for text in texts] for name, texts in options.headers if texts}
    gone = [name for name, texts in options.headers if not texts] + (["Server"] if options.pristine else [])
    response: Json = {"set": told | wanted, "deferred": True} | ({"delete": gone} if gone else {})
    found: list[Json] = [{"handler": "headers", "response": response}]
    if options.compress:
        found.append({"handler": "encode", "encodings": {"zstd": {}, "gzip": {}}, "prefer": ["zstd", "gzip"]})
    return found


def app_handler(route: AppRoute, layout: Layout) -> Json:
    """Requests to an app's machines: in turn, and again to the next one when a machine could not be reached."""
    back = _answers(route.options)
    nobody = _text("{http.error.status_code}", f"no healthy machine of {route.app} answers")
    return {
        "handler": "subroute",
        "routes": [
            {"handle": back},
            *_named(route, layout),
            {"handle": [_machines(route, layout) if route.ports else {"handler": "error", "status_code": "503"}]},
        ],
        "errors": {"routes": [{"handle": [*back, nobody]}]},
    }


def _named(route: AppRoute, layout: Layout) -> list[Json]:
    """Requests that say where to: to one machine or nowhere (`fly-force-instance-id`), or to a region if it can be."""
    if not route.ports:
        return []
    one = f"{{http.request.header.{FORCED}}}"
    near = label_of(*(f"{{http.regexp.near.{number}}}" for number in (1, 2, 3)))
    matches: list[tuple[Json, str]] = [
        ({"header": {FORCED: ["*"]}}, one),
        ({"header_regexp": {HEADER: {"name": "near", "pattern": FORM}}}, near),
    ]
    return [
        {"match": [match], "handle": [_machines(route, layout, label)], "terminal": True} for match, label in matches
    ]


def _machines(route: AppRoute, layout: Layout, label: str = "") -> Json:
    sources = [
        {
            "source": "a",
            "name": name_of(route.app, port, label),
            "port": str(port),
            "refresh": f"{round(REFRESH_SECONDS * 1000)}ms",
            "resolver": {"addresses": [f"udp/{layout.names}"]},
        }
        for port in route.ports
    ]
    return {
        "handler": "reverse_proxy",
        "dynamic_upstreams": sources[0] if len(sources) == 1 else {"source": "multi", "sources": sources},
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "retries": ATTEMPTS if route.options.hard_limit else RETRIES,
            "try_interval": "20ms",
            # What a machine may have received is not sent again. Failing to connect is retried, and so is what found no
            # machine to go to.
            "retry_match": [{"vars": {"{http.reverse_proxy.upstream.hostport}": ["", "<nil>"]}}],
        },
        **_limited(route.options),
        # A connection kept to a machine may be closed by it just as the next request is written: lost. So none is.
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}, "dial_timeout": "2s"},
        # No flush_interval: with -1 requests stay at machines when their client has left. Streams are flushed anyway.
        # The whole body first: when a machine answers before Caddy has seen the body's end, Caddy may drop the answer.
        "buffer_requests": True,
        "headers": {
            "request": {
                "set": {
                    "Host": [route.host],
                    "Fly-Client-Ip": ["{http.request.remote.host}"],
                    "Fly-Request-Id": ["{http.request.uuid}"],
                    "Fly-Forwarded-Port": ["{http.request.port}"],
                    "Fly-Region": [layout.region],
                }
            },
            "response": {"delete": ["Server"]},
        },
    }


def _limited(options: Options) -> Json:
    """A machine that works on so many requests counts as not there."""
    limit = options.hard_limit
    # Without `max_fails` no machine would ever be taken; none is counted, as there is no `fail_duration`.
    return {"health_checks": {"passive": {"unhealthy_request_count": limit, "max_fails": 1}}} if limit else {}


def registry_handler(api_port: int) -> Json:
    """The registry's front: the host process is asked first, with the method and path but never the body."""
    registry = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"unix/{REGISTRY_SOCKET}"}],
        "flush_interval": -1,
        "headers": {"request": {"delete": ["Authorization"]}},
    }
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"127.0.0.1:{api_port}"}],
        "rewrite": {"method": "GET", "uri": "/registry-access"},
        "headers": {
            "request": {
                "set": {
                    "X-Forwarded-Method": ["{http.request.method}"],
                    "X-Forwarded-Uri": ["{http.request.uri}"],
                }
            }
        },
        # Asked once for each request: on a kept connection Caddy would ask again when the first gets no answer.
        "transport": {"protocol": "http", "keep_alive": {"enabled": False}},
        "handle_response": [{"match": {"status_code": [2]}, "routes": [{"handle": [registry]}]}],
    }


def _server(port: int, routes: list[Json]) -> Json:
    return {
        "listen": [f"127.0.0.1:{port}"],
        "routes": routes,
        "automatic_https": {"disable": True},
        "protocols": ["h1"],
    }


def _text(status: int | str, text: str) -> Json:
    headers = {"Content-Type": ["text/plain; charset=utf-8"], "Cache-Control": ["no-store"]}
    return {"handler": "static_response", "status_code": status, "headers": headers, "body": text + "\n"}
