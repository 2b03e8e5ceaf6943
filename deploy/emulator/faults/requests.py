"""Faults of requests: the outermost layer of the API port, which alone sees a request before all else does.

The registry's requests come by here as the edge's question whether they may pass; a rule is held against the method and
path of the request itself, and an error or a dropped connection reaches its client through the edge (as 502).
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deploy.emulator.access import logged
from deploy.emulator.faults.connections import Connections
from deploy.emulator.faults.rules import REQUEST_KINDS, Facts, Rule, Rules

log = logging.getLogger("emulator.faults")

AS_OF = "codecanvas.as_of"  # in a request's scope: answer with the machine list of that moment
ADMIN = "/emulator/"
_APP = re.compile(r"/v1/apps/(?P<app>[^/]+)(?:/|$)")
_LIST = re.compile(r"/v1/apps/[^/]+/machines/?")
_ONE = re.compile(r"/v1/apps/[^/]+/machines/(?P<machine>[^/]+)(?:/wait)?")
_METADATA = re.compile(r"/v1/apps/[^/]+/machines/[^/]+/metadata(?:/[^/]+)?")


class FaultyRequests:
    """Does to requests what the rules say.

    `environment_of` tells whose request it is from its headers, `age_of` how many seconds ago a machine, or app, was
    created.
    """

    def __init__(
        self,
        app: ASGIApp,
        rules: Rules,
        connections: Connections,
        environment_of: Callable[[dict[bytes, bytes]], str | None],
        age_of: Callable[[str], float],
    ) -> None:
        self._app, self._rules, self._connections = app, rules, connections
        self._environment_of, self._age_of = environment_of, age_of
        self._unclear: dict[str, int] = {}  # by rule: creations and changes of metadata so far

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(ADMIN):
            await self._app(scope, receive, send)
            return
        rule = None
        facts = self._facts(scope)
        for struck in self._rules.struck(REQUEST_KINDS, facts):
            log.info("%s %s: %s (fault %s)", facts.method, logged(facts.path), struck.kind, struck.id)
            if struck.kind == "delay":
                await asyncio.sleep(struck.seconds or 0)
            elif struck.kind == "stale_list":
                scope[AS_OF] = None if struck.seconds is None else time.monotonic() - struck.seconds
            elif struck.kind == "eventual":
                rule = rule or self._eventual(struck, facts, scope)
            else:
                rule = rule or struck
        if rule is None:
            await self._app(scope, receive, send)
        else:
            await self._break(rule, scope, receive, send)

    def _eventual(self, rule: Rule, facts: Facts, scope: Scope) -> Rule | None:
        """What an eventually consistent platform does to this request: an error that is answered, or an old list."""
        lag = rule.seconds or 0.0
        if (app := _APP.match(facts.path)) and self._age_of(app["app"]) < lag:
            text = f"app {app['app']} not found; create it first"
            return Rule("error_before", {}, status=404, text=text, code="not_found", id=rule.id)
        if facts.method == "GET":
            if _LIST.fullmatch(facts.path):
                scope[AS_OF] = time.monotonic() - lag
            elif (one := _ONE.fullmatch(facts.path)) and self._age_of(one["machine"]) < lag:
                text = f"machine {one['machine']} not found"
                return Rule("error_before", {}, status=404, text=text, code="not_found", id=rule.id)
            return None
        creates = facts.method == "POST" and _LIST.fullmatch(facts.path)
        if not creates and not (facts.method in ("POST", "PATCH", "PUT") and _METADATA.fullmatch(facts.path)):
            return None
        count = self._unclear[rule.id] = self._unclear.get(rule.id, 0) + 1
        if count % 3 == 0:
            return None
        kind = "error_after" if count % 3 == 1 else "error_before"
        return Rule(kind, {}, status=408, text="deadline exceeded: request timed out", id=rule.id)

    def _facts(self, scope: Scope) -> Facts:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        method, path = scope["method"], scope["path"]
        if path == "/registry-access":
            method = headers.get(b"x-forwarded-method", b"").decode("latin-1")
            path = headers.get(b"x-forwarded-uri", b"").decode("latin-1").partition("?")[0]
        return Facts(self._environment_of(headers), method, path)

    async def _break(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        if rule.kind.endswith("_after"):
            await self._app(scope, receive, _unsent)
        if rule.kind.startswith("error"):
            await _answer(rule, scope, send)
            return
        self._connections.drop(scope)
        while (await receive())["type"] != "http.disconnect":  # until the server knows that nobody awaits an answer
            pass


async def _unsent(message: Message) -> None:
    """Where an answer goes that the client never gets."""


async def _answer(rule: Rule, scope: Scope, send: Send) -> None:
    text = rule.text or f"fault {rule.id}: the emulator was told to answer {rule.status}"
    if scope["path"].startswith("/client/"):
        code = int(rule.code) if rule.code.isdecimal() else 10001
        body: object = {"success": False, "errors": [{"code": code, "message": text}], "messages": [], "result": None}
    else:
        body = {"error": text, "status": rule.code or "unknown"}
    headers = [(b"content-type", b"application/json"), (b"fly-request-id", f"fault-{rule.id}".encode())]
    if rule.retry_after is not None:
        headers.append((b"retry-after", str(rule.retry_after).encode()))
    await send({"type": "http.response.start", "status": rule.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
