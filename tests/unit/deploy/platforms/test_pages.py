"""Uploads to Pages over the wire: the token of an upload is short-lived, and one that expires is renewed once."""

from __future__ import annotations

from collections import Counter

import httpx
import pytest

from deploy.platforms import pages
from deploy.platforms.errors import Forbidden, PlatformError, Unauthorized
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient
from deploy.settings.secrets import Secret

PROJECT = "/accounts/a/pages/projects/site"


class Cloudflare:
    """Gives tokens t1, t2, …; those in `expired` are refused with `status` by the requests that they are for."""

    def __init__(self, status: int = 401) -> None:
        self.status = status
        self.given = 0
        self.lasts = {"t1": 10**6}
        """How many uploads a token is good for."""
        self.used: Counter[str] = Counter()
        self.uploaded: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/upload-token"):
            self.given += 1
            return self.answer({"jwt": f"t{self.given}"})
        if path.startswith("/pages/assets/"):
            token = request.headers["authorization"].partition(" ")[2]
            self.used[token] += 1
            if self.used[token] > self.lasts.get(token, 10**6):
                return httpx.Response(self.status, json={"success": False, "errors": [{"message": "expired"}]})
            if path.endswith("/upload"):
                self.uploaded.append(token)
            return self.answer(request.read() and ["h"] if path.endswith("check-missing") else None)
        deployment = {"id": "d", "latest_stage": {"name": "deploy", "status": "success"}}
        return self.answer(deployment)

    def answer(self, result: object) -> httpx.Response:
        if result == ["h"]:
            result = [pages.asset_hash(name, content) for name, content in FILES.items()]
        return httpx.Response(200, json={"success": True, "result": result})


FILES = {f"page-{number}.html": bytes([number]) * 1000 for number in range(9)}


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BUCKET_FILES", 2)


def publish(cloudflare: Cloudflare) -> None:
    transport = httpx.MockTransport(cloudflare)
    client = PagesClient(
        "http://cf", Secret("a"), "site", Secret("t"), patience=Patience(attempts=1), transport=transport
    )
    client.publish(FILES, branch="main", sha="s", message="m", timeout=5)


def test_one_token_is_enough_for_an_upload() -> None:
    cloudflare = Cloudflare()
    publish(cloudflare)
    assert (cloudflare.given, len(cloudflare.uploaded)) == (1, 5)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("after", [0, 1, 3, 6])
def test_one_that_expires_is_renewed_once_for_all_requests_under_way(status: int, after: int) -> None:
    cloudflare = Cloudflare(status)
    cloudflare.lasts["t1"] = after
    publish(cloudflare)
    assert cloudflare.given == 2
    assert len(cloudflare.uploaded) == 5


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (403, Forbidden)])
def test_a_new_one_that_is_refused_as_well_ends_the_upload(status: int, error: type[PlatformError]) -> None:
    cloudflare = Cloudflare(status)
    cloudflare.lasts = {"t1": 0, "t2": 0}
    with pytest.raises(error):
        publish(cloudflare)
    assert cloudflare.given == 2
