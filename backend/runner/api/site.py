"""The page, where the service is asked to serve it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HASHED = re.compile(r"[.-][0-9a-f]{8,}\.[a-z0-9.]+$")

# What the page consists of; the host's own table may lack these or say otherwise.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
    ".wasm": "application/wasm",
}


class Site(StaticFiles):
    """Files of one directory: hashed ones may be kept for ever, the others are asked for anew each time."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """A file; where there is none, the page that says so only to those who look at pages."""
        response = await super().get_response(path, scope)
        accepts = dict(scope["headers"]).get(b"accept", b"")
        if response.status_code == 404 and b"text/html" not in accepts:
            raise HTTPException(404)
        return response

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """The file, with the type and the caching that it should have."""
        path = Path(full_path)
        response = super().file_response(full_path, stat_result, scope, status_code)
        if path.suffix in _TYPES and "content-type" in response.headers:
            response.headers["content-type"] = _TYPES[path.suffix]
        kept = "public, max-age=31536000, immutable" if _HASHED.search(path.name) else "no-cache"
        response.headers["cache-control"] = kept
        response.headers["x-content-type-options"] = "nosniff"
        return response
