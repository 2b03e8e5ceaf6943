"""Cloudflare's routes about the token that asks: whether it is good, and until when."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from deploy.emulator.access import Keyring
from deploy.emulator.errors import PagesRefusal
from deploy.emulator.faults.rules import Facts, Rules
from deploy.emulator.pages.wire import success

INVALID = 1000
Endpoint = Callable[[Request], Awaitable[Response]]


class Verification:
    """The routes. A person's token is verified at `/user`, one of the account at its account: never the other way."""

    def __init__(self, keyring: Keyring, rules: Rules) -> None:
        self._keyring, self._rules = keyring, rules

    def table(self) -> list[tuple[str, str, Endpoint]]:
        """Method, path and endpoint of each."""
        return [("GET", "/user/tokens/verify", self.users), ("GET", "/accounts/{account}/tokens/verify", self.accounts)]

    async def users(self, request: Request) -> Response:
        return self._verified(request, of_account=False)

    async def accounts(self, request: Request) -> Response:
        return self._verified(request, of_account=True)

    def _verified(self, request: Request, *, of_account: bool) -> Response:
        authorization = request.headers.get("authorization", "")
        environment = self._keyring.pages(authorization) or ""
        state = self._keyring.state(environment, "CLOUDFLARE_API_TOKEN") if environment else ""
        if not environment:
            environment, state = self._keyring.refused(authorization)
        known = environment and state != "unknown" and of_account == (state == "account")
        if not known or (of_account and request.path_params["account"] != self._keyring.account(environment)):
            raise PagesRefusal(401, INVALID, "Invalid API Token")
        status = state if state in ("expired", "disabled") else "active"
        shown = {"id": hashlib.sha256(environment.encode()).hexdigest()[:32], "status": status}
        rule = self._rules.lasting("cloudflare_token", Facts(environment))
        if status == "expired" or (rule and rule.seconds is not None):
            ends = datetime.now(UTC) + timedelta(seconds=-3600 if status == "expired" else (rule and rule.seconds) or 0)
            shown["expires_on"] = ends.isoformat(timespec="seconds").replace("+00:00", "Z")
        return success(shown)
