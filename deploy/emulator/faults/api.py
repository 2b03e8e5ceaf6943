"""The admin surface: `/emulator/faults` (rules in, rules out) and `/emulator/prune` (images that no machine uses).

The admin key opens it, no tenant's token does.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import RuleWrong
from deploy.emulator.faults.rules import Rule, Rules, parse

MAX_RULES = 100


class FaultsApi:
    """The routes.

    `changed` is called after rules came (True) or went: some concern what is there already. `prune` removes the images
    of an app that no machine uses, and returns their digests.
    """

    def __init__(
        self, rules: Rules, key: str, changed: Callable[[bool], None], prune: Callable[[str], Awaitable[list[str]]]
    ) -> None:
        self._rules, self._key, self._changed, self._prune = rules, key, changed, prune

    def routes(self) -> list[Route]:
        """To be mounted at /emulator."""
        faults = Route("/faults", self.serve, methods=["GET", "POST", "DELETE"])
        return [faults, Route("/prune/{app}", self.prune, methods=["POST"])]

    async def prune(self, request: Request) -> Response:
        """Remove the images of an app that no machine uses."""
        return self._refused(request) or JSONResponse({"pruned": await self._prune(request.path_params["app"])})

    async def serve(self, request: Request) -> Response:
        """List, add, or forget."""
        if refused := self._refused(request):
            return refused
        if request.method == "DELETE":
            self._rules.clear(request.query_params.get("id", ""))
            self._changed(False)
        elif request.method == "POST":
            try:
                added = self._read(await request.body())
            except RuleWrong as wrong:
                return JSONResponse({"error": str(wrong)}, 400)
            self._rules.add(added)
            self._changed(True)
            fresh = {rule.id for rule in added}
            return JSONResponse({"faults": [rule for rule in self._rules.shown() if rule["id"] in fresh]}, 201)
        return JSONResponse({"faults": self._rules.shown()})

    def _refused(self, request: Request) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(key.strip().encode(), self._key.encode()):
            return None
        return JSONResponse({"error": "the admin key of private.json opens this, no token does"}, 401)

    def _read(self, content: bytes) -> list[Rule]:
        try:
            given = json.loads(content)
        except ValueError as error:
            raise RuleWrong(f"the body is not JSON: {error}") from error
        rules = given if isinstance(given, list) else [given]
        if len(rules) + len(list(self._rules)) > MAX_RULES:
            raise RuleWrong(f"more than {MAX_RULES} rules; forget some first")
        return [parse(raw) for raw in rules]
