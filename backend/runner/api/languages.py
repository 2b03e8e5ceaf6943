"""GET /api/v1/languages: the languages that the service offers, with an example of each."""

from __future__ import annotations

import dataclasses
import hashlib

from backend.runner.api.asgi import Request, Response, Routes, answer
from backend.runner.api.backend import Backend
from backend.runner.api.models import LanguageAnswer, LanguagesAnswer
from backend.runner.languages import Language, in_order

CACHING = "public, max-age=60"
"""Clients may keep the list for a minute: a release may add a language."""


def language_routes(service: Backend) -> Routes:
    """The one route; its answer is made once, because nothing in it changes while the service runs."""
    names = in_order(service.languages)
    details = {name: _details(service.languages[name], service) for name in names}
    body = answer(LanguagesAnswer(names, details)).body
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    async def languages(request: Request) -> Response:
        """Languages that programs may be written in."""
        headers = [("etag", tag), ("cache-control", CACHING)]
        if matches(request.header(b"if-none-match"), tag):
            return Response(b"", 304, "", headers)
        return Response(body, headers=headers)

    return {"/api/v1/languages": {"GET": languages}}


def matches(asked: str, tag: str) -> bool:
    """Whether an If-None-Match names `tag`."""
    return asked == "*" or tag in (one.strip().removeprefix("W/") for one in asked.split(","))


def _details(language: Language, service: Backend) -> LanguageAnswer:
    limits = dataclasses.replace(language.limits, timeout=min(service.settings.run_timeout, 600.0))
    return LanguageAnswer(
        title=language.title or language.name,
        aliases=list(language.aliases),
        version=service.versions.get(language.name, ""),
        source=language.source,
        hello=language.hello,
        sample=language.sample,
        options=dict(language.options),
        formats=language.formatter is not None,
        compiles=language.compile is not None,
        libraries=[one.name for one in language.libraries],
        tests=language.testing is not None,
        limits=dataclasses.asdict(limits),
    )
