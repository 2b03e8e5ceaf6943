"""Cross-origin access: which pages may call the service, with which headers, and what they may read."""

from __future__ import annotations

from collections.abc import Sequence

from backend.runner.api.asgi import Request, Response
from backend.runner.errors import Forbidden

METHODS = "GET, HEAD, POST"
ALLOWED = "accept, authorization, content-type, idempotency-key, if-none-match, x-request-id"
EXPOSED = "etag, idempotency-replayed, retry-after, x-request-id"
SECONDS = "86400"


class Cors:
    """Origins as configured; "*" among them means every one."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._all = "*" in origins
        self._origins = frozenset(origins)

    def allows(self, origin: str) -> bool:
        """Whether pages of `origin` may call. A request without an origin does not come from a page, and may."""
        return self._all or not origin or origin in self._origins

    def headers(self, request: Request) -> list[tuple[str, str]]:
        """Headers of any answer to `request`."""
        origin = request.header(b"origin")
        vary = [] if self._all else [("vary", "origin")]
        if not origin or not self.allows(origin):
            return vary
        return [
            ("access-control-allow-origin", "*" if self._all else origin),
            ("access-control-expose-headers", EXPOSED),
            *vary,
        ]

    def preflight(self, request: Request) -> Response | None:
        """The answer to a preflight request; None for any other request."""
        if request.method != "OPTIONS" or not request.header(b"access-control-request-method"):
            return None
        if not self.allows(request.header(b"origin")):
            raise Forbidden("pages of this origin may not call; the service's RUNNER_CORS_ORIGINS says which may")
        headers = [
            ("access-control-allow-methods", METHODS),
            ("access-control-allow-headers", ALLOWED),
            ("access-control-max-age", SECONDS),
        ]
        return Response(b"", 200, "", headers)
