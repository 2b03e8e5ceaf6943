"""One request, one whole answer, or the word for how it failed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from deploy.errors import UsageError
from deploy.verification.traffic.wire import Answer, Client, NoAnswer, Request, origin_of

from ..conftest import Little

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def against(said: bytes, act: Callable[[Client], Awaitable[Any]], *, close: bool = True, reset: bool = False) -> Any:
    """Run `act` against a server that says `said` to every request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(said)
                if reset:
                    writer.transport.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
                    )
                if close:
                    break
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def main() -> Any:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            client = Client(origin_of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"))
            try:
                return await act(client)
            finally:
                client.close()
                await asyncio.sleep(0.01)

    return asyncio.run(main())


async def get(client: Client) -> Answer:
    return await client.ask(Request("/"), fresh=True)


@pytest.mark.parametrize(
    ("said", "word"),
    [
        (b"", "connection closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "answer 200 cut off after 2 bytes"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "answer 200 cut off after 2 bytes"),
        (b"nonsense\r\n\r\n", "malformed answer"),
    ],
)
def test_an_answer_that_is_not_whole_is_none(said: bytes, word: str) -> None:
    with pytest.raises(NoAnswer, match=word):
        against(said, get)


def test_a_reset_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match=r"connection broke|closed without an answer"):
        against(b"", get, reset=True)


def test_a_refused_connection_is_no_answer() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and never listening
        client = Client(origin_of(f"http://127.0.0.1:{taken.getsockname()[1]}/"))
        with pytest.raises(NoAnswer, match="connection refused"):
            asyncio.run(get(client))


def test_an_answer_must_come_in_time() -> None:
    async def hasty(client: Client) -> Answer:
        return await client.ask(Request("/", seconds=0.05), fresh=True)

    with pytest.raises(NoAnswer, match=r"no whole answer within 0\.05 s"):
        against(b"HTTP/1.1 200 OK\r\n", hasty, close=False)


def test_kept_connections_are_used_again_and_new_ones_are_not(little: Little) -> None:
    async def act() -> None:
        client = Client(origin_of(little.url))
        for fresh in (False, False, True, True, False):
            assert (await client.ask(Request("/healthz"), fresh=fresh)).body == b'{"status":"ok"}'
        assert (await client.ask(Request("/api/v1/run", b'{"source":"echo x"}'), fresh=False)).status == 200
        client.close()

    asyncio.run(act())
    assert len(little.connections) == 3


def test_a_kept_connection_that_was_closed_is_not_used() -> None:
    async def twice(client: Client) -> list[Answer]:
        first = await client.ask(Request("/"), fresh=False)
        await asyncio.sleep(0.1)
        return [first, await client.ask(Request("/"), fresh=False)]

    assert against(OK, twice) == [Answer(200, b"ok")] * 2


def test_origins() -> None:
    origin = origin_of("http://localhost:8080/api/v1/")
    assert (origin.authority, origin.port, origin.loopback, origin.tls) == ("localhost:8080", 8080, True, None)
    secure = origin_of("https://192.0.2.1/")
    assert (secure.port, secure.loopback, secure.tls) == (443, False, "192.0.2.1")
    for wrong in ("localhost", "ftp://localhost/", "http://no-such-host.invalid/"):
        with pytest.raises(UsageError):
            origin_of(wrong)
