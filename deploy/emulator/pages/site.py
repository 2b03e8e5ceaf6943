"""What a deployment answers to a request, as Pages' own asset server does. Pure: no socket, no disk.

Clean addresses (`/a.html` leads to `/a`, `/index` to `/`), the nearest `404.html` upwards, else `index.html` with 200.
The rules of `_headers` go onto every answer, errors and redirects too. What was served lately is served from a cache
when it is gone, for a week: by the same address, at the place that served it, and never for sure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin, urlsplit

from deploy.emulator.pages.rules import Rules, pathname

WEEK = 604_800.0
MOST_PRESERVED = 10_000
"""Addresses that are remembered; the oldest go first, as in any cache."""
FRESH = "public, max-age=0, must-revalidate"
PRESERVED = "public, s-maxage=604800"


@dataclass(frozen=True)
class Asked:
    """A request. `path` is normalised and encoded, `query` begins with `?` or is empty; header names in lower case."""

    method: str
    host: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def hostname(self) -> str:
        """The host without its port."""
        return self.host.partition(":")[0]

    @property
    def address(self) -> str:
        """The whole address."""
        return f"http://{self.host}{self.path}{self.query}"


@dataclass
class Answer:
    """An answer, its body being an asset or nothing."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    asset: str | None = None


@dataclass
class Preserved:
    """What was served lately, by address: the asset, its headers, when (seconds)."""

    kept: dict[str, tuple[str, dict[str, str], float]] = field(default_factory=dict)

    def put(self, address: str, answer: Answer, now: float) -> None:
        """Remember an answer."""
        headers = {**answer.headers, "cache-control": PRESERVED, "x-robots-tag": "noindex"}
        self.kept.pop(address, None)
        self.kept[address] = (answer.asset or "", headers, now)
        while len(self.kept) > MOST_PRESERVED:
            del self.kept[next(iter(self.kept))]

    def get(self, address: str, now: float) -> Answer | None:
        """What was answered within the last week; None for nothing."""
        asset, headers, at = self.kept.get(address, ("", {}, 0.0))
        return Answer(200, dict(headers), asset) if asset and now - at < WEEK else None


class Site:
    """One deployment. `files` maps paths to assets, `type_of` gives the type that an asset at a path was uploaded with.

    `clock` gives seconds; `cold` tells of an address whether what was served there lately is forgotten.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        type_of: Callable[[str, str], str],
        rules: Rules,
        preserved: Preserved,
        clock: Callable[[], float],
        cold: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._files, self._type_of, self._rules = files, type_of, rules
        self._preserved, self._clock, self._cold = preserved, clock, cold

    def answer(self, asked: Asked) -> Answer:
        """What is answered."""
        answer = self._answer(asked)
        found = dict(answer.headers)
        answer.headers |= {
            "access-control-allow-origin": "*",
            "referrer-policy": "strict-origin-when-cross-origin",
            **({"x-content-type-options": "nosniff"} if "content-type" in found else {}),
        }
        given: set[str] = set()
        for rule in self._rules.headers_for(asked.hostname, asked.path):
            for name in rule.unset:
                answer.headers.pop(name, None)
            for name, value in rule.headers.items():
                before = answer.headers.get(name) if name in given else None
                answer.headers[name] = f"{before}, {value}" if before else value
                given.add(name)
        return answer

    def _answer(self, asked: Asked) -> Answer:
        path = asked.path
        if redirect := self._rules.redirect_for(asked.hostname, path):
            target, code = redirect
            if code != 200:
                return Answer(code, {"location": _location(target, asked)})
            path = urlsplit(urljoin(asked.address, target)).path
        if asked.method not in ("GET", "HEAD"):
            return Answer(405)
        return self._found(asked, _decoded(path))

    def _found(self, asked: Asked, path: str) -> Answer:
        files = self._files
        if path.endswith("/"):
            if f"{path}index.html" in files:
                return self._serve(asked, f"{path}index.html")
            if path.endswith("/index/"):
                return _moved(path.removesuffix("index/"), asked)
            bare = path.removesuffix("/")
            return _moved(bare, asked) if f"{bare}.html" in files else self._missing(asked, path)
        if path in files:
            bare = path.removesuffix(".html")
            if bare == path or (not bare.endswith("/index") and (bare in files or bare == "/")):
                return self._serve(asked, path)
            return _moved(re.sub("/index$", "/", bare), asked)
        if path.endswith("/index"):
            return _moved(path.removesuffix("index"), asked)
        if f"{path}.html" in files:
            return self._serve(asked, f"{path}.html")
        if f"{path}/index.html" in files:
            return _moved(f"{path}/", asked)
        return self._missing(asked, path)

    def _serve(self, asked: Asked, path: str, *, preserve: bool = True) -> Answer:
        name = self._files[path]
        tag = f'"{name}"'
        if asked.headers.get("if-none-match") in (tag, f"W/{tag}"):
            return Answer(304)
        headers = {"etag": tag, "content-type": self._type_of(name, path)}
        if not asked.headers.keys() & {"authorization", "range"}:
            headers["cache-control"] = FRESH
        answer = Answer(200, headers, name)
        if preserve and asked.method == "GET":
            self._preserved.put(asked.address, answer, self._clock())
        return answer

    def _missing(self, asked: Asked, path: str) -> Answer:
        kept = self._preserved.get(asked.address, self._clock()) if asked.method == "GET" else None
        if kept and not self._cold(asked.path):
            return kept
        while path:
            path = path[: path.rfind("/")]
            if name := self._files.get(f"{path}/404.html"):
                return Answer(404, {"content-type": self._type_of(name, "404.html")}, name)
        if "/index.html" in self._files:
            return self._serve(asked, "/index.html", preserve=False)
        return Answer(404)


def _moved(path: str, asked: Asked) -> Answer:
    # What begins with two slashes would lead to another host.
    return Answer(308, {"location": re.sub(r"^(/|%2f|%5c|%09|\s|\\)+", "/", f"{path}{asked.query}", flags=re.I)})


def _location(target: str, asked: Asked) -> str:
    """Where a redirect leads: a path on the same host, the request's query where the target has none."""
    parts = urlsplit(urljoin(asked.address, target))
    query = f"?{parts.query}" if parts.query else asked.query
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if (parts.scheme, parts.netloc) == ("http", asked.host):
        return f"{pathname(parts.path)}{query}{fragment}"
    return f"{parts.scheme}://{parts.netloc}{parts.path or '/'}{query}{fragment}"


def _decoded(path: str) -> str:
    """The path without its percent signs; as it is where they stand for nothing."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        return path
    try:
        return unquote(path, errors="strict")
    except UnicodeDecodeError:
        return path
