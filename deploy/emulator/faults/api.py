"""The admin surface `/emulator/faults`: rules in, rules out. The admin key opens it, no tenant's token does."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import RuleWrong
from deploy.emulator.faults.rules import Rule, Rules, parse

MAX_RULES = 100


class FaultsApi:
    """The routes. `changed` is called after rules came, for those that concern machines already running."""

    def __init__(self, rules: Rules, key: str, changed: Callable[[], None]) -> None:
        self._rules, self._key, self._changed = rules, key, changed

    def routes(self) -> list[Route]:
        """To be mounted at /emulator."""
        return [Route("/faults", self.serve, methods=["GET", "POST", "DELETE"])]

    async def serve(self, request: Request) -> Response:
        """List, add, or forget."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), self._key.encode()):
            return JSONResponse({"error": "the admin key of private.json opens this, no token does"}, 401)
        if request.method == "DELETE":
            self._rules.clear(request.query_params.get("id", ""))
        elif request.method == "POST":
            try:
                added = self._read(await request.body())
            except RuleWrong as wrong:
                return JSONResponse({"error": str(wrong)}, 400)
            self._rules.add(added)
            self._changed()
            fresh = {rule.id for rule in added}
            return JSONResponse({"faults": [rule for rule in self._rules.shown() if rule["id"] in fresh]}, 201)
        return JSONResponse({"faults": self._rules.shown()})

    def _read(self, content: bytes) -> list[Rule]:
        try:
            given = json.loads(content)
        except ValueError as error:
            raise RuleWrong(f"the body is not JSON: {error}") from error
        rules = given if isinstance(given, list) else [given]
        if len(rules) + len(list(self._rules)) > MAX_RULES:
            raise RuleWrong(f"more than {MAX_RULES} rules; forget some first")
        return [parse(raw) for raw in rules]
