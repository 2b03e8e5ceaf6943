"""The application: routes, errors as JSON, cross-origin access, the page."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse

from backend.runner.api.health import health_routes
from backend.runner.api.metrics import Metrics
from backend.runner.api.models import RunBody
from backend.runner.api.runs import run_routes
from backend.runner.api.site import Site
from backend.runner.errors import RequestError
from backend.runner.service import Service

_log = logging.getLogger("codecanvas.runner")


def create_app(service: Service, metrics: Metrics) -> FastAPI:
    """The application that serves `service`."""
    app = FastAPI(title="codecanvas runner", version=service.settings.version, docs_url=None, redoc_url=None)
    app.include_router(health_routes(service, metrics))
    app.include_router(run_routes(service, metrics))
    if service.settings.site is not None:
        # For what no route has: mounted at "/", it would also take a route's path asked with the wrong method.
        app.router.default = Site(service.settings.site)
    app.add_exception_handler(RequestError, _request_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(service.settings.cors_origins),
        allow_methods=["GET", "POST"],
        allow_headers=["content-type"],
        expose_headers=["retry-after"],
        max_age=86400,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The description of the service, with the body that the run route reads by itself."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.routes)
        _, bodies = models_json_schema([(RunBody, "validation")], ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= bodies["$defs"]
        schema = {"$ref": "#/components/schemas/RunBody"}
        content = {"application/json": {"schema": schema}}
        document["paths"]["/api/v1/run"]["post"]["requestBody"] = {"required": True, "content": content}
        app.openapi_schema = document
    return app.openapi_schema


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": message}, status, headers)


async def _request_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestError):
        raise TypeError(f"not a request error: {error!r}")
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    if error.status in {408, 413}:
        headers["connection"] = "close"  # what is left of the body is not read
    return _error(error.status, str(error), headers)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError(f"not an HTTP error: {error!r}")
    place = f"{request.method} {request.url.path[:200]}"
    message = {404: f"{place}: there is nothing here", 405: f"{place}: this method is not for here"}
    return _error(error.status_code, message.get(error.status_code, str(error.detail)), dict(error.headers or {}))


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _error(500, "the service failed; try again")
