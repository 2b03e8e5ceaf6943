"""Cloudflare Pages by direct upload: sends only files that the platform lacks, so an old release is published fast."""

from __future__ import annotations

import base64
import json
import mimetypes
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import httpx
from blake3 import blake3

from deploy.errors import UsageError
from deploy.platforms.errors import Forbidden, Malformed, PlatformError, TimedOut, Unauthorized
from deploy.platforms.http import Patience, Sender, bearer, json_of
from deploy.settings.secrets import Secret

FILE_LIMIT = 25 * 1024 * 1024  # bytes
BUCKET_BYTES, BUCKET_FILES, AT_ONCE = 40 * 1024 * 1024, 2000, 3
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


def asset_hash(name: str, content: bytes) -> str:
    """The platform's name of a file: 32 hexadecimal digits over its base64 and its extension."""
    extension = PurePosixPath(name).suffix.removeprefix(".")
    return blake3(base64.b64encode(content) + extension.encode()).hexdigest()[:32]


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
        self._path = f"/accounts/{account.reveal()}/pages/projects/{project}"
        header = "cf-ray"
        self.sender = Sender(base_url, bearer(token), request_id_header=header, patience=patience, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self.sender.close()

    def publish(
        self, files: Mapping[str, bytes], *, branch: str, sha: str, message: str, timeout: float = 120
    ) -> PagesDeployment:
        """Publish `files` (path without leading slash → contents) and return when the platform serves them.

        Raises UsageError for a file above the platform's limit, PlatformError when publishing fails.
        """
        for name, content in files.items():
            if len(content) > FILE_LIMIT:
                raise UsageError(f"{name} has {len(content)} bytes; Cloudflare Pages takes at most {FILE_LIMIT} a file")
        assets = {name: content for name, content in files.items() if name not in SPECIAL}
        hashes = {name: asset_hash(name, content) for name, content in assets.items()}
        self._upload(assets, hashes)
        form: list[tuple[str, Any]] = [
            ("manifest", (None, json.dumps({f"/{name}": digest for name, digest in sorted(hashes.items())}))),
            ("branch", (None, branch)),
            ("commit_hash", (None, sha)),
            ("commit_message", (None, message)),
            ("commit_dirty", (None, "false")),
        ]
        form += [(name, (name, content)) for name, content in files.items() if name in SPECIAL]
        asked = f"publish {len(files)} files to {self.project}"
        created = self._result(self.sender.send("POST", f"{self._path}/deployments", asked=asked, files=form), asked)
        return self._settled(created["id"], timeout)

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
        upload = _Upload(self.sender, self._upload_token, asked)
        wanted = sorted(set(hashes.values()))
        missing = set(self._result(upload.post("check-missing", {"hashes": wanted}), asked))
        by_hash = {digest: name for name, digest in hashes.items() if digest in missing}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            buckets = _buckets({digest: (name, assets[name]) for digest, name in by_hash.items()})
            list(pool.map(lambda bucket: upload.post("upload", bucket), buckets))
        upload.post("upsert-hashes", {"hashes": wanted})

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

    def __init__(self, sender: Sender, token: Callable[[], str], asked: str) -> None:
        self._sender, self._renew, self._asked = sender, token, asked
        self._token = token()
        self._lock = threading.Lock()

    def post(self, path: str, body: Any) -> httpx.Response:
        """Send one request; an asset is named by its contents, so sending it twice does no harm.

        Raises what the platform answers; Unauthorized or Forbidden only when a new token is refused as well.
        """
        token = self._token
        try:
            return self._send(path, body, token)
        except (Unauthorized, Forbidden):
            with self._lock:  # of the requests that failed together, one asks for a new token
                if self._token == token:
                    self._token = self._renew()
            return self._send(path, body, self._token)

    def _send(self, path: str, body: Any, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"/pages/assets/{path}"
        return self._sender.send("POST", url, json=body, headers=headers, asked=self._asked, idempotent=True)


def _buckets(files: Mapping[str, tuple[str, bytes]]) -> list[list[dict[str, Any]]]:
    buckets: list[list[dict[str, Any]]] = []
    size = BUCKET_BYTES
    for digest, (name, content) in files.items():
        value = base64.b64encode(content).decode()
        if size + len(value) > BUCKET_BYTES or len(buckets[-1]) >= BUCKET_FILES:
            buckets.append([])
            size = 0
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        buckets[-1].append({"key": digest, "value": value, "metadata": {"contentType": kind}, "base64": True})
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
