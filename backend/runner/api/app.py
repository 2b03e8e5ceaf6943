"""The application: which route answers, errors as JSON, request ids, cross-origin access, the page."""

from __future__ import annotations

import logging
import re
import secrets

from backend.runner.api.access import Access
from backend.runner.api.asgi import JSON, Handler, Message, Receive, Request, Response, Routes, Scope, Send, answer
from backend.runner.api.backend import Backend
from backend.runner.api.batch import batch_routes
from backend.runner.api.checks import Catalogue
from backend.runner.api.context import Context
from backend.runner.api.cors import Cors
from backend.runner.api.format import format_routes
from backend.runner.api.health import health_routes
from backend.runner.api.languages import language_routes
from backend.runner.api.metrics import Metrics
from backend.runner.api.models import ErrorAnswer
from backend.runner.api.runs import run_routes
from backend.runner.api.session import Sessions
from backend.runner.api.site import Site
from backend.runner.errors import ClientGone, NotFound, RequestError, WrongMethod

_log = logging.getLogger("codecanvas.runner")
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SESSION = "/api/v1/session"


def create_app(service: Backend, metrics: Metrics) -> App:
    """The application that serves `service`."""
    return App(service, metrics)


class App:
    """An ASGI application."""

    def __init__(self, service: Backend, metrics: Metrics) -> None:
        settings = service.settings
        self._cors = Cors(settings.cors_origins)
        access = Access(settings.tokens, settings.client_header)
        context = Context(service, metrics, access, Catalogue(service.languages, settings.run_timeout))
        self._routes: Routes = {
            **health_routes(service, metrics),
            **language_routes(service),
            **run_routes(context),
            **batch_routes(context),
            **format_routes(context),
            "/openapi.json": {"GET": _description(service)},
            SESSION: {"GET": _only_websockets},
        }
        self._sessions = Sessions(context, self._cors)
        self._site = None if settings.site is None else Site(settings.site)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        request = Request(scope, receive, send, "")
        request.id = _request_id(request)
        if request.path[-1:] == "/" and request.path[:-1] in self._routes:
            request.scope = {**scope, "path": request.path[:-1]}  # people and proxies add a slash
        if scope["type"] == "websocket":
            await self._sessions.serve(request, known=request.path == SESSION)
        elif scope["type"] == "http":
            await self._http(request)

    async def _http(self, request: Request) -> None:
        always = [("x-request-id", request.id), *self._cors.headers(request)]
        request.send = sending = _Sending(request.send, always)
        try:
            response = self._cors.preflight(request) or await self._handler(request)(request)
        except ClientGone:
            return
        except RequestError as error:
            response = _refusal(request, error)
        except Exception:
            _log.exception("%s %s failed; request %s", request.method, request.path[:200], request.id)
            if sending.begun:
                raise  # the answer has begun and cannot be taken back: the server closes the connection
            response = answer(ErrorAnswer("the service failed; try again", request.id), 500)
        if response is not None:
            await response.send(request)

    def _handler(self, request: Request) -> Handler:
        methods = self._routes.get(request.path)
        if methods is None:
            if self._site is not None:
                return self._site.serve
            raise NotFound(f"{_place(request)}: there is nothing here")
        allowed = ", ".join(_allowed(methods))
        if request.method == "OPTIONS":
            return _options(allowed)
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise WrongMethod(
                f"{_place(request)}: this method is not supported here; Allow lists those that are", allowed
            )
        return handler


class _Sending:
    """Adds headers to every answer, and records whether an answer was begun."""

    def __init__(self, send: Send, headers: list[tuple[str, str]]) -> None:
        self._send = send
        self._headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = [*message["headers"], *self._headers]
        await self._send(message)


def _request_id(request: Request) -> str:
    given = request.header(b"x-request-id")
    return given if _ID.fullmatch(given) else secrets.token_hex(8)


def _refusal(request: Request, error: RequestError) -> Response:
    if error.status in {401, 403, 503}:
        _log.info("%s %s: %d %s; request %s", request.method, request.path[:200], error.status, error, request.id)
    text = str(error).encode("utf-8", "replace").decode()  # it may quote half a surrogate pair
    return answer(ErrorAnswer(text, request.id), error.status, error.headers)


def _place(request: Request) -> str:
    return f"{request.method} {request.path[:200]}"


def _allowed(methods: dict[str, Handler]) -> list[str]:
    names = {*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}
    return sorted(names)


def _options(allowed: str) -> Handler:
    async def options(request: Request) -> Response:
        return Response(b"", 204, "", [("allow", allowed)])

    return options


def _description(service: Backend) -> Handler:
    made: list[bytes] = []

    async def openapi(request: Request) -> Response:
        """The OpenAPI description of the service."""
        if not made:
            from backend.runner.api.openapi.document import describe  # read when it is first asked for, not at start

            settings = service.settings
            made.append(answer(describe(settings.version, service.languages, settings.run_timeout)).body)
        return Response(made[0], 200, JSON, [("cache-control", "no-cache")])

    return openapi


async def _only_websockets(request: Request) -> Response:
    body = ErrorAnswer("this is a WebSocket: ask for an upgrade of the connection", request.id)
    return answer(body, 426, [("upgrade", "websocket"), ("connection", "upgrade")])
