"""The OpenAPI document, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backend.runner.api import models
from backend.runner.api.messages import COMMANDS
from backend.runner.api.openapi import examples
from backend.runner.api.openapi.refine import refine
from backend.runner.api.openapi.routes import routes
from backend.runner.languages import Language

_MODELS: Sequence[Any] = (
    models.RunBody, models.SessionBody, models.BatchBody, models.FormatBody,
    models.RunAnswer, models.ResultAnswer, models.BatchAnswer, models.FormatAnswer,
    models.ErrorAnswer, models.LanguagesAnswer, models.HealthAnswer, models.VersionAnswer, models.StatusAnswer,
    *COMMANDS.values(),
)  # fmt: skip

_ABOUT = """Runs programs in a sandbox.

Every answer carries `X-Request-Id`, the client's own where it sent one. Errors are `{"error", "request_id"}`: 404 where
there is nothing, 405 with `Allow` where the path has no such method. Where the service has API tokens, running programs
needs `Authorization: Bearer TOKEN`."""


def describe(version: str, languages: Mapping[str, Language], timeout: float) -> dict[str, Any]:
    """The document of a service of that version, with those languages and that longest run."""
    _, schemas = msgspec.json.schema_components(_MODELS, ref_template="#/components/schemas/{name}")
    refine(schemas, languages, timeout)
    return {
        "openapi": "3.2.0",
        "info": {"title": "codecanvas runner", "version": version, "description": _ABOUT},
        "paths": routes(),
        "components": {
            "schemas": schemas,
            "responses": {str(status): error(status) for status in examples.ERRORS},
            "headers": {
                "RequestId": {
                    "description": "names this request in answers and logs",
                    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
                },
                "RetryAfter": {
                    "description": "seconds after which to try again",
                    "schema": {"type": "integer", "minimum": 1},
                },
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def error(status: int) -> dict[str, Any]:
    """An error's answer."""
    description, message = examples.ERRORS[status]
    headers = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    if status in {429, 503}:
        headers["Retry-After"] = {"$ref": "#/components/headers/RetryAfter"}
    extra: dict[int, dict[str, Any]] = {
        401: {"WWW-Authenticate": {"schema": {"type": "string"}}},
        405: {"Allow": {"schema": {"type": "string"}}},
    }
    content = {
        "schema": {"$ref": "#/components/schemas/ErrorAnswer"},
        "example": {"error": message, "request_id": "5f1c0e6a9b2d4a77"},
    }
    return {
        "description": description,
        "headers": {**headers, **extra.get(status, {})},
        "content": {"application/json": content},
    }
