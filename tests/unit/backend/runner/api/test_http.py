"""What every route shares: request ids, errors, methods, other origins, caching."""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from backend.runner.api.app import create_app
from backend.runner.api.metrics import Metrics
from backend.runner.settings import Settings
from tests.unit.backend.runner.api.conftest import SCRIPT, Machine

Serve = Callable[..., None]


def test_every_answer_names_its_request(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        for method, path in (
            ("GET", "/healthz"),
            ("GET", "/nothing"),
            ("POST", "/api/v1/run"),
            ("OPTIONS", "/version"),
        ):
            given = await client.request(method, path, headers={"x-request-id": "client-1.a_B"})
            assert given.headers["x-request-id"] == "client-1.a_B"
            if given.status_code >= 400:
                assert given.json()["request_id"] == "client-1.a_B"
            made = await client.request(method, path)
            assert re.fullmatch(r"[0-9a-f]{16}", made.headers["x-request-id"])

    serve(case)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "ü", "a;b"])
def test_a_malformed_request_id_is_replaced(serve: Serve, name: str) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.get("/healthz", headers={b"x-request-id": name.encode()})
        assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])

    serve(case)


def test_head_is_get_without_its_body(served_over_tcp: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        for path in ("/healthz", "/api/v1/languages", "/openapi.json"):
            get, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == str(len(get.content))
        assert (await client.head("/nothing")).status_code == 404
        assert (await client.head("/api/v1/run")).status_code == 405
        assert (await client.get("/healthz")).json() == {"status": "ok"}  # on the same connection

    served_over_tcp(case)


def test_options_and_wrong_methods_name_what_is_allowed(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        for path, allowed in (("/healthz", "GET, HEAD, OPTIONS"), ("/api/v1/run", "OPTIONS, POST")):
            options = await client.options(path)
            assert (options.status_code, options.headers["allow"], options.content) == (204, allowed, b"")
            wrong = await client.delete(path)
            assert (wrong.status_code, wrong.headers["allow"]) == (405, allowed)
        assert (await client.options("/nothing")).status_code == 404

    serve(case)


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization, content-type, idempotency-key, x-request-id",
}


def test_pages_of_any_origin_may_call_where_all_may(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        asked = await client.options("/api/v1/run", headers={"origin": "https://a.example", **PREFLIGHT})
        assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, "*")
        allowed = set(asked.headers["access-control-allow-headers"].split(", "))
        assert {"authorization", "content-type", "idempotency-key", "x-request-id"} <= allowed
        answer = await client.post("/api/v1/run", content=b"{", headers={"origin": "https://a.example"})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (400, "*")
        exposed = set(answer.headers["access-control-expose-headers"].split(", "))
        assert {"retry-after", "x-request-id", "idempotency-replayed"} <= exposed
        assert "access-control-allow-credentials" not in answer.headers

    serve(case)


def test_only_the_origins_named_may_call_where_some_are(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        for origin, status in (("https://a.example", 200), ("https://b.example", 403), ("https://a.example.evil", 403)):
            asked = await client.options("/api/v1/run", headers={"origin": origin, **PREFLIGHT})
            assert asked.status_code == status
            answer = await client.get("/healthz", headers={"origin": origin})
            expected = origin if status == 200 else None
            assert answer.headers.get("access-control-allow-origin") == expected
            assert answer.headers["vary"] == "origin"

    serve(case, RUNNER_CORS_ORIGINS="https://a.example, https://c.example")


def test_every_list_of_languages_has_the_same_order() -> None:
    wanted = ["python3", "bash", "awk", "c"]

    async def case() -> None:
        machine = Machine(Settings.read({}))
        machine.languages = {name: dataclasses.replace(SCRIPT, name=name, aliases=()) for name in sorted(wanted)}
        app = cast("Any", create_app(machine, Metrics()))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://runner") as client:
            listed = (await client.get("/api/v1/languages")).json()
            assert listed["languages"] == list(listed["details"]) == wanted
            assert list((await client.get("/api/v1/status")).json()["languages"]) == wanted
            refused = await client.post("/api/v1/run", json={"language": "none", "source": ""})
            assert refused.json()["error"].endswith("choose one of: python3, bash, awk, c")
            described = (await client.get("/openapi.json")).json()["components"]["schemas"]["RunBody"]
            assert described["properties"]["language"]["enum"] == wanted

    asyncio.run(case())


def test_languages_tell_all_of_each_and_are_cached(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.get("/api/v1/languages")
        body = answer.json()
        assert body["languages"] == sorted(body["details"]) == ["compiled", "script"]
        script = body["details"]["script"]
        assert script.keys() == {
            "title",
            "aliases",
            "version",
            "source",
            "hello",
            "sample",
            "options",
            "formats",
            "compiles",
            "libraries",
            "tests",
            "limits",
        }
        assert (script["title"], script["aliases"], script["version"]) == ("Script", ["scr"], "Script 1")
        assert (script["limits"]["timeout"], script["limits"]["inodes"]) == (3.0, 8192)
        assert answer.headers["cache-control"] == "public, max-age=60"
        tag = answer.headers["etag"]
        for asked in (tag, f'"other", W/{tag}', "*"):
            again = await client.get("/api/v1/languages", headers={"if-none-match": asked})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        other = await client.get("/api/v1/languages", headers={"if-none-match": '"other"'})
        assert other.status_code == 200

    serve(case, RUN_TIMEOUT="3")


def test_a_failure_of_the_service_is_500_and_logged_with_its_request(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        body = {"language": "script", "source": "crash"}
        answer = await client.post("/api/v1/run", json=body, headers={"x-request-id": "mine"})
        assert (answer.status_code, answer.json()) == (
            500, {"error": "the service failed; try again", "request_id": "mine"},
        )  # fmt: skip
        assert "request mine" in caplog.text

    serve(case)


def test_a_websocket_asked_for_without_an_upgrade_is_426(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        answer = await client.get("/api/v1/session")
        assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")

    serve(case)


def test_a_slash_at_the_end_of_a_path_changes_nothing(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        body = {"language": "script", "source": "out a"}
        for path in ("/api/v1/run", "/api/v1/run/stream", "/api/v1/format"):
            plain, with_slash = await client.post(path, json=body), await client.post(f"{path}/", json=body)
            assert (with_slash.status_code, with_slash.text) == (200, plain.text)
        assert (await client.get("/healthz/")).status_code == 200
        assert (await client.get("/api/v1/run/")).status_code == 405
        assert (await client.get("/api/v1/session/")).status_code == 426
        assert (await client.post("/api/v1/run//", json=body)).status_code == 404
        assert (await client.get("/")).status_code == 404
        key = {"idempotency-key": "one"}
        await client.post("/api/v1/run", json=body, headers=key)
        assert (await client.post("/api/v1/run/", json=body, headers=key)).headers["idempotency-replayed"] == "true"

    serve(case)
