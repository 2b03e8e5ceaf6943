"""How an app is created: it may not be found at once, and its name may be taken, by us or by somebody else."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from deploy.platforms.errors import Forbidden, NotFound, PlatformError
from deploy.platforms.fly import FlyClient, client
from deploy.platforms.http import Patience
from deploy.settings.secrets import Secret

TAKEN = {"error": "Name has already been taken", "status": "unknown"}


@pytest.fixture(autouse=True)
def haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "APP_SECONDS", 0.3)
    monkeypatch.setattr(client, "TAKEN_SECONDS", 0.3)
    monkeypatch.setattr(client, "PAUSES", (0.01,) * 100)


def creating(created: httpx.Response, looks: Iterator[int]) -> int:
    """Create an app whose creation is answered so, and looks at it so; returns how often it was looked at."""
    count = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal count
        if request.method == "POST":
            return created
        count += 1
        return httpx.Response(next(looks), json={})

    fly = FlyClient(
        "https://fly", "app", Secret("t"), patience=Patience(attempts=1), transport=httpx.MockTransport(answer)
    )
    try:
        fly.create_app("org", network="app")
    finally:
        fly.close()
    return count


@pytest.mark.parametrize("created", [httpx.Response(201, json={}), httpx.Response(422, json=TAKEN)])
def test_a_new_app_is_waited_for_while_nobody_knows_it_or_whose_it_is(created: httpx.Response) -> None:
    assert creating(created, iter((404, 401, 404, 200))) == 4


def test_a_new_app_that_is_never_found_is_an_error() -> None:
    with pytest.raises(NotFound):
        creating(httpx.Response(201, json={}), iter((404,) * 1000))


@pytest.mark.parametrize("look", [404, 403])
def test_a_name_that_somebody_else_has_is_said_to_be_taken(look: int) -> None:
    with pytest.raises(PlatformError, match="already been taken"):
        creating(httpx.Response(422, json=TAKEN), iter((look,) * 1000))


def test_what_else_is_refused_is_not_waited_for() -> None:
    with pytest.raises(PlatformError, match="no such organization"):
        creating(httpx.Response(422, json={"error": "no such organization"}), iter(()))
    with pytest.raises(Forbidden):
        creating(httpx.Response(403, json={}), iter(()))
