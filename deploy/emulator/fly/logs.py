"""Serves machines' logs as Fly's own command line reads them: `/api/v1/apps/APP/logs`, on the platform's other host."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.emulator.fly.api import FlyApi, answering

LINES = 100  # of one machine, the newest


class Logs:
    """The logs of an app's machines, or with `instance` of one of them."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def routes(self) -> list[Route]:
        """To be mounted at /api/v1."""
        return [Route("/apps/{app}/logs", answering(self.read), methods=["GET"])]

    async def read(self, request: Request) -> Response:
        """Oldest first. `next_token` is always empty: all that is kept is in the answer."""
        app, wanted = self._api.app(request), request.query_params.get("instance", "")
        entries = []
        for machine in self._api.store.world.machines_of(app.name):
            if wanted in ("", machine.id):
                for stamp, line in (await self._api.fleet.output(machine))[-LINES:]:
                    entries.append(
                        {
                            "id": f"{machine.id}-{stamp}",
                            "type": "log",
                            "attributes": {
                                "timestamp": stamp,
                                "message": line,
                                "level": "info",
                                "instance": machine.id,
                                "region": machine.region,
                                "meta": {},
                            },
                        }
                    )
        return JSONResponse({"data": entries, "meta": {"next_token": ""}})
