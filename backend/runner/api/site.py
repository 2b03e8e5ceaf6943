"""The page, where the service is asked to serve it.

Its files are listed once, at start: a path that is none of them leads nowhere, whatever it is spelled like.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
from pathlib import Path

from backend.runner.api.asgi import Request, Response
from backend.runner.api.languages import matches
from backend.runner.errors import NotFound, WrongMethod

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


@dataclasses.dataclass(frozen=True)
class _File:
    path: Path
    tag: str
    headers: tuple[tuple[str, str], ...]


def _read(path: Path) -> _File:
    tag = f'"{hashlib.sha256(path.read_bytes()).hexdigest()[:32]}"'
    kept = "public, max-age=31536000, immutable" if _HASHED.search(path.name) else "no-cache"
    headers = ("etag", tag), ("cache-control", kept), ("x-content-type-options", "nosniff")
    return _File(path, tag, headers)


class Site:
    """Files of one directory: hashed ones may be kept for ever, the others are asked for anew each time."""

    def __init__(self, directory: Path) -> None:
        self._files: dict[str, _File] = {}
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(directory):
                name = f"/{path.relative_to(directory).as_posix()}"
                self._files[name] = _read(path)
                if path.name == "index.html":
                    self._files[name.removesuffix("index.html")] = self._files[name]

    async def serve(self, request: Request) -> Response:
        """A file; where there is none, the page that says so only to those who look at pages."""
        if request.method not in {"GET", "HEAD"}:
            if request.path in self._files:
                raise WrongMethod(f"{request.method} {request.path[:200]}: this method is not for here", "GET, HEAD")
            raise NotFound(f"{request.method} {request.path[:200]}: there is nothing here")
        file = self._files.get(request.path)
        if file is not None:
            if matches(request.header(b"if-none-match"), file.tag):
                return Response(b"", 304, "", file.headers)
            return await self._response(file, 200)
        missing = self._files.get("/404.html")
        if missing is None or "text/html" not in request.header(b"accept"):
            raise NotFound(f"{request.method} {request.path[:200]}: there is nothing here")
        return await self._response(missing, 404)

    async def _response(self, file: _File, status: int) -> Response:
        body = await asyncio.to_thread(file.path.read_bytes)
        kind = _TYPES.get(file.path.suffix, "application/octet-stream")
        return Response(body, status, kind, file.headers)
