"""What belongs to an account: projects that come and go, and what its tokens are, as Cloudflare answers about them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import httpx
import pytest

from deploy.emulator.errors import EmulatorError
from deploy.emulator.faults import FaultClient
from deploy.platforms.errors import Unauthorized
from deploy.platforms.pages import PagesClient
from deploy.settings.secrets import Secret
from tests.deploy.emulator.support import Emulated, limited

NAME = "a-new-one"


@pytest.fixture
def pages(emulated: Emulated) -> Iterator[httpx.Client]:
    """A client that is staging; what it made is gone afterwards."""
    with emulated.pages("staging") as client:
        yield client
        client.delete(emulated.account("staging", NAME))


def said(answer: httpx.Response) -> tuple[int, int]:
    """The status, and Cloudflare's code, 0 for none."""
    errors = answer.json()["errors"]
    return answer.status_code, errors[0]["code"] if errors else 0


def test_projects_are_created_listed_changed_and_deleted(emulated: Emulated, pages: httpx.Client) -> None:
    one = emulated.account("staging", NAME)
    place = one.rpartition("/")[0]
    assert said(pages.get(one)) == (404, 8000007)
    assert said(pages.post(place, json={"name": "A bad name", "production_branch": "main"}))[0] == 400
    assert said(pages.post(place, json={"name": NAME}))[0] == 400
    made = pages.post(place, json={"name": NAME, "production_branch": "trunk"}).json()["result"]
    assert (made["subdomain"], made["production_branch"]) == (f"{NAME}.pages.dev", "trunk")
    assert said(pages.post(place, json={"name": NAME, "production_branch": "main"})) == (409, 8000002)
    assert NAME in [each["name"] for each in pages.get(place).json()["result"]]
    assert pages.patch(one, json={"production_branch": "main"}).json()["result"]["production_branch"] == "main"
    with emulated.pages("production") as others:
        assert said(others.delete(one)) == (403, 10000)
        assert said(others.delete(emulated.account("production", NAME))) == (404, 8000007)
    assert said(pages.delete(one)) == (200, 0)
    assert said(pages.delete(one)) == (404, 8000007)


def test_an_address_that_is_somebody_elses_gets_three_more_letters(emulated: Emulated, pages: httpx.Client) -> None:
    one = emulated.account("staging", NAME)
    faults = FaultClient(emulated.state)
    rule = faults.add({"kind": "taken_address"})[0]["id"]
    pages.post(one.rpartition("/")[0], json={"name": NAME, "production_branch": "main"})
    faults.forget(rule)
    host = pages.get(one).json()["result"]["subdomain"]
    assert host.startswith(f"{NAME}-")
    assert len(host) == len(f"{NAME}-abc.pages.dev")


@pytest.mark.parametrize(
    ("state", "verified", "of_account", "reads", "writes"),
    [
        ("", (200, 0), (401, 1000), 200, 200),
        ("account", (401, 1000), (200, 0), 200, 200),
        ("expired", (200, 0), (401, 1000), 403, 403),
        ("disabled", (200, 0), (401, 1000), 403, 403),
        ("unknown", (401, 1000), (401, 1000), 403, 403),
        ("reader", (200, 0), (401, 1000), 200, 403),
        ("scopeless", (200, 0), (401, 1000), 403, 403),
    ],
)
def test_what_is_told_of_a_token_and_what_it_may_do(
    emulated: Emulated,
    pages: httpx.Client,
    state: str,
    verified: tuple[int, int],
    of_account: tuple[int, int],
    reads: int,
    writes: int,
) -> None:
    place = emulated.account("staging", NAME).rpartition("/")[0]
    account = place.removesuffix("/pages/projects")
    rules = FaultClient(emulated.state)
    if state:
        rules.add({"kind": "cloudflare_token", "code": state, "match": {"environment": "staging"}})
    try:
        found = pages.get("/user/tokens/verify")
        assert said(found) == verified
        assert said(pages.get(f"{account}/tokens/verify")) == of_account
        if verified[0] == 200:
            assert found.json()["result"]["status"] == (state if state in ("expired", "disabled") else "active")
        assert pages.get(place).status_code == reads
        assert pages.post(place, json={"name": NAME, "production_branch": "main"}).status_code == writes
    finally:
        rules.clear()


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "fly_token", "code": "disabled"},
        {"kind": "cloudflare_token"},
        {"kind": "fly_token", "code": "app", "match": {"path": "/v1"}},
    ],
)
def test_a_rule_for_tokens_that_says_nothing_is_refused(emulated: Emulated, rule: dict[str, object]) -> None:
    with pytest.raises(EmulatorError, match=r"(code|match) of"):
        FaultClient(emulated.state).add(rule)


def test_a_tokens_end_is_told(emulated: Emulated, pages: httpx.Client) -> None:
    with limited(emulated, "cloudflare_token", "reader", seconds=86400.0):
        assert "expires_on" in pages.get("/user/tokens/verify").json()["result"]
    assert "expires_on" not in pages.get("/user/tokens/verify").json()["result"]


def test_our_client_removes_a_project_of_many_deployments(emulated: Emulated, pages: httpx.Client) -> None:
    """Which the platform refuses to delete: first its deployments go, by pages, and all but the one that is served."""
    client = our_client(emulated)
    client.create_project("main")
    for number in range(3):
        branch = "main" if number < 2 else "preview"
        client.publish({"index.html": f"{number}".encode()}, sha="s", message=f"m {number}", branch=branch)
    rules = FaultClient(emulated.state)
    whole = {"method": "DELETE", "path": "projects/[^/]+$"}
    words = "Your project has too many deployments to be deleted"
    rules.add({"kind": "error_before", "status": 400, "code": "8000076", "text": words, "match": whole})
    one = {"method": "DELETE", "path": "/deployments/"}
    gone = rules.add({"kind": "delay", "seconds": 0, "times": None, "match": one})
    client.delete_project()
    assert rules.hits(gone[0]["id"]) == 2
    assert client.project_info() is None
    client.delete_project()  # once more: nothing to do
    client.close()


def our_client(emulated: Emulated) -> PagesClient:
    """Our own client, of staging's account."""
    tokens = emulated.tokens["staging"]
    account, token = Secret(tokens["CLOUDFLARE_ACCOUNT_ID"]), Secret(tokens["CLOUDFLARE_API_TOKEN"])
    return PagesClient(emulated.running.cloudflare_api, account, NAME, token)


@pytest.mark.parametrize(
    ("state", "status"), [("", "active"), ("account", "active"), ("expired", "expired"), ("unknown", "refused")]
)
def test_our_client_asks_about_a_token_wherever_it_belongs(
    emulated: Emulated, pages: httpx.Client, state: str, status: str
) -> None:
    client = our_client(emulated)
    with limited(emulated, "cloudflare_token", state) if state else contextlib.nullcontext():
        if status == "refused":
            with pytest.raises(Unauthorized):
                client.token_status()
        else:
            assert client.token_status()[0] == status
    client.close()
