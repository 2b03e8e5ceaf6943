"""Each route: what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.runner.api.openapi import examples

_JSON = "application/json"
_RUN_ERRORS = (400, 401, 408, 413, 422, 429, 500, 503)

_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "a name of the client's own for this request, 1 to 64 of A-Z a-z 0-9 . _ -; else one is made",
    "schema": {"type": "string"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same key with the same body within ten minutes gives the same answer, run once",
    "schema": {"type": "string", "pattern": "^[!-~]{1,128}$"},
}
_REPLAYED = {"description": "true where the answer was kept", "schema": {"type": "string", "enum": ["true"]}}


def routes() -> dict[str, Any]:
    """The document's paths."""
    return {
        "/api/v1/run": {"post": _run()},
        "/api/v1/run/stream": {"post": _stream()},
        "/api/v1/batch": {"post": _batch()},
        "/api/v1/format": {"post": _format()},
        "/api/v1/session": {"get": _session()},
        "/api/v1/languages": {"get": _languages()},
        "/api/v1/status": {
            "get": _plain("What the service is doing, and which isolation layers hold", "StatusAnswer", examples.STATUS)
        },
        "/healthz": {"get": _plain("The process is alive", "HealthAnswer", {"status": "ok"})},
        "/readyz": {
            "get": _plain("A program was run within the last seconds", "HealthAnswer", {"status": "ready"}, 503)
        },
        "/version": {"get": _plain("What runs here", "VersionAnswer", examples.VERSION)},
        "/metrics": {
            "get": _operation(
                "Counters and histograms for Prometheus",
                _answer({"text/plain": {"schema": {"type": "string"}, "example": examples.METRICS}}),
            )
        },
        "/openapi.json": {
            "get": _operation("This document", _answer({_JSON: {"schema": {"type": "object"}, "example": {}}}))
        },
    }


def _operation(summary: str, success: Mapping[str, Any], *errors: int, **more: Any) -> dict[str, Any]:
    """An operation with its answers; each answer names its request."""
    answers: dict[str, Any] = {"200": success}
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in errors}
    parameters = [_REQUEST_ID, *more.pop("parameters", [])]
    return {"summary": summary, "parameters": parameters, "responses": answers, **more}


def _answer(content: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    identified = {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}}
    return {"description": "Success", "headers": {**identified, **(headers or {})}, "content": content}


def _reference(model: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model}"}


def _plain(summary: str, model: str, example: object, *errors: int) -> dict[str, Any]:
    return _operation(summary, _answer({_JSON: {"schema": _reference(model), "example": example}}), *errors)


def _body(model: str, **of: object) -> dict[str, Any]:
    named = {name: {"value": value} for name, value in of.items()}
    return {"required": True, "content": {_JSON: {"schema": _reference(model), "examples": named}}}


def _guarded(**more: Any) -> dict[str, Any]:
    return {"security": [{}, {"token": []}], **more}


_EVENTS = {
    "itemSchema": {
        "type": "object",
        "description": "phase {phase, compile?}, output {stream, data, encoding?}, result (ResultAnswer), error "
        "(ErrorAnswer); comments keep the connection alive",
        "properties": {
            "event": {"type": "string", "enum": ["phase", "output", "result", "error"]},
            "data": {"type": "string", "contentMediaType": _JSON},
        },
        "required": ["event", "data"],
    },
    "example": examples.EVENTS,
}


def _run() -> dict[str, Any]:
    content = {
        _JSON: {
            "schema": _reference("RunAnswer"),
            "examples": {
                "ok": {"value": examples.RUN},
                "compile error": {"value": examples.COMPILE_ERROR},
            },
        },
        "text/event-stream": _EVENTS,
    }
    return _operation(
        "Run a program",
        _answer(content, {"Idempotency-Replayed": _REPLAYED}),
        *_RUN_ERRORS,
        **_guarded(
            description="Answers when the program has ended; with `Accept: text/event-stream` as /api/v1/run/stream.",
            parameters=[_KEY],
            requestBody=_body("RunBody", hello=examples.HELLO, greeting=examples.GREET, binary=examples.BINARY),
        ),
    )


def _stream() -> dict[str, Any]:
    return _operation(
        "Run a program and hear of it as it goes",
        _answer({"text/event-stream": _EVENTS}),
        *(status for status in _RUN_ERRORS if status != 422),
        **_guarded(
            description="The program ends when the client leaves. Output is sent once: the result does not repeat it.",
            requestBody=_body("RunBody", hello=examples.HELLO),
        ),
    )


def _format() -> dict[str, Any]:
    return _operation(
        "Format a program",
        _answer({_JSON: {"schema": _reference("FormatAnswer"), "example": examples.FORMATTED}}),
        *(status for status in _RUN_ERRORS if status != 422),
        **_guarded(
            description="The language's own formatter, for those languages that have one.",
            requestBody=_body("FormatBody", squeezed=examples.SQUEEZED),
        ),
    )


def _batch() -> dict[str, Any]:
    return _operation(
        "Run a program for each of several inputs",
        _answer({_JSON: {"schema": _reference("BatchAnswer"), "example": examples.BATCH}},
                {"Idempotency-Replayed": _REPLAYED}),
        *_RUN_ERRORS,
        **_guarded(
            description="Compiled once. A case passes where it ends with status ok and prints what is expected; "
            "`compare` says how exactly.",
            parameters=[_KEY],
            requestBody=_body("BatchBody", doubling=examples.BATCH_REQUEST),
        ),
    )  # fmt: skip


def _session() -> dict[str, Any]:
    operation = _operation(
        "Speak to a program while it runs (WebSocket)", {}, 401, 403, 426, 429, **_guarded(
            description="First message: SessionBody. Then, from the client: {type: stdin, data | base64}, {type: eof}, "
            "{type: signal, name}, {type: resize, rows, columns}, {type: stop}. From the service: "
            "{type: phase, phase, compile?}, {type: output, stream, data, encoding?}, {type: result, …ResultAnswer}, "
            "{type: error, …ErrorAnswer}. "
            "Closed with 1000 after the result, 1003 for a binary frame, 1008 for a bad message, 1009 for one over "
            "1 MiB, 1011 where the service failed, 1013 with `retry_after` where it is busy.",
        )
    )  # fmt: skip
    del operation["responses"]["200"]
    operation["responses"]["101"] = {"description": "The session begins"}
    return operation


def _languages() -> dict[str, Any]:
    operation = _operation(
        "Languages that programs may be written in",
        _answer(
            {_JSON: {"schema": _reference("LanguagesAnswer"), "example": examples.LANGUAGES}},
            {"ETag": {"schema": {"type": "string"}}, "Cache-Control": {"schema": {"type": "string"}}},
        ),
        parameters=[{"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}],
    )
    operation["responses"]["304"] = {"description": "What the client has is what there is"}
    return operation
