"""Serves the page's files, if RUNNER_SITE names their directory.

The files are listed once, at start. Only these paths are served, so no spelling of a path can leave the directory.
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

# The host's own table of media types may lack these or differ.
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
    """Files of one directory. Clients cache files with a hash in their name for ever, and revalidate all others."""

    def __init__(self, directory: Path) -> None:
        self._files: dict[str, _File] = {}
        for path in sorted(directory.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(directory):
                name = f"/{path.relative_to(directory).as_posix()}"
                self._files[name] = _read(path)
                if path.name == "index.html":
                    self._files[name.removesuffix("index.html")] = self._files[name]

    async def serve(self, request: Request) -> Response:
        """The file at the path; if there is none, 404.html for clients that accept HTML. Raises NotFound for others."""
        if request.method not in {"GET", "HEAD"}:
            if request.path in self._files:
                place = f"{request.method} {request.path[:200]}"
                raise WrongMethod(
                    f"{place}: this method is not supported here; Allow lists those that are", "GET, HEAD"
                )
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
