"""Checks answers. Each check returns what is wrong with one, in a few words, or "" when it is right."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

from deploy.verification.traffic.wire import Answer

TITLE = b"<title>codecanvas</title>"
CONFIG_PREFIX, CONFIG_SUFFIX = b"globalThis.CODECANVAS_CONFIG = ", b";\n"
BUSY = 429  # "come back in a moment" is an answer: the service says so under load, and loses nothing
EXCERPT = 120
_HASHES = ("sha256", "sha384", "sha512")


def status_of(answer: Answer) -> str:
    """Any status but success and "busy" is a loss: 503 too, by whomever and for whatever reason."""
    if 200 <= answer.status < 300 or answer.status == BUSY:
        return ""
    return f"status {answer.status}: {_excerpt(answer.body)}"


def health(answer: Answer) -> str:
    """/healthz."""
    return "" if _json(answer) == {"status": "ok"} else f"not well: {_excerpt(answer.body)}"


def languages(answer: Answer) -> str:
    """/api/v1/languages; bash is there always."""
    body = _json(answer)
    named = body.get("languages") if isinstance(body, dict) else None
    return "" if isinstance(named, list) and "bash" in named else f"no languages: {_excerpt(answer.body)}"


def run(answer: Answer, stdout: str) -> str:
    """A run that must have written exactly `stdout`."""
    body = _json(answer)
    right = isinstance(body, dict) and body.get("stdout") == stdout and body.get("status") == "ok"
    return "" if right else f"wrong result of a run: {_excerpt(answer.body)}"


def config(answer: Answer) -> str:
    """config.js: whole, and naming its release."""
    text = answer.body
    if not (text.startswith(CONFIG_PREFIX) and text.endswith(CONFIG_SUFFIX)):
        return f"not config.js: {_excerpt(text)}"
    body = _json(Answer(answer.status, text.removeprefix(CONFIG_PREFIX).removesuffix(CONFIG_SUFFIX)))
    return "" if isinstance(body, dict) and body.get("sha") else f"names no release: {_excerpt(text)}"


def index(answer: Answer) -> str:
    """index.html: whole, and naming its assets with what they must be."""
    if TITLE not in answer.body or b"</html>" not in answer.body:
        return f"not index.html: {_excerpt(answer.body)}"
    return "" if assets_of(answer.body) else "names no asset with integrity"


@dataclass(frozen=True)
class Asset:
    """A script or style that a page names."""

    path: str
    integrity: str

    def wrong(self, answer: Answer) -> str:
        """What is wrong with an answer that should be this asset."""
        for word in self.integrity.split():
            name, _, expected = word.partition("-")
            if name in _HASHES and expected == base64.b64encode(hashlib.new(name, answer.body).digest()).decode():
                return ""
        return f"not the bytes that its page names ({len(answer.body)} bytes)"


@functools.lru_cache(maxsize=16)
def assets_of(html: bytes) -> tuple[Asset, ...]:
    """The assets that a page names with integrity, on its own host."""
    parser = _Assets()
    parser.feed(html.decode(errors="replace"))
    return tuple(parser.found)


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Asset] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        path, integrity = named.get("src" if tag == "script" else "href"), named.get("integrity")
        if tag in ("script", "link") and integrity and path and re.match(r"/(?!/)", path):
            self.found.append(Asset(path, integrity))


def _json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        return None


def _excerpt(body: bytes) -> str:
    text = " ".join(body.decode(errors="replace").split())
    return text[:EXCERPT] + ("…" if len(text) > EXCERPT else "") or "empty"
