"""Builds Caddy's whole configuration as a value; nothing here talks to Caddy.

Three kinds of server: the edge (all hosts on one port), one port for each tenant's host (because its name resolves
nowhere on a plain machine), and the registry's front. Pages' hosts are another process's: a reload ends the requests
that a Caddy passes on at that moment, and publishing a page must not end a program that somebody runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from deploy.emulator.edge.names import name_of
from deploy.emulator.edge.rules import HeaderRule, Redirect, pattern_host, pattern_regexp

Json = dict[str, Any]

REFRESH_SECONDS = 0.05  # how long Caddy may hold on to the last list of machines
RETRIES = 3
FORCED = "Fly-Force-Instance-Id"
REGISTRY_SOCKET = "registry.sock"

# What Pages sends with every file unless `_headers` says otherwise.
PAGES_DEFAULTS = {
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "public, max-age=0, must-revalidate",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Content-Type-Options": "nosniff",
}
# Types that Go's table lacks where a machine has no /etc/mime.types, or that it has differently.
CONTENT_TYPES = {
    "ico": "image/x-icon",
    "js": "application/javascript",
    "json": "application/json",
    "map": "application/json",
    "mjs": "application/javascript",
    "txt": "text/plain; charset=utf-8",
    "webmanifest": "application/manifest+json",
    "woff": "font/woff",
    "woff2": "font/woff2",
}


@dataclass(frozen=True)
class AppRoute:
    """A Fly app at the edge. `ports` are its machines' internal ports, `own_port` the host's own loopback port."""

    host: str
    app: str
    ports: tuple[int, ...]
    own_port: int | None


@dataclass(frozen=True)
class SiteRoute:
    """A Pages project at the edge; `root` is the directory of the deployment it serves."""

    host: str
    root: str
    headers: tuple[HeaderRule, ...]
    redirects: tuple[Redirect, ...]
    own_port: int | None


@dataclass(frozen=True)
class Layout:
    """Everything the configuration depends on. Ports are on 127.0.0.1; `names` is the name server's host:port."""

    edge_port: int
    registry_port: int
    api_port: int
    names: str
    apps: Sequence[AppRoute]
    sites: Sequence[SiteRoute]


def edge_config(layout: Layout) -> Json:
    """The edge's configuration, as `POST /load` takes it. What it depends on changes with a new app or port alone."""
    apps = [(route.host, app_handler(route, layout.names)) for route in layout.apps]
    sites = [(route.host, _passed_on(route.own_port)) for route in layout.sites if route.own_port]
    by_host = [{"match": [{"host": [host]}], "handle": [handler], "terminal": True} for host, handler in apps + sites]
    unknown = {"handle": [_text(404, "no such host here")]}
    servers = {"edge": _server(layout.edge_port, [*by_host, unknown])}
    servers |= {
        route.host: _server(route.own_port, [{"handle": [app_handler(route, layout.names)]}])
        for route in layout.apps
        if route.own_port
    }
    servers["registry"] = _server(layout.registry_port, [{"handle": [registry_handler(layout.api_port)]}])
    return _whole("edge", servers)


def sites_config(layout: Layout) -> Json:
    """The configuration of what serves Pages deployments; it changes with their `_headers` and `_redirects`."""
    servers = {
        route.host: _server(route.own_port, [{"handle": [site_handler(route)]}])
        for route in layout.sites
        if route.own_port
    }
    return _whole("sites", servers)


def _whole(name: str, servers: Json) -> Json:
    return {
        "admin": {"listen": f"unix/{name}.sock", "origins": ["localhost"], "config": {"persist": False}},
        "storage": {"module": "file_system", "root": name},
        "apps": {"http": {"servers": servers, "grace_period": "20s"}},
    }


def _passed_on(port: int) -> Json:
    transport = {"protocol": "http", "keep_alive": {"enabled": False}}
    return {"handler": "reverse_proxy", "upstreams": [{"dial": f"127.0.0.1:{port}"}], "transport": transport}


def app_handler(route: AppRoute, names: str) -> Json:
    """Requests to an app's machines: in turn, and again to the next one when a machine could not be reached."""
    told = {"Via": ["1.1 fly.io"], "Fly-Request-Id": ["{http.request.uuid}"]}
    nobody = _text("{http.error.status_code}", f"no healthy machine of {route.app} answers")
    return {
        "handler": "subroute",
        "routes": [
            {"handle": [{"handler": "headers", "response": {"set": told}}]},
            *_forced(route, names),
            {"handle": [_machines(route, names) if route.ports else {"handler": "error", "status_code": "503"}]},
        ],
        "errors": {"routes": [{"handle": [{"handler": "headers", "response": {"set": told}}, nobody]}]},
    }


def _forced(route: AppRoute, names: str) -> list[Json]:
    """A request that names a machine goes to that one or nowhere, as `fly-force-instance-id` asks."""
    if not route.ports:
        return []
    match = {"header": {FORCED: ["*"]}}
    label = f"{{http.request.header.{FORCED}}}"
    return [{"match": [match], "handle": [_machines(route, names, label)], "terminal": True}]


def _machines(route: AppRoute, names: str, instance: str = "") -> Json:
    sources = [
        {
            "source": "a",
            "name": name_of(route.app, port, instance),
            "port": str(port),
            "refresh": f"{round(REFRESH_SECONDS * 1000)}ms",
            "resolver": {"addresses": [f"udp/{names}"]},
        }
        for port in route.ports
    ]
    return {
        "handler": "reverse_proxy",
        "dynamic_upstreams": sources[0] if len(sources) == 1 else {"source": "multi", "sources": sources},
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "retries": RETRIES,
            "try_interval": "20ms",
            # No request matches: what a machine may have received is not sent again. Failing to connect is retried.
            "retry_match": [{"method": ["NONE"]}],
        },
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
                }
            },
            "response": {"delete": ["Server"]},
        },
    }


def site_handler(route: SiteRoute) -> Json:
    """A deployment's files; the rules of its `_headers` and `_redirects`; Pages' defaults where they are silent."""
    routes: list[Json] = [{"match": [{"not": [{"method": ["GET", "HEAD"]}]}], "handle": [_text(405, "read only")]}]
    for index, redirect in enumerate(route.redirects):
        target = _value(redirect.target, redirect.pattern, f"r{index}")
        answer = {"handler": "static_response", "status_code": redirect.code, "headers": {"Location": [target]}}
        routes.append({"match": [_path(redirect.pattern, f"r{index}")], "handle": [answer], "terminal": True})
    for extension, kind in CONTENT_TYPES.items():
        set_type = {"handler": "headers", "response": {"set": {"Content-Type": [kind]}}}
        routes.append({"match": [{"path": [f"*.{extension}"]}], "handle": [set_type]})
    rules = [rule for rule in route.headers if pattern_host(rule.pattern) in (None, route.host)]
    routes += [_rule(index, rule) for index, rule in enumerate(rules)]
    routes += [_default(name, value, rules) for name, value in PAGES_DEFAULTS.items()]
    # The files' times encode their content, for the ETag's sake; they are no dates.
    no_date = {"handler": "headers", "response": {"deferred": True, "delete": ["Last-Modified", "Server"]}}
    files = {"handler": "file_server", "root": route.root, "index_names": ["index.html"]}
    routes.append({"handle": [no_date, files]})
    missing = _text("{http.error.status_code}", f"nothing here: {route.host} has no such file")
    return {"handler": "subroute", "routes": routes, "errors": {"routes": [{"handle": [missing]}]}}


def _rule(index: int, rule: HeaderRule) -> Json:
    added: dict[str, list[str]] = {}
    for name, value in rule.headers:
        added.setdefault(name, []).append(_value(value, rule.pattern, f"h{index}"))
    replaced = {name: values for name, values in added.items() if name.lower() == "content-type"}
    operations: Json = {"add": {name: values for name, values in added.items() if name not in replaced}}
    if replaced:
        operations["set"] = replaced
    handlers: list[Json] = [{"handler": "headers", "response": operations}]
    if rule.unset:
        handlers.insert(0, {"handler": "headers", "response": {"delete": list(rule.unset)}})
    return {"match": [_path(rule.pattern, f"h{index}")], "handle": handlers}


def _default(name: str, value: str, rules: Sequence[HeaderRule]) -> Json:
    """A default header: for responses on which no rule has set it, outside the paths for which a rule removes it."""
    handler = {"handler": "headers", "response": {"deferred": True, "require": {"headers": {name: None}}}}
    handler["response"]["set"] = {name: [value]}  # type: ignore[index]
    removed = [rule.pattern for rule in rules if name.lower() in (unset.lower() for unset in rule.unset)]
    route: Json = {"handle": [handler]}
    if removed:
        route["match"] = [{"not": [_path(pattern, f"u{index}") for index, pattern in enumerate(removed)]}]
    return route


def _path(pattern: str, name: str) -> Json:
    return {"path_regexp": {"name": name, "pattern": pattern_regexp(pattern)}}


def _value(text: str, pattern: str, name: str) -> str:
    """A header's value for Caddy: its own placeholders escaped, those of `pattern` taken from the path's match."""
    escaped = text.replace("{", "\\{")
    for group in re.compile(pattern_regexp(pattern)).groupindex:
        escaped = re.sub(rf":{group}\b", f"{{http.regexp.{name}.{group}}}", escaped)
    return escaped


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
