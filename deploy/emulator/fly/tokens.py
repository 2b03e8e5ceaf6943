"""The Machines API's route about the token that asks: what it may act on. When it ends stands in the token itself."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.fly.api import FlyApi, answering


class CurrentToken:
    """The route, over the API that knows who speaks."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """To be mounted at /v1."""
        return [Route("/tokens/current", answering(self.show), methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """One entry for each macaroon; a token that is none (`opaque`) is refused, however good it is elsewhere."""
        speaker = self._api.speaker(request)
        state = self._api.state_of(speaker)
        if state == "opaque":
            raise FlyRefusal(401, "unauthorized: not a macaroon")
        organization = self._api.organization_of(speaker)
        entry = {
            "token_id": hashlib.sha256(speaker.encode()).hexdigest()[:16],
            "organization": organization,
            "org_slug": organization,
            "apps": [self._api.app_of(speaker)] if state == "app" else [],
        }
        return JSONResponse({"tokens": [entry]})
