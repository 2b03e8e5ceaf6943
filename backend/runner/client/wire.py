"""What both clients share: making requests and reading answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
import msgspec

from backend.runner.client.errors import NotUnderstood, RunnerApiError, refusal

Answer = TypeVar("Answer", bound=msgspec.Struct)

TIMEOUT = httpx.Timeout(90.0, connect=10.0)
"""Longer than the queue, a compile and a run may take together."""


def root(url: str) -> str:
    """The root of the service, from its own address or that of its API."""
    return url.rstrip("/").removesuffix("/api/v1")


def authorization(token: str | None) -> dict[str, str]:
    """The headers that carry `token`."""
    return {} if token is None else {"authorization": f"Bearer {token}"}


def posted(body: msgspec.Struct, key: str | None = None, accept: str = "application/json") -> Mapping[str, Any]:
    """The content and headers of a POST; `key` is its Idempotency-Key."""
    headers = {"content-type": "application/json", "accept": accept}
    if key is not None:
        headers["idempotency-key"] = key
    return {"content": msgspec.json.encode(body), "headers": headers}


def read(response: httpx.Response, kind: type[Answer]) -> Answer:
    """Decode the answer as `kind`. Raises RunnerApiError for a refusal, and NotUnderstood."""
    if response.status_code != 200:
        raise read_refusal(response)
    try:
        return msgspec.json.decode(response.content, type=kind)
    except msgspec.DecodeError as error:
        raise NotUnderstood(f"{response.url} answered what is no {kind.__name__}: {error}") from error


def read_refusal(response: httpx.Response) -> RunnerApiError:
    """The error of a response that was read to its end; works for answers of proxies too."""
    try:
        content = response.json()
        message = content["error"]
    except (ValueError, KeyError, TypeError):
        message = f"{response.url} answered {response.status_code} {response.reason_phrase}"
    after = response.headers.get("retry-after", "")
    seconds = float(after) if after.isdecimal() else None
    return refusal(str(message), response.status_code, response.headers.get("x-request-id", ""), seconds)
