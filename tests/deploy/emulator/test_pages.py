"""Publishing through the Pages API, and what the edge then serves."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from deploy.emulator.faults import FaultClient
from deploy.platforms.errors import NotCanonical
from deploy.platforms.pages import PagesClient
from deploy.settings.secrets import Secret
from tests.deploy.emulator.support import Emulated, asset_name, until

HOST = "staging-frontend.pages.dev"
PROJECT = "staging-frontend"


class Publisher:
    """Direct upload as a client does it, step by step."""

    def __init__(self, emulated: Emulated) -> None:
        self.pages, self.project = emulated.pages("staging"), emulated.account("staging", PROJECT)

    def ticket(self) -> dict[str, str]:
        """The header of an upload token."""
        jwt = self.pages.get(f"{self.project}/upload-token").json()["result"]["jwt"]
        return {"Authorization": f"Bearer {jwt}"}

    def missing(self, names: list[str]) -> list[str]:
        """Which of these assets were never uploaded."""
        body = {"hashes": names}
        return list(self.pages.post("/pages/assets/check-missing", json=body, headers=self.ticket()).json()["result"])

    def upload(self, files: dict[str, bytes]) -> httpx.Response:
        """Upload files as assets."""
        payload = [
            {
                "key": asset_name(content, path),
                "value": base64.b64encode(content).decode(),
                "metadata": {"contentType": "text/plain"},
                "base64": True,
            }
            for path, content in files.items()
        ]
        return self.pages.post("/pages/assets/upload", json=payload, headers=self.ticket())

    def deploy(self, files: dict[str, bytes], *, branch: str = "main", **parts: str) -> dict[str, Any]:
        """Create a deployment and wait for its end."""
        manifest = json.dumps({path: asset_name(content, path) for path, content in files.items()})
        form = {"manifest": (None, manifest), "branch": (None, branch), "commit_hash": (None, "abc")}
        form |= {name: (None, text) for name, text in parts.items()}
        made = self.pages.post(f"{self.project}/deployments", files=form).json()["result"]
        path = f"{self.project}/deployments/{made['id']}"
        assert until(lambda: self.pages.get(path).json()["result"]["latest_stage"]["status"] != "active")
        return dict(self.pages.get(path).json()["result"])

    def publish(self, files: dict[str, bytes], *, branch: str = "main", **parts: str) -> dict[str, Any]:
        """Upload and deploy; the deployment, which must have succeeded."""
        assert self.upload(files).status_code == 200
        deployment = self.deploy(files, branch=branch, **parts)
        assert deployment["latest_stage"] | {"name": "deploy", "status": "success"} == deployment["latest_stage"]
        return deployment


@pytest.fixture
def publisher(emulated: Emulated) -> Any:
    """A publisher to staging's project."""
    found = Publisher(emulated)
    yield found
    found.pages.close()


@pytest.fixture
def faults(emulated: Emulated) -> Iterator[FaultClient]:
    """Faults of this emulator, forgotten after the test."""
    client = FaultClient(emulated.state)
    yield client
    client.clear()


def page(text: str) -> dict[str, bytes]:
    """A site of two files."""
    return {"/index.html": f"<p>{text}</p>".encode(), "/app.js": f"// {text}".encode()}


def test_a_deployment_is_served_once_it_says_success(emulated: Emulated, publisher: Publisher) -> None:
    files = page("first")
    names = [asset_name(content, path) for path, content in files.items()]
    assert sorted(publisher.missing(names)) == sorted(names)
    deployment = publisher.publish(files)
    assert publisher.missing(names) == []
    assert deployment["environment"] == "production"
    assert deployment["deployment_trigger"]["metadata"]["commit_hash"] == "abc"
    index = emulated.edge(HOST, "/")
    assert index.content == files["/index.html"]
    assert index.headers["cache-control"] == "public, max-age=0, must-revalidate"
    script = emulated.edge(HOST, "/app.js")
    assert (script.content, script.headers["content-type"]) == (files["/app.js"], "text/plain")  # as it was uploaded
    known = emulated.edge(HOST, "/app.js", headers={"If-None-Match": script.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = emulated.edge(HOST, "/app.js", method="HEAD")
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(script.content)), b"")
    assert emulated.edge(HOST, "/missing").content == files["/index.html"]  # no 404.html: a single-page app
    assert emulated.edge(HOST, "/", method="POST").status_code == 405
    project = publisher.pages.get(publisher.project).json()["result"]
    assert project["canonical_deployment"]["id"] == deployment["id"]


def test_headers_and_redirects_apply_to_their_paths(emulated: Emulated, publisher: Publisher) -> None:
    headers = "/app.js\n  Cache-Control: public, max-age=31536000, immutable\n/*\n  X-Who: staging\n"
    publisher.publish(page("rules"), _headers=headers, _redirects="/old/* /new/:splat 301\n")
    script, index = emulated.edge(HOST, "/app.js"), emulated.edge(HOST, "/")
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert index.headers["cache-control"] == "public, max-age=0, must-revalidate"
    assert (script.headers["x-who"], index.headers["x-who"]) == ("staging", "staging")
    moved = emulated.edge(HOST, "/old/a/b")
    assert (moved.status_code, moved.headers["location"]) == (301, "/new/a/b")


def test_a_preview_is_not_served_by_the_projects_host(emulated: Emulated, publisher: Publisher) -> None:
    publisher.publish(page("live"))
    preview = publisher.publish(page("draft"), branch="feature")
    assert preview["environment"] == "preview"
    assert b"live" in emulated.edge(HOST, "/").content
    listed = publisher.pages.get(f"{publisher.project}/deployments", params={"env": "preview"}).json()
    assert [one["id"] for one in listed["result"]] == [preview["id"]]
    assert publisher.pages.post(f"{publisher.project}/deployments/{preview['id']}/rollback").status_code == 400


def test_rollback_serves_an_earlier_deployment_again(emulated: Emulated, publisher: Publisher) -> None:
    earlier = publisher.publish(page("earlier"))
    publisher.publish(page("later"))
    assert b"later" in emulated.edge(HOST, "/").content
    assert publisher.pages.post(f"{publisher.project}/deployments/{earlier['id']}/rollback").status_code == 200
    assert b"earlier" in emulated.edge(HOST, "/").content


def test_what_cannot_be_deployed_fails_and_leaves_what_was_served(emulated: Emulated, publisher: Publisher) -> None:
    publisher.publish(page("good"))
    never_uploaded = publisher.deploy({"/index.html": b"never uploaded"})
    outside = publisher.deploy({"/../index.html": page("good")["/index.html"]})
    for failed in (never_uploaded, outside):
        assert failed["latest_stage"]["status"] == "failure"
    assert b"good" in emulated.edge(HOST, "/").content


def test_rules_that_cannot_be_read_are_ignored_and_told(emulated: Emulated, publisher: Publisher) -> None:
    headers = "  X-Nothing: no path before\n/app.js\n  X-Who: staging\n"
    deployment = publisher.publish(page("mostly good"), _headers=headers, _redirects="/only-one\n/old /app.js\n")
    assert emulated.edge(HOST, "/app.js").headers["x-who"] == "staging"
    assert emulated.edge(HOST, "/old").headers["location"] == "/app.js"
    said = (emulated.state / "logs" / "emulator.log").read_text()
    told = [line for line in said.splitlines() if deployment["id"] in line]
    assert ["_headers:1" in told[0], "_redirects:1" in told[1]] == [True, True]


def test_what_is_missing_is_the_nearest_404_page_and_clean_addresses_are_led_to(
    emulated: Emulated, publisher: Publisher
) -> None:
    files = {"/404.html": b"lost", "/docs/404.html": b"lost in docs", "/docs/a.html": b"a", "/index.html": b"home"}
    publisher.publish(files)
    for path, status, content in (
        ("/no/such", 404, b"lost"),
        ("/docs/no", 404, b"lost in docs"),
        ("/docs/a", 200, b"a"),
    ):
        found = emulated.edge(HOST, path)
        assert (found.status_code, found.content) == (status, content)
    for path, leads in (
        ("/docs/a.html", "/docs/a"),
        ("/index.html?q", "/?q"),
        ("/index", "/"),
        ("/docs/a/", "/docs/a"),
    ):
        moved = emulated.edge(HOST, path)
        assert (moved.status_code, moved.headers["location"]) == (308, leads)


def test_files_of_the_deployment_before_may_be_served_for_a_while(
    emulated: Emulated, publisher: Publisher, faults: FaultClient
) -> None:
    before = {"/404.html": b"lost", "/before.js": b"before", "/nobody-asked.js": b"nobody"}
    publisher.publish(before)
    assert emulated.edge(HOST, "/before.js").status_code == 200
    publisher.publish({"/404.html": b"lost", "/after.js": b"after"})
    kept = emulated.edge(HOST, "/before.js")
    assert (kept.content, kept.headers["cache-control"]) == (b"before", "public, s-maxage=604800")
    assert emulated.edge(HOST, "/nobody-asked.js").status_code == 404
    faults.add({"kind": "cold_cache", "match": {"environment": "staging"}, "times": None})
    assert emulated.edge(HOST, "/before.js").status_code == 404


def test_a_message_is_kept_as_bytes_and_refused_when_they_are_no_text(publisher: Publisher) -> None:
    publisher.publish(page("words"))

    def asked(message: str) -> httpx.Response:
        manifest = json.dumps({path: asset_name(content, path) for path, content in page("words").items()})
        form = {"manifest": (None, manifest), "branch": (None, "main"), "commit_message": (None, message)}
        return publisher.pages.post(f"{publisher.project}/deployments", files=form)

    whole = asked("a\n" + "ü" * 190)
    assert whole.json()["result"]["deployment_trigger"]["metadata"]["commit_message"] == "a\r\n" + "ü" * 190
    for message in ("x" + "ü" * 300, "a\n" + "ü" * 191):
        refused = asked(message)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (400, 8000111)


def test_our_client_publishes_to_the_projects_own_branch_and_tells_when_it_is_not_served(
    emulated: Emulated, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = emulated.tokens["staging"]
    client = PagesClient(
        emulated.running.cloudflare_api,
        Secret(tokens["CLOUDFLARE_ACCOUNT_ID"]),
        PROJECT,
        Secret(tokens["CLOUDFLARE_API_TOKEN"]),
    )
    try:
        assert publisher.pages.patch(publisher.project, json={"production_branch": "live"}).status_code == 200
        made = client.publish({"index.html": b"ours", "404.html": b"lost"}, sha="s", message="m sha256:1")
        assert made.environment == "production"
        assert emulated.edge(HOST, "/").content == b"ours"
        assert emulated.edge(HOST, "/").headers["content-type"] == "text/html; charset=utf-8"
        monkeypatch.setattr(client, "production_branch", lambda: "main")  # as it was when it was read
        with pytest.raises(NotCanonical, match="of branch main is a preview deployment"):
            client.publish({"index.html": b"not served"}, sha="s", message="m sha256:2")
        assert emulated.edge(HOST, "/").content == b"ours"
    finally:
        publisher.pages.patch(publisher.project, json={"production_branch": "main"})
        client.close()


def test_uploads_are_checked(publisher: Publisher) -> None:
    name = asset_name(b"x", "/x.txt")
    good = {"key": name, "value": "eA==", "metadata": {"contentType": "text/plain"}, "base64": True}
    for wrong in (good | {"value": "?"}, good | {"key": "short"}, good | {"base64": False}, good | {"metadata": {}}):
        answer = publisher.pages.post("/pages/assets/upload", json=[wrong], headers=publisher.ticket())
        assert answer.status_code == 400
        assert answer.json()["success"] is False
    body = {"hashes": ["f" * 32]}
    answer = publisher.pages.post("/pages/assets/upsert-hashes", json=body, headers=publisher.ticket())
    assert answer.status_code == 400


def test_a_file_under_anothers_name_is_not_served(publisher: Publisher) -> None:
    stolen = asset_name(b"wanted", "/a.txt")
    payload = [{"key": stolen, "value": "eA==", "metadata": {"contentType": "text/plain"}, "base64": True}]
    assert publisher.pages.post("/pages/assets/upload", json=payload, headers=publisher.ticket()).status_code == 200
    deployment = publisher.deploy({"/a.txt": b"wanted"})
    assert deployment["latest_stage"]["status"] == "failure"


def test_a_paid_plan_takes_more_files(publisher: Publisher, faults: FaultClient) -> None:
    files = {f"/{number // 1000}/{number}.txt": b"the same" for number in range(20_001)}

    def allowed() -> int:
        claims = publisher.ticket()["Authorization"].split(".")[1]
        return int(json.loads(base64.urlsafe_b64decode(claims + "=="))["max_file_count_allowed"])

    assert publisher.upload({"/0.txt": b"the same"}).status_code == 200
    assert allowed() == 20_000
    assert publisher.deploy(files)["latest_stage"]["status"] == "failure"
    faults.add({"kind": "paid"})
    assert allowed() == 100_000
    assert publisher.deploy(files)["latest_stage"]["status"] == "success"
