"""Uploads to Pages over the wire: the token of an upload is short-lived, and one that expires is renewed once."""

from __future__ import annotations

import base64
import email
import json
import mimetypes
from collections import Counter
from typing import Any

import httpx
import pytest

from deploy.errors import UsageError
from deploy.platforms import pages
from deploy.platforms.errors import Forbidden, NotCanonical, PlatformError, Unauthorized
from deploy.platforms.http import Patience
from deploy.platforms.pages import PagesClient, cut_message
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


class Project:
    """A whole project: answers by the end of the path, each of `refusals` first, and keeps what it was sent."""

    def __init__(self, *refusals: tuple[str, int, int], branch: str = "main", claims: dict[str, object] | None = None):
        self.refusals = list(refusals)
        self.branch, self.claims = branch, claims or {}
        self.sent: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.types: dict[str, str] = {}
        self.canonical: list[dict[str, object] | None] = []
        """What the project serves, at each look; after these it is the last production deployment."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        end = request.url.path.rpartition("/")[2]
        self.sent.append(end)
        for refusal in self.refusals:
            if refusal[0] == end:
                self.refusals.remove(refusal)
                body = {"success": False, "errors": [{"code": refusal[2], "message": "said the platform"}]}
                return httpx.Response(refusal[1], json=body)
        return httpx.Response(200, json={"success": True, "errors": [], "result": self.result(end, request)})

    def result(self, end: str, request: httpx.Request) -> object:
        if end == "upload-token":
            claims = base64.urlsafe_b64encode(json.dumps(self.claims).encode()).decode().rstrip("=")
            return {"jwt": f"head.{claims}.{len(self.sent)}"}
        if end == "check-missing":
            return json.loads(request.read())["hashes"]
        if end == "upload":
            self.types |= {one["key"]: one["metadata"]["contentType"] for one in json.loads(request.read())}
        if end == "deployments":
            kind = request.headers["content-type"].encode()
            parts = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.read())
            found = {
                str(part.get_param("name", header="content-disposition")): bytes(part.get_payload(decode=True)).decode()
                for part in parts.walk()
                if not part.is_multipart()
            }
            self.forms.append(found)
        if end == "site":
            last = self.deployment()
            served = last if last and last["environment"] == "production" else None
            looked = self.canonical.pop(0) if self.canonical else served
            return {"production_branch": self.branch, "canonical_deployment": looked}
        return self.deployment() or {}

    def deployment(self) -> dict[str, object] | None:
        if not self.forms:
            return None
        form = self.forms[-1]
        return {
            "id": f"d{len(self.forms)}",
            "environment": "production" if form["branch"] == self.branch else "preview",
            "latest_stage": {"name": "deploy", "status": "success"},
            "deployment_trigger": {"metadata": {"commit_message": form["commit_message"]}},
        }

    def client(self) -> PagesClient:
        patience = Patience(attempts=1, first=0.01)
        return PagesClient(
            "http://cf", Secret("a"), "site", Secret("t"), patience=patience, transport=httpx.MockTransport(self)
        )

    def publish(self, files: dict[str, bytes] | None = None, message: str = "m sha256:1", **more: Any) -> list[str]:
        """Publish; what was told without being an error."""
        told: list[str] = []
        client = self.client()
        client.tell = told.append
        client.publish(files or {"index.html": b"x"}, sha="s", message=message, timeout=5, **more)
        return told


@pytest.mark.parametrize("branch", ["main", "master", "release/live"])
def test_the_projects_own_production_branch_is_published_to(branch: str) -> None:
    project = Project(branch=branch)
    project.publish()
    assert project.forms[0]["branch"] == branch


def test_a_publication_may_take_a_moment_to_be_served() -> None:
    project = Project()
    project.canonical = [None, {"id": "d0", "latest_stage": {}}, None]
    project.publish()
    assert project.canonical == []


@pytest.mark.parametrize("other", [None, {"id": "d9", "environment": "production", "latest_stage": {}}])
def test_a_publication_that_the_project_does_not_serve_is_an_error_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, other: dict[str, object] | None
) -> None:
    monkeypatch.setattr(pages, "CANONICAL_SECONDS", 0.0)
    project = Project()
    project.canonical = [None, *[other] * 9]
    with pytest.raises(NotCanonical, match=r"site serves (nothing|deployment d9).*production branch.*invoke resume"):
        project.publish()
    assert len(project.forms) == 1


def test_a_branch_that_was_asked_for_need_not_be_what_the_project_serves() -> None:
    project = Project()
    project.canonical = [None] * 9
    project.publish(branch="try-out")
    assert project.forms[0]["branch"] == "try-out"


def test_a_project_whose_branch_changes_in_between_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project()
    answer = project.result

    def changing(end: str, request: httpx.Request) -> object:
        if end == "deployments":
            project.branch = "other"
        return answer(end, request)

    monkeypatch.setattr(project, "result", changing)
    with pytest.raises(NotCanonical, match="of branch main is a preview deployment, and site serves nothing"):
        project.publish()


@pytest.mark.parametrize("status", [400, 401, 403, 500])
@pytest.mark.parametrize("end", ["check-missing", "upload", "upsert-hashes"])
def test_a_token_is_renewed_by_the_platforms_code_whatever_the_status(end: str, status: int) -> None:
    project = Project((end, status, 8000013))
    assert project.publish() == []
    assert (project.sent.count("upload-token"), project.sent.count(end)) == (2, 2)


def test_tokens_may_expire_again_and_again() -> None:
    project = Project(*[(end, 403, 8000013) for end in ("check-missing", "upload", "upsert-hashes")])
    project.publish()
    assert project.sent.count("upload-token") == 4


def test_a_request_that_is_refused_whatever_its_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(*[("upload", 403, 10000)] * 99)
    monkeypatch.setattr(pages, "BUCKET_FILES", 1)
    with pytest.raises(Forbidden, match="said the platform"):
        project.publish({f"{number}.txt": b"%d" % number for number in range(4)})
    assert project.sent.count("upload-token") < 30


@pytest.mark.parametrize(("status", "code"), [(500, 8000000), (400, 8000000)])
@pytest.mark.parametrize("end", ["deployments", "upload", "check-missing"])
def test_an_unknown_error_of_the_platforms_is_asked_for_again(end: str, status: int, code: int) -> None:
    project = Project(*[(end, status, code)] * 2)
    project.publish()
    assert project.sent.count(end) == 3


@pytest.mark.parametrize(("times", "code", "asked"), [(3, 8000000, 3), (1, 8000096, 1)])
def test_not_for_ever_and_not_for_other_errors(times: int, code: int, asked: int) -> None:
    project = Project(*[("deployments", 500, code)] * times)
    with pytest.raises(PlatformError, match="said the platform") as failed:
        project.publish()
    assert (project.sent.count("deployments"), failed.value.code) == (asked, str(code))


@pytest.mark.parametrize("code", [8000000, 1])
def test_hashes_that_could_not_be_kept_are_a_warning(code: int) -> None:
    project = Project(*[("upsert-hashes", 500, code)] * 3)
    (told,) = project.publish()
    assert "the next upload may send them again" in told
    assert len(project.forms) == 1


DIGEST = "sha256:" + "f" * 64


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        ("short " + DIGEST, "short " + DIGEST),
        ("x" * 312 + " " + DIGEST, "x" * 312 + " " + DIGEST),
        ("x" * 313 + " " + DIGEST, "x" * 312 + " " + DIGEST),
        ("ü" * 200 + " " + DIGEST, "ü" * 156 + " " + DIGEST),
        ("x" + "🙂" * 90 + " " + DIGEST, "x" + "🙂" * 77 + " " + DIGEST),
        ("日" * 200, "日" * 128),
        ("y" * 400, "y" * 384),
        ("a\n" * 128 + DIGEST, "a\r\n" * 104 + DIGEST),
        ("one\ntwo " + DIGEST, "one\r\ntwo " + DIGEST),
        ("z" * 379 + " ü" + "q" * 400, "z" * 379 + " üqq"),
    ],
)
def test_a_message_is_cut_to_whole_characters_and_its_last_word_stays(message: str, sent: str) -> None:
    cut = cut_message(message)
    assert (cut, len(cut.encode()) <= 384) == (sent, True)
    project = Project()
    project.publish(message=message)
    assert project.forms[0]["commit_message"] == sent


def test_a_file_above_the_limit_is_named_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FILE_LIMIT", 10)
    project = Project()
    with pytest.raises(UsageError, match=r"assets/big\.js has 11 bytes.*at most 10 a file; make it smaller"):
        project.publish({"index.html": b"x", "assets/big.js": b"x" * 11})
    assert project.sent == []


@pytest.mark.parametrize(
    ("claims", "files", "most"),
    [
        ({"max_file_count_allowed": 3}, 3, None),
        ({"max_file_count_allowed": 3}, 4, 3),
        ({"max_file_count_allowed": "many"}, 5, 4),
        ({}, 5, 4),
        ({"max_file_count_allowed": 100_000}, 5, None),
    ],
)
def test_more_files_than_the_plan_allows_are_refused_before_any_is_sent(
    monkeypatch: pytest.MonkeyPatch, claims: dict[str, object], files: int, most: int | None
) -> None:
    monkeypatch.setattr(pages, "FILES_LIMIT", 4)
    project = Project(claims=claims)
    content = {f"{number}.txt": b"%d" % number for number in range(files)} | {"_headers": b"/*"}
    if most is None:
        project.publish(content)
        return
    with pytest.raises(UsageError, match=rf"has {files} files.*allows {most} a deployment: {most}\.txt would be"):
        project.publish(content)
    assert "check-missing" not in project.sent


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("assets/main.0.js", "text/javascript; charset=utf-8"),
        ("assets/MAIN.CSS", "text/css; charset=utf-8"),
        ("favicon.svg", "image/svg+xml"),
        ("a.b/no-ending", "application/octet-stream"),
        ("program.py", "application/octet-stream"),
    ],
)
def test_types_are_our_own_table_s_whatever_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda *_: ("application/x-wrong", None))
    project = Project()
    project.publish({name: b"content"})
    assert list(project.types.values()) == [kind]
