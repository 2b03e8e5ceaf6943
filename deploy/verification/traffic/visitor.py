"""What visitors do: one coroutine an action, each asking as a browser or a client would and checking what comes."""

from __future__ import annotations

import functools
import itertools
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

from deploy.verification.traffic import checks
from deploy.verification.traffic.checks import Asset
from deploy.verification.traffic.tally import Sent, Tally
from deploy.verification.traffic.wire import TIMEOUT_SECONDS, Answer, Client, NoAnswer, Request

Check = Callable[[Answer], str]

API, PAGE = "api", "page"
NOT_FOUND = 404
LONG_SECONDS = 8.0  # shorter than the 10 s that a program may take, longer than any smoke suite


class Visitor:
    """Acts on an API and a page, and tells the tally."""

    def __init__(self, api: Client, page: Client, tally: Tally) -> None:
        self._clients = {API: api, PAGE: page}
        self._tally = tally
        self._turn = itertools.count()

    async def health(self, fresh: bool) -> None:
        """GET /healthz."""
        await self._ask(API, "healthz", Request("/healthz"), checks.health, fresh)

    async def languages(self, fresh: bool) -> None:
        """GET /api/v1/languages."""
        await self._ask(API, "languages", Request("/api/v1/languages"), checks.languages, fresh)

    async def run(self, fresh: bool) -> None:
        """A real run, whose output nobody could have kept from before."""
        await self._run("run", "", fresh)

    async def long_run(self, fresh: bool) -> None:
        """A run that is still going on when its machine gets no more requests: it must be finished all the same."""
        await self._run("long run", f"sleep {LONG_SECONDS:g}; ", fresh, TIMEOUT_SECONDS + LONG_SECONDS)

    async def _run(self, kind: str, first: str, fresh: bool, seconds: float = TIMEOUT_SECONDS) -> None:
        nonce = secrets.token_hex(8)
        body = json.dumps({"language": "bash", "source": f"{first}echo {nonce}"}).encode()
        check = functools.partial(checks.run, stdout=f"{nonce}\n")
        await self._ask(API, kind, Request("/api/v1/run", body, seconds), check, fresh)

    async def visit(self, fresh: bool) -> None:
        """A page as a browser loads it: index.html, config.js, and one of the assets that this index.html names."""
        index = await self._ask(PAGE, "index", Request("/"), checks.index, fresh)
        if index is None:
            return
        await self._ask(PAGE, "config", Request("/config.js"), checks.config, fresh)
        assets = checks.assets_of(index.body)
        await self._asset(assets[next(self._turn) % len(assets)], fresh)

    async def _asset(self, asset: Asset, fresh: bool) -> None:
        """An asset may be missing once the page that named it has been replaced: then, and only then."""
        sent, _ = await self._send(PAGE, "asset", Request(asset.path), asset.wrong, fresh)
        if sent.status == NOT_FOUND:
            again = await self._ask(PAGE, "index", Request("/"), checks.index, fresh)
            if again is not None and asset not in checks.assets_of(again.body):
                self._tally.superseded += 1
                sent = replace(sent, problem="")
        self._tally.add(sent)

    async def _ask(self, place: str, kind: str, request: Request, check: Check, fresh: bool) -> Answer | None:
        """Send, count; the answer when it is right and more than "busy"."""
        sent, answer = await self._send(place, kind, request, check, fresh)
        self._tally.add(sent)
        return None if sent.problem or sent.status == checks.BUSY else answer

    async def _send(
        self, place: str, kind: str, request: Request, check: Check, fresh: bool
    ) -> tuple[Sent, Answer | None]:
        began = time.monotonic()
        answer = None
        try:
            answer = await self._clients[place].ask(request, fresh=fresh)
            problem = checks.status_of(answer)
            if not problem and answer.status != checks.BUSY:
                problem = check(answer)
        except NoAnswer as none:
            problem = str(none)
        ms = (time.monotonic() - began) * 1000
        return Sent(place, kind, fresh, began, ms, answer.status if answer else None, problem), answer
