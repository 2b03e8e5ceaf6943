"""Who may do what: tokens at the Machines API, the Pages API and the registry. Environments share nothing."""

from __future__ import annotations

import base64
from typing import Any

import docker
import httpx
import pytest
from docker.errors import APIError

from tests.deploy.emulator.support import IMAGE, Emulated


@pytest.fixture(scope="module")
def pushed(emulated: Emulated, image: str) -> str:
    """Both apps exist, each with the image; its digest."""
    emulated.push("production", "runner", image)
    return emulated.push("staging", "runner-staging", image)


def with_token(emulated: Emulated, authorization: str | None) -> httpx.Response:
    """Staging's app, asked for with this header."""
    headers = {} if authorization is None else {"Authorization": authorization}
    return httpx.get(f"{emulated.running.fly_api}/v1/apps/runner-staging", headers=headers, trust_env=False)


def test_the_machines_api_knows_its_tokens_by_either_scheme(emulated: Emulated, pushed: str) -> None:
    token = emulated.tokens["staging"]["FLY_API_TOKEN"]
    assert with_token(emulated, f"Bearer {token}").status_code == 200
    assert with_token(emulated, f"FlyV1 {token}").status_code == 200
    for wrong in (None, "", "Bearer", "Bearer wrong", f"Basic {token}", token, f"Bearer {token}x"):
        answer = with_token(emulated, wrong)
        assert answer.status_code == 401, wrong
        assert answer.json()["status"] == "unknown"
        assert answer.headers["fly-request-id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/machines"),
        ("POST", "/machines"),
        ("GET", "/secrets"),
        ("POST", "/secrets"),
    ],
)
def test_a_token_does_not_act_on_another_environments_app(
    emulated: Emulated, pushed: str, method: str, path: str
) -> None:
    with emulated.fly("staging") as fly:
        answer = fly.request(method, f"/apps/runner{path}", json={} if method == "POST" else None)
        assert answer.status_code == 403, answer.text
        assert fly.get("/apps/nobodys").status_code == 404
        assert fly.post("/apps", json={"name": "nobodys", "org_slug": "x"}).status_code == 403
        taken = fly.post("/apps", json={"name": "runner-staging", "org_slug": "staging"})
        assert (taken.status_code, taken.json()["status"]) == (422, "name_taken")
    with emulated.fly("production") as fly:
        assert fly.get("/apps/runner").json()["name"] == "runner"


def test_a_machine_runs_no_image_of_another_app(emulated: Emulated, staging: dict[str, Any], pushed: str) -> None:
    with emulated.fly("production") as fly:
        answer = fly.post("/apps/runner/machines", json={"config": staging})
        assert answer.status_code == 403, answer.text
        assert fly.get("/apps/runner/machines").json() == []


def registry(emulated: Emulated, environment: str | None, method: str, path: str) -> httpx.Response:
    """Ask the registry, with an environment's token or none."""
    auth = None if environment is None else ("x", emulated.tokens[environment]["FLY_API_TOKEN"])
    url = f"http://{emulated.running.registry}{path}"
    accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
    return httpx.request(method, url, auth=auth, headers=accept, trust_env=False)


def test_the_registry_lets_a_token_into_its_own_repository_only(emulated: Emulated, pushed: str) -> None:
    manifest = f"/v2/runner-staging/manifests/{pushed}"
    assert registry(emulated, "staging", "GET", manifest).headers["Docker-Content-Digest"] == pushed
    anonymous = registry(emulated, None, "GET", "/v2/")
    assert (anonymous.status_code, anonymous.headers["WWW-Authenticate"][:5]) == (401, "Basic")
    assert registry(emulated, None, "GET", manifest).status_code == 401
    assert registry(emulated, "production", "GET", manifest).status_code == 403
    assert registry(emulated, "production", "POST", "/v2/runner-staging/blobs/uploads/").status_code == 403
    stolen = f"/v2/runner/blobs/uploads/?mount={pushed}&from=runner-staging"
    assert registry(emulated, "production", "POST", stolen).status_code == 403
    assert registry(emulated, "staging", "POST", "/v2/nobodys/blobs/uploads/").status_code == 404
    assert registry(emulated, "staging", "DELETE", manifest).status_code == 405
    for listing in ("/v2/_catalog", "/v2/runner-staging/tags/list"):
        assert registry(emulated, "staging", "GET", listing).status_code == 404


def test_a_push_into_anothers_repository_is_denied(
    emulated: Emulated, engine: docker.DockerClient, pushed: str
) -> None:
    repository = f"{emulated.running.registry}/runner"
    engine.images.get(IMAGE).tag(repository, "stolen")
    login = {"username": "x", "password": emulated.tokens["staging"]["FLY_API_TOKEN"]}
    try:
        told = [line.get("error", "") for line in engine.api.push(repository, "stolen", True, login, True)]
    except APIError as error:
        told = [str(error)]
    assert any("denied" in text for text in told), told
    assert registry(emulated, "production", "GET", "/v2/runner/manifests/stolen").status_code == 404


def test_the_pages_api_binds_a_token_to_its_project_and_account(emulated: Emulated) -> None:
    own, other = (
        emulated.account("staging", "staging-frontend"),
        emulated.account("production", "production-frontend"),
    )
    with emulated.pages("staging") as pages:
        assert pages.get(own).json()["result"]["name"] == "staging-frontend"
        answer = pages.get(other)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, 10000)
        for path in (own.replace("staging-frontend", "production-frontend"), own.replace("staging-", "no-")):
            answer = pages.get(path)
            assert (answer.status_code, answer.json()["errors"][0]["code"]) == (404, 8000007), path
        for wrong in ("Bearer wrong", "", f"Basic {base64.b64encode(b'x:y').decode()}"):
            assert pages.get(own, headers={"Authorization": wrong}).status_code == 403
        # the API token is no upload token, and an upload token opens one project's assets only
        assert pages.post("/pages/assets/check-missing", json={"hashes": []}).status_code == 403
        jwt = pages.get(f"{own}/upload-token").json()["result"]["jwt"]
        ticket = {"Authorization": f"Bearer {jwt}"}
        assert pages.post("/pages/assets/check-missing", json={"hashes": []}, headers=ticket).status_code == 200
        assert pages.get(own, headers=ticket).status_code == 403


def test_secrets_are_private_files(emulated: Emulated) -> None:
    assert emulated.state.stat().st_mode & 0o777 == 0o700
    for name in ("tokens.json", "private.json", "state.json"):
        assert (emulated.state / name).stat().st_mode & 0o777 == 0o600
    secrets = [token for values in emulated.tokens.values() for token in values.values()]
    log = (emulated.state / "logs" / "emulator.log").read_text().splitlines()
    assert [line for line in log if any(token in line for token in secrets)] == []
