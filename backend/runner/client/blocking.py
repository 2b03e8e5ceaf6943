"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self, TypeVar

import httpx

from backend.runner.api.models import BatchAnswer, FormatAnswer, FormatBody, LanguagesAnswer, RunAnswer, StatusAnswer
from backend.runner.client.errors import Busy, Unreachable
from backend.runner.client.events import Event, EventReader
from backend.runner.client.programs import Case, Content, Program
from backend.runner.client.retries import Patience
from backend.runner.client.sessions import Session
from backend.runner.client.wire import TIMEOUT, authorization, posted, read, read_refusal, root

_Done = TypeVar("_Done")


class Client:
    """Speaks to one service. Every call raises as `errors` says; after 429 and 503 it waits and tries again."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._root = root(url)
        self._token = token
        self._patience = patience or Patience()
        self._http = httpx.Client(
            base_url=self._root, headers=authorization(token), timeout=TIMEOUT, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def run(self, language: str, source: Content, *, key: str | None = None, **more: Any) -> RunAnswer:
        """Run a program and wait for its end; `more` are Program's fields. The same `key` runs it once."""
        return self.run_program(Program(language=language, source=source, **more), key=key)

    def run_program(self, program: Program, *, key: str | None = None) -> RunAnswer:
        """Run a Program and wait for its end. The same `key` runs it once."""
        sent = posted(program.body(), key)
        return self._again(lambda: read(self._ask("POST", "/api/v1/run", **sent), RunAnswer))

    def batch(
        self,
        program: Program,
        cases: Sequence[Case],
        *,
        compare: Literal["exact", "trimmed"] = "trimmed",
        key: str | None = None,
    ) -> BatchAnswer:
        """Run a program for each case, compiled once."""
        sent = posted(program.batch(cases, compare), key)
        return self._again(lambda: read(self._ask("POST", "/api/v1/batch", **sent), BatchAnswer))

    def stream(self, program: Program) -> Iterator[Event]:
        """Run a program and get its events while it runs; leaving the loop ends the program."""
        sent = posted(program.body(), accept="text/event-stream")
        request = self._http.build_request("POST", "/api/v1/run/stream", **sent)
        response = self._again(lambda: self._begin(request))
        reader = EventReader()
        with _reached(request):
            try:
                for line in response.iter_lines():
                    yield from reader.feed(line)
            finally:
                response.close()

    def session(self, program: Program, terminal: tuple[int, int] | None = None) -> Session:
        """Open a session, to send input while the program runs; `terminal` is its rows and columns."""
        return Session(self._root, program.session(terminal), authorization(self._token))

    def format(self, language: str, source: str) -> FormatAnswer:
        """Format a program with the language's formatter."""
        sent = posted(FormatBody(language=language, source=source))
        return self._again(lambda: read(self._ask("POST", "/api/v1/format", **sent), FormatAnswer))

    def languages(self) -> LanguagesAnswer:
        """The languages that the service offers."""
        return self._again(lambda: read(self._ask("GET", "/api/v1/languages"), LanguagesAnswer))

    def status(self) -> StatusAnswer:
        """The service's status."""
        return self._again(lambda: read(self._ask("GET", "/api/v1/status"), StatusAnswer))

    def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        request = self._http.build_request(method, path, **sent)
        with _reached(request):
            return self._http.send(request)

    def _begin(self, request: httpx.Request) -> httpx.Response:
        with _reached(request):
            response = self._http.send(request, stream=True)
            if response.status_code != 200:
                response.read()
                raise read_refusal(response)
            return response

    def _again(self, ask: Callable[[], _Done]) -> _Done:
        attempt = 1
        while True:
            try:
                return ask()
            except Busy as busy:
                time.sleep(self._patience.pause(busy, attempt))
                attempt += 1


@contextmanager
def _reached(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise Unreachable(f"{request.url}: {error or type(error).__name__}") from error
