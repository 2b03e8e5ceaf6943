"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, Self, TypeVar

import httpx

from backend.runner.api.models import BatchAnswer, FormatAnswer, FormatBody, LanguagesAnswer, RunAnswer, StatusAnswer
from backend.runner.client.errors import Busy, Unreachable
from backend.runner.client.events import Event, EventReader
from backend.runner.client.programs import Case, Content, Program
from backend.runner.client.retries import Patience
from backend.runner.client.sessions import AsyncSession
from backend.runner.client.wire import TIMEOUT, authorization, posted, read, read_refusal, root

_Done = TypeVar("_Done")


class AsyncClient:
    """Speaks to one service. Every call raises as `errors` says; after 429 and 503 it waits and tries again."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._root = root(url)
        self._token = token
        self._patience = patience or Patience()
        self._http = httpx.AsyncClient(
            base_url=self._root, headers=authorization(token), timeout=TIMEOUT, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def run(self, language: str, source: Content, *, key: str | None = None, **more: Any) -> RunAnswer:
        """Run a program and wait for its end; `more` are Program's fields. The same `key` runs it once."""
        return await self.run_program(Program(language=language, source=source, **more), key=key)

    async def run_program(self, program: Program, *, key: str | None = None) -> RunAnswer:
        """Run a Program and wait for its end. The same `key` runs it once."""
        sent = posted(program.body(), key)

        async def ask() -> RunAnswer:
            return read(await self._ask("POST", "/api/v1/run", **sent), RunAnswer)

        return await self._again(ask)

    async def batch(
        self,
        program: Program,
        cases: Sequence[Case],
        *,
        compare: Literal["exact", "trimmed"] = "trimmed",
        key: str | None = None,
    ) -> BatchAnswer:
        """Run a program for each case, compiled once."""
        sent = posted(program.batch(cases, compare), key)

        async def ask() -> BatchAnswer:
            return read(await self._ask("POST", "/api/v1/batch", **sent), BatchAnswer)

        return await self._again(ask)

    async def stream(self, program: Program) -> AsyncIterator[Event]:
        """Run a program and get its events while it runs; closing the iterator ends the program."""
        sent = posted(program.body(), accept="text/event-stream")
        request = self._http.build_request("POST", "/api/v1/run/stream", **sent)
        response = await self._again(lambda: self._begin(request))
        reader = EventReader()
        async with _reached(request):
            try:
                async for line in response.aiter_lines():
                    for event in reader.feed(line):
                        yield event
            finally:
                await response.aclose()

    def session(self, program: Program, terminal: tuple[int, int] | None = None) -> AsyncSession:
        """Open a session, to send input while the program runs; `terminal` is its rows and columns."""
        return AsyncSession(self._root, program.session(terminal), authorization(self._token))

    async def format(self, language: str, source: str) -> FormatAnswer:
        """Format a program with the language's formatter."""
        sent = posted(FormatBody(language=language, source=source))

        async def ask() -> FormatAnswer:
            return read(await self._ask("POST", "/api/v1/format", **sent), FormatAnswer)

        return await self._again(ask)

    async def languages(self) -> LanguagesAnswer:
        """The languages that the service offers."""

        async def ask() -> LanguagesAnswer:
            return read(await self._ask("GET", "/api/v1/languages"), LanguagesAnswer)

        return await self._again(ask)

    async def status(self) -> StatusAnswer:
        """The service's status."""

        async def ask() -> StatusAnswer:
            return read(await self._ask("GET", "/api/v1/status"), StatusAnswer)

        return await self._again(ask)

    async def _ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        request = self._http.build_request(method, path, **sent)
        async with _reached(request):
            return await self._http.send(request)

    async def _begin(self, request: httpx.Request) -> httpx.Response:
        async with _reached(request):
            response = await self._http.send(request, stream=True)
            if response.status_code != 200:
                await response.aread()
                raise read_refusal(response)
            return response

    async def _again(self, ask: Callable[[], Awaitable[_Done]]) -> _Done:
        attempt = 1
        while True:
            try:
                return await ask()
            except Busy as busy:
                await asyncio.sleep(self._patience.pause(busy, attempt))
                attempt += 1


@asynccontextmanager
async def _reached(request: httpx.Request) -> AsyncIterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise Unreachable(f"{request.url}: {error or type(error).__name__}") from error
