"""Cloudflare Pages by direct upload: sends only files that the platform lacks, so an old release is published fast.

It does what the provider's own client does where the platform fails: an upload token that expired is renewed, an answer
that says "unknown error" is asked for again, and a failed `upsert-hashes` costs the next upload time and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from deploy.errors import UsageError
from deploy.platforms.errors import (
    Forbidden,
    Malformed,
    NotCanonical,
    NotFound,
    PlatformError,
    TimedOut,
    Unauthorized,
)
from deploy.platforms.http import Patience, Sender, bearer, json_of
from deploy.settings.secrets import Secret

if TYPE_CHECKING:
    import httpx


FILE_LIMIT = 25 * 1024 * 1024  # bytes
FILES_LIMIT = 20_000
"""Files of a deployment, where the upload token does not say how many the account's plan allows."""
MESSAGE_LIMIT = 384  # bytes; the platform cuts what is longer, and refuses what is no text then
BUCKET_BYTES, BUCKET_FILES, AT_ONCE = 40 * 1024 * 1024, 2000, 3
TOO_MANY_DEPLOYMENTS = "8000076"
UNKNOWN, EXPIRED = "8000000", "8000013"
"""The platform's codes for an error of its own that passes, and for an upload token that is no longer good."""
TRIES, RENEWALS = 3, 5
CANONICAL_SECONDS = 15.0
"""How long a publication that succeeded may take to become the one that the project serves."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gif": "image/gif",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""What each file is served as: the platform serves the type that it was uploaded with. A table of our own, since a
host's differs from machine to machine, and what the browser does with a file depends on it."""
SPECIAL = frozenset({"_headers", "_redirects", "_routes.json", "_worker.js"})


@dataclass(frozen=True)
class PagesDeployment:
    """A published deployment."""

    id: str
    url: str
    environment: str
    commit_sha: str
    message: str
    succeeded: bool


@dataclass(frozen=True)
class ProjectInfo:
    """A project's production branch, and the host names that serve it, its own first."""

    production_branch: str
    hosts: tuple[str, ...]


def asset_hash(name: str, content: bytes) -> str:
    """The platform's name of a file: 32 hexadecimal digits over its base64 and its extension."""
    extension = PurePosixPath(name).suffix.removeprefix(".")
    return blake3(base64.b64encode(content) + extension.encode()).hexdigest()[:32]


def content_type(name: str) -> str:
    """What a file is served as, by the ending of its name; what no ending tells is nothing that a browser shows."""
    return TYPES.get(PurePosixPath(name).suffix.lower(), "application/octet-stream")


class PagesClient:
    """Publishes directories to one project; `base_url` ends before `/accounts`."""

    def __init__(
        self,
        base_url: str,
        account: Secret,
        project: str,
        token: Secret,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.project = project
        self.pause = patience.first
        self.tell: Callable[[str], None] = lambda _: None
        """Told what went wrong without being an error."""
        self._path = f"/accounts/{account.reveal()}/pages/projects/{project}"
        header = "cf-ray"
        self.sender = Sender(base_url, bearer(token), request_id_header=header, patience=patience, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self.sender.close()

    def publish(
        self,
        files: Mapping[str, bytes],
        *,
        sha: str,
        message: str,
        timeout: float = 120,
        branch: str | None = None,
    ) -> PagesDeployment:
        """Publish `files` (path without leading slash → contents) and return when they are served.

        `branch` None stands for the project's own production branch: then it is the project that serves them. Of a
        `message` that is too long for the platform the middle is left out, never its last word. Raises UsageError,
        naming the file, for what is above the platform's limits, before any file is sent; NotCanonical when what was
        published is not what the project serves; PlatformError when publishing fails.
        """
        for name, content in files.items():
            if len(content) > FILE_LIMIT:
                raise UsageError(
                    f"{name} has {len(content)} bytes, and Cloudflare Pages takes at most {FILE_LIMIT} a file; make it "
                    "smaller"
                )
        production = branch is None
        branch = branch or self.production_branch()
        assets = {name: content for name, content in files.items() if name not in SPECIAL}
        hashes = {name: asset_hash(name, content) for name, content in assets.items()}
        self._upload(assets, hashes)
        form: list[tuple[str, Any]] = [
            ("manifest", (None, json.dumps({f"/{name}": digest for name, digest in sorted(hashes.items())}))),
            ("branch", (None, branch)),
            ("commit_hash", (None, sha)),
            ("commit_message", (None, cut_message(message))),
            ("commit_dirty", (None, "false")),
        ]
        form += [(name, (name, content)) for name, content in files.items() if name in SPECIAL]
        asked = f"publish {len(files)} files to {self.project}"
        made = _again(
            lambda: self.sender.send("POST", f"{self._path}/deployments", asked=asked, files=form), self.pause
        )
        deployment = self._settled(self._result(made, asked)["id"], timeout)
        if production:
            self._require_canonical(deployment, branch, asked)
        return deployment

    def production_branch(self) -> str:
        """The branch whose publications the project's own address serves: a setting of the project."""
        asked = f"read the production branch of {self.project}"
        project = self._result(self.sender.send("GET", self._path, asked=asked), asked)
        branch = project.get("production_branch")
        if not isinstance(branch, str) or not branch:
            raise Malformed(asked, 200, "the project has no production_branch")
        return branch

    def project_info(self) -> ProjectInfo | None:
        """The project as the account has it; None where it has none of that name."""
        asked = f"look at Pages project {self.project}"
        try:
            found = self._result(self.sender.send("GET", self._path, asked=asked), asked)
        except NotFound:
            return None
        hosts = [found.get("subdomain"), *(found.get("domains") or ())]
        return ProjectInfo(str(found.get("production_branch") or ""), tuple(str(host) for host in hosts if host))

    def may_read(self) -> bool:
        """Whether the token may list the account's projects."""
        place = self._path.rpartition("/")[0]
        try:
            self.sender.send("GET", place, asked="list the account's Pages projects")
        except PlatformError as refused:  # 403 for a permission that lacks, 400 or 404 for what is no account
            if refused.refusal:
                return False
            raise
        return True

    def create_project(self, branch: str) -> None:
        """Create the project; `branch` is the one whose publications its own address serves."""
        place, asked = self._path.rpartition("/")[0], f"create Pages project {self.project}"
        body = {"name": self.project, "production_branch": branch}
        self._result(self.sender.send("POST", place, json=body, asked=asked), asked)

    def delete_project(self) -> None:
        """Remove the project with all that it published; one that is gone already is fine.

        The platform refuses a project of very many deployments: then these are removed first, the oldest and all.
        """
        asked = f"remove Pages project {self.project}"
        try:
            self.sender.send("DELETE", self._path, asked=asked)
        except NotFound:
            return
        except PlatformError as failed:
            if failed.code != TOO_MANY_DEPLOYMENTS:
                raise
            self._delete_deployments()
            with contextlib.suppress(NotFound):
                self.sender.send("DELETE", self._path, asked=asked)

    def _delete_deployments(self) -> None:
        """Remove all deployments but the one that is served, which goes with the project."""
        served = self.current()
        kept = {served.id} if served else set()
        asked = f"remove the deployments of {self.project}"
        while left := [one for one in self._page() if one not in kept]:
            for one in left:
                path = f"{self._path}/deployments/{one}"
                try:
                    self.sender.send("DELETE", path, params={"force": "true"}, asked=asked)
                except NotFound:
                    pass
                except PlatformError as failed:
                    if not failed.refusal or isinstance(failed, (Forbidden, Unauthorized)):
                        raise
                    kept.add(one)  # one that the platform keeps, whatever for, must not stop the others

    def _page(self) -> list[str]:
        """The ids of the newest deployments, of production and previews: as many as the platform lists at once."""
        asked = f"list deployments of {self.project}"
        found = self._result(self.sender.send("GET", f"{self._path}/deployments", asked=asked), asked)
        return [str(each["id"]) for each in found if isinstance(each, dict) and "id" in each]

    def token_status(self) -> tuple[str, str]:
        """The token's status (`active`, `disabled`, `expired`) and when it ends (ISO 8601), "" for never.

        A person's token is asked about in one place, one that belongs to the account in another: each refuses the
        other's. Raises PlatformError when both do.
        """
        asked = "ask whether the token is valid"
        try:
            found = self._result(self.sender.send("GET", "/user/tokens/verify", asked=asked), asked)
        except PlatformError as refused:
            if not refused.refusal:
                raise
            place = f"{self._path.partition('/pages/')[0]}/tokens/verify"
            found = self._result(self.sender.send("GET", place, asked=asked), asked)
        return str(found.get("status") or ""), str(found.get("expires_on") or "")

    def _require_canonical(self, made: PagesDeployment, branch: str, asked: str) -> None:
        """Wait until the project serves `made`, or another publication of the same message; else NotCanonical."""
        deadline = time.monotonic() + CANONICAL_SECONDS
        while True:
            current = self.current()
            if current is not None and _alike(current, made):
                return
            if made.environment == "preview" or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        served = f"deployment {current.id}" if current else "nothing"
        detail = f"deployment {made.id} of branch {branch} is a {made.environment or 'production'} deployment, and "
        raise NotCanonical(asked, 200, f"{detail}{self.project} serves {served}")

    def deployments(self, environment: str = "production") -> list[PagesDeployment]:
        """The project's deployments, newest first."""
        asked = f"list deployments of {self.project}"
        response = self.sender.send("GET", f"{self._path}/deployments", params={"env": environment}, asked=asked)
        return [_deployment(item) for item in self._result(response, asked)]

    def current(self) -> PagesDeployment | None:
        """The deployment that the project's own address serves now; None before the first publication."""
        asked = f"look at {self.project}"
        project = self._result(self.sender.send("GET", self._path, asked=asked), asked)
        item = project.get("canonical_deployment")
        return _deployment(item) if item else None

    def rollback(self, deployment: PagesDeployment) -> bool:
        """Serve an earlier deployment again; False if the platform refuses, so that it must be published again."""
        asked = f"go back to deployment {deployment.id} of {self.project}"
        path = f"{self._path}/deployments/{deployment.id}/rollback"
        refusals = frozenset({400, 404, 405, 409})
        answer = self.sender.send("POST", path, asked=asked, idempotent=True, accept=refusals)
        if answer.status_code in refusals:
            return False
        current = self.current()
        return current is not None and current.message == deployment.message

    def _upload(self, assets: Mapping[str, bytes], hashes: Mapping[str, str]) -> None:
        asked = f"upload files to {self.project}"
        upload = _Upload(self.sender, self._upload_token, asked, self.pause)
        if len(assets) > upload.most_files:
            first = list(assets)[upload.most_files]
            raise UsageError(
                f"the page has {len(assets)} files, and the plan of {self.project} allows {upload.most_files} a "
                f"deployment: {first} would be the first too many. Publish fewer files, or change the plan"
            )
        wanted = sorted(set(hashes.values()))
        missing = set(self._result(upload.post("check-missing", {"hashes": wanted}), asked))
        by_hash = {digest: name for name, digest in hashes.items() if digest in missing}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            buckets = _buckets({digest: (name, assets[name]) for digest, name in by_hash.items()})
            list(pool.map(lambda bucket: upload.post("upload", bucket), buckets))
        try:
            upload.post("upsert-hashes", {"hashes": wanted})
        except PlatformError as failed:
            self.tell(f"the files are uploaded, but the next upload may send them again: {failed}")

    def _upload_token(self) -> str:
        asked = f"begin an upload to {self.project}"
        result = self._result(self.sender.send("GET", f"{self._path}/upload-token", asked=asked), asked)
        return str(result["jwt"])

    def _settled(self, deployment: str, timeout: float) -> PagesDeployment:
        asked = f"see deployment {deployment} of {self.project} served"
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            item = self._result(self.sender.send("GET", f"{self._path}/deployments/{deployment}", asked=asked), asked)
            stage = item.get("latest_stage") or {}
            if stage.get("status") == "failure":
                raise PlatformError(asked, 200, f"stage {stage.get('name')} failed")
            if (stage.get("name"), stage.get("status")) == ("deploy", "success"):
                return _deployment(item)
            time.sleep(0.25)
        raise TimedOut(asked, 408, f"not served after {timeout:.0f} s")

    def _result(self, response: httpx.Response, asked: str) -> Any:
        body = json_of(response, asked)
        if not isinstance(body, dict) or not body.get("success") or "result" not in body:
            raise Malformed(asked, response.status_code, "the answer does not report success")
        return body["result"]


class _Upload:
    """Requests of one upload, which carry a token of its own. It is short-lived: one that expires is renewed."""

    def __init__(self, sender: Sender, token: Callable[[], str], asked: str, pause: float) -> None:
        self._sender, self._renew, self._asked, self._pause = sender, token, asked, pause
        self._token = token()
        self._good: set[str] = set()
        self._lock = threading.Lock()

    @property
    def most_files(self) -> int:
        """How many files a deployment may have, as the token says."""
        claimed = _claims(self._token).get("max_file_count_allowed")
        return claimed if isinstance(claimed, int) and not isinstance(claimed, bool) else FILES_LIMIT

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send one request; an asset is named by its contents, so sending it twice does no harm.

        Raises what the platform answers; that a token is refused only when it never was good, or again and again.
        """
        for renewals in itertools.count():
            token = self._token
            try:
                answer = self._send(path, body, token)
            except PlatformError as failed:
                refused = isinstance(failed, (Unauthorized, Forbidden)) or failed.code == EXPIRED
                if not refused or renewals == RENEWALS or (renewals and token not in self._good):
                    raise
            else:
                self._good.add(token)
                return answer
            with self._lock:  # of the requests that failed together, one asks for a new token
                if self._token == token:
                    self._token = self._renew()
        raise AssertionError("the last try returns or raises")

    def _send(self, path: str, body: Any, token: str) -> httpx.Response:
        url, headers = f"/pages/assets/{path}", {"Authorization": f"Bearer {token}"}
        asked, send = self._asked, self._sender.send
        return _again(lambda: send("POST", url, json=body, headers=headers, asked=asked, idempotent=True), self._pause)


def _again(send: Callable[[], httpx.Response], pause: float) -> httpx.Response:
    """Send, and again where the platform says that it failed for a reason unknown to it. `pause` in seconds doubles."""
    for attempt in range(TRIES):
        try:
            return send()
        except PlatformError as failed:
            if failed.code != UNKNOWN or attempt == TRIES - 1:
                raise
            time.sleep(pause * 2 ** (attempt + 1))
    raise AssertionError("the last try returns or raises")


def _claims(token: str) -> dict[str, Any]:
    """What a JSON web token says, unverified: it is the platform's to verify. Empty for what is none."""
    body = token.partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def cut_message(message: str) -> str:
    """`message` in as many bytes as the platform takes, of whole characters; its last word always whole.

    Line breaks are two bytes, as the platform makes them.
    """
    text = re.sub(r"\r?\n", "\r\n", message)
    if len(text.encode()) <= MESSAGE_LIMIT:
        return text
    end = re.search(r"\s+\S+$", text)
    if end is None or len(end[0].encode()) > MESSAGE_LIMIT:
        return _cut(text, MESSAGE_LIMIT)
    return _cut(text[: end.start()], MESSAGE_LIMIT - len(end[0].encode())).rstrip() + end[0]


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


def _alike(one: PagesDeployment, other: PagesDeployment) -> bool:
    return one.id == other.id or (one.message == other.message and one.message != "")


def _buckets(files: Mapping[str, tuple[str, bytes]]) -> list[list[dict[str, Any]]]:
    buckets: list[list[dict[str, Any]]] = []
    size = BUCKET_BYTES
    for digest, (name, content) in files.items():
        value = base64.b64encode(content).decode()
        if size + len(value) > BUCKET_BYTES or len(buckets[-1]) >= BUCKET_FILES:
            buckets.append([])
            size = 0
        metadata = {"contentType": content_type(name)}
        buckets[-1].append({"key": digest, "value": value, "metadata": metadata, "base64": True})
        size += len(value)
    return buckets


def _deployment(item: Any) -> PagesDeployment:
    metadata = (item.get("deployment_trigger") or {}).get("metadata") or {}
    stage = item.get("latest_stage") or {}
    return PagesDeployment(
        id=item["id"],
        url=item.get("url", ""),
        environment=item.get("environment", ""),
        commit_sha=metadata.get("commit_hash", ""),
        message=metadata.get("commit_message", ""),
        succeeded=(stage.get("name"), stage.get("status")) == ("deploy", "success"),
    )
