"""API tokens and their rates."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.runner.api.access import Access
from backend.runner.api.asgi import Request
from backend.runner.errors import RateLimited, SettingsError
from backend.runner.settings import ApiToken, Settings

Serve = Callable[..., None]
RUN = {"language": "script", "source": "out a"}


def _entry(name: str, token: str, rate: str = "60") -> str:
    return f"{name}:{hashlib.sha256(token.encode()).hexdigest()}:{rate}"


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def _request(token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]

    async def nothing(*_: Any) -> Any:
        return None

    return Request({"type": "http", "headers": headers, "client": ("1.2.3.4", 1)}, nothing, nothing, "id")


def test_without_tokens_everybody_may_run(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        assert (await client.post("/api/v1/run", json=RUN)).status_code == 200

    serve(case)


def test_with_tokens_only_their_bearers_run_and_all_may_look(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def case(client: httpx.AsyncClient, _: Any) -> None:
        for path in ("run", "run/stream", "batch"):
            for headers in ({}, _bearer("wrong-guess"), {"authorization": "Basic s3cret-a"}):
                answer = await client.post(f"/api/v1/{path}", json=RUN, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"].startswith("Bearer")
                assert "wrong-guess" not in answer.text
        for token in ("s3cret-a", "s3cret-b"):
            assert (await client.post("/api/v1/run", json=RUN, headers=_bearer(token))).status_code == 200
        for path in ("healthz", "readyz", "version", "metrics", "openapi.json", "api/v1/languages", "api/v1/status"):
            assert (await client.get(f"/{path}")).status_code == 200
        assert "wrong-guess" not in caplog.text
        assert "s3cret" not in caplog.text

    serve(case, RUNNER_API_TOKENS=f"{_entry('a', 's3cret-a')},{_entry('b', 's3cret-b')}")


def test_a_rate_used_up_is_429_for_that_token_alone(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, _: Any) -> None:
        codes = [(await client.post("/api/v1/run", json=RUN, headers=_bearer("a"))).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        answer = await client.post("/api/v1/run", json=RUN, headers=_bearer("a"))
        assert answer.headers["retry-after"] == "60"
        assert (await client.post("/api/v1/run", json=RUN, headers=_bearer("b"))).status_code == 200

    serve(case, RUNNER_API_TOKENS=f"{_entry('a', 'a', '1:2')},{_entry('b', 'b', '1:2')}")


def test_a_batch_counts_each_of_its_cases(serve: Serve) -> None:
    async def case(client: httpx.AsyncClient, machine: Any) -> None:
        body = {**RUN, "cases": [{}, {}, {}]}
        codes = [(await client.post("/api/v1/batch", json=body, headers=_bearer("a"))).status_code for _ in range(2)]
        assert (codes, machine.begun) == ([200, 429], 3)

    serve(case, RUNNER_API_TOKENS=_entry("a", "a", "1:4"))


def test_a_bucket_fills_up_again() -> None:
    now = 0.0
    access = Access([ApiToken("a", hashlib.sha256(b"t").digest(), rate=60, burst=2)], clock=lambda: now)
    for _ in range(2):
        access.admit(_request("t"))
    with pytest.raises(RateLimited) as limited:
        access.admit(_request("t"))
    assert limited.value.retry_after == 1
    now = 1.0
    access.admit(_request("t"))
    now = 1000.0
    for _ in range(2):
        access.admit(_request("t"))
    with pytest.raises(RateLimited):
        access.admit(_request("t"))


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_a_client_is_its_address_or_its_ipv6_network(address: str, named: str) -> None:
    request = _request("")
    request.scope["client"] = (address, 1)
    Access([]).admit(request)
    assert request.client == named


def test_tokens_come_from_a_file_too(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# ours\n{_entry('a', 'a', '5:9')}\n\n{_entry('b', 'b')}\n", encoding="utf-8")
    tokens = Settings.read({"RUNNER_API_TOKENS_FILE": str(file), "RUNNER_API_TOKENS": _entry("c", "c")}).tokens
    assert [(one.name, one.rate, one.burst) for one in tokens] == [("c", 60, 60), ("a", 5, 9), ("b", 60, 60)]


@pytest.mark.parametrize("text", ["my-secret", "a:my-secret:60", "a:b", f"a:{'0' * 64}:0", f"a:{'0' * 64}:6:0"])
def test_a_malformed_token_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(SettingsError, match="RUNNER_API_TOKENS") as refused:
        Settings.read({"RUNNER_API_TOKENS": text})
    assert "my-secret" not in str(refused.value)
    assert "0" * 64 not in str(refused.value)


def test_settings_do_not_show_hashes() -> None:
    settings = Settings.read({"RUNNER_API_TOKENS": _entry("a", "t")})
    assert hashlib.sha256(b"t").hexdigest() not in repr(settings)
    assert repr(hashlib.sha256(b"t").digest()) not in repr(settings)


def test_two_tokens_of_one_name_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(_entry("a", "x"), encoding="utf-8")
    for variables in (
        {"RUNNER_API_TOKENS": f"{_entry('a', 'x')},{_entry('a', 'y')}"},
        {"RUNNER_API_TOKENS": _entry("a", "y"), "RUNNER_API_TOKENS_FILE": str(file)},
        {"RUNNER_API_TOKENS_FILE": str(tmp_path / "none")},
    ):
        with pytest.raises(SettingsError, match="RUNNER_API_TOKENS"):
            Settings.read(variables)
