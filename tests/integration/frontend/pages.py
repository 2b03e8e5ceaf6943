"""A host of the page on which a test releases: what Cloudflare Pages serves, from the emulator's own parts.

`later` makes another release of a page: every hashed file has another name and another content in it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from starlette.types import Message, Receive, Scope, Send

from deploy.emulator.model import Deployment, Project
from deploy.emulator.pages.assets import Assets, asset_name
from deploy.emulator.pages.serving import Sites
from deploy.platforms.pages import SPECIAL, content_type

HASHED = re.compile(r"assets/([^/]+)\.([0-9a-f]{10})\.(js|css)")


class PagesHost:
    """One project. `served` are the requests so far, each path with its status."""

    def __init__(self, place: Path, port: int) -> None:
        self.url = f"http://localhost:{port}/"
        self.served: list[tuple[str, int]] = []
        self._assets, self._project = Assets(place), Project("page", "local")
        self._sites = Sites({"page": self._project}, lambda _: self._assets, {port: "page"}, cold=lambda *_: True)

    def publish(self, files: Mapping[str, bytes]) -> None:
        """Serve these files from now on, and nothing else: no cache remembers what was served before."""
        assets = {f"/{name}": content for name, content in files.items() if name not in SPECIAL}
        self._assets.store(
            [
                {
                    "key": asset_name(content, path),
                    "value": base64.b64encode(content).decode(),
                    "metadata": {"contentType": content_type(path)},
                    "base64": True,
                }
                for path, content in assets.items()
            ]
        )
        named = {path: asset_name(content, path) for path, content in assets.items()}
        made = Deployment(
            id=str(len(self._project.deployments)),
            environment="production",
            files=named,
            headers=files.get("_headers", b"").decode(),
            redirects=files.get("_redirects", b"").decode(),
            trigger={},
        )
        self._project.deployments[made.id] = made
        self._project.canonical = made.id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.served.append((scope["path"], message["status"]))
            await send(message)

        await self._sites(scope, receive, noted)

    async def serve(self, until: threading.Event, ready: threading.Event) -> None:
        """Listen until told otherwise."""
        async with self._sites.serving(self):
            ready.set()
            await asyncio.to_thread(until.wait)


@contextmanager
def pages_host(place: Path) -> Iterator[PagesHost]:
    """A host that listens on a free port until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    host, stop, ready = PagesHost(place, port), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(host.serve(stop, ready)), daemon=True)
    thread.start()
    assert ready.wait(10), "the host of the page did not start"
    try:
        yield host
    finally:
        stop.set()
        thread.join(10)


def lazy(files: Mapping[str, bytes]) -> dict[str, str]:
    """The parts of a page that load when they are needed: the path of each by its name."""
    first = files["index.html"].decode()
    found = {match[1]: f"/{name}" for name in files if (match := HASHED.fullmatch(name)) and f"/{name}" not in first}
    assert found, "the page has no parts that load later"
    return found


def later(files: Mapping[str, bytes], release: str, sha: str) -> dict[str, bytes]:
    """The page as another release would have it, of commit `sha`."""
    renamed = {
        name: f"assets/{match[1]}.{hashlib.sha256((match[2] + release).encode()).hexdigest()[:10]}.{match[3]}"
        for name in files
        if (match := HASHED.fullmatch(name))
    }
    hashes = {HASHED.fullmatch(old)[2]: HASHED.fullmatch(new)[2] for old, new in renamed.items()}  # type: ignore[index]
    made = {renamed.get(name, name): content for name, content in files.items()}
    stated: dict[str, str] = {}
    # The runtime states the integrity of all others, and index.html that of the runtime.
    order = sorted(renamed.values(), key=lambda name: name.startswith("assets/runtime."))
    for name in order:
        old = next(before for before, after in renamed.items() if after == name)
        text = _replaced(files[old].decode(), {**hashes, **stated})
        made[name] = f"{text}\n/* release {release} */".encode()
        stated[_integrity(files[old])] = _integrity(made[name])
    for name in ("index.html", "_headers"):
        made[name] = _replaced(files[name].decode(), {**hashes, **stated}).encode()
    made["config.js"] = re.sub(rb'"sha":"[^"]*"', b'"sha":"%s"' % sha.encode(), files["config.js"])
    return made


def _replaced(text: str, by: Mapping[str, str]) -> str:
    return re.sub("|".join(map(re.escape, by)), lambda found: by[found[0]], text)


def _integrity(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()
