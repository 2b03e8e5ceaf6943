"""The image registry (OCI distribution): push, copy and read manifests and blobs by digest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from deploy.lazy import lazy
from deploy.platforms.errors import Malformed, PlatformError
from deploy.platforms.http import Patience, Sender, fly_tokens, json_of
from deploy.settings.secrets import Secret

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy("httpx")  # slow to import, and verbs that only build or show need it not


MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ACCEPTED = ", ".join((MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"))
CHUNK = 1 << 20

BlobSource = Callable[[], Iterable[bytes]]


class RegistryClient:
    """One repository with its token. Fly's registry takes the user `x` with the app's token as password."""

    def __init__(
        self,
        host: str,
        repository: str,
        token: Secret,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.host, self.repository = host, repository
        scheme = "http" if host.partition(":")[0] in ("127.0.0.1", "localhost") else "https"
        self._token = token
        self._bearer: str | None = None
        self._sender = Sender(f"{scheme}://{host}", self._authorization, patience=patience, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def reference(self, digest: str) -> str:
        """How a machine names the image."""
        return f"{self.host}/{self.repository}@{digest}"

    def manifest(self, reference: str) -> tuple[str, dict[str, Any], bytes]:
        """Digest, parsed manifest and its exact bytes, for a tag or digest (checked, else Malformed)."""
        asked = f"read image {self.repository}:{reference}"
        response = self._send("GET", f"/manifests/{reference}", asked, headers={"Accept": ACCEPTED})
        digest = "sha256:" + hashlib.sha256(response.content).hexdigest()
        if reference.startswith("sha256:") and reference != digest:
            raise Malformed(asked, response.status_code, f"the registry answered with {digest}")
        return digest, json_of(response, asked), response.content

    def has_manifest(self, reference: str) -> bool:
        """Whether the repository holds this tag or digest."""
        asked = f"look for image {self.repository}:{reference}"
        response = self._send(
            "HEAD", f"/manifests/{reference}", asked, headers={"Accept": ACCEPTED}, accept=frozenset({404})
        )
        return response.is_success

    def blob(self, digest: str) -> Iterator[bytes]:
        """The blob's bytes as they come; raises Malformed at the end when they do not match the digest."""
        asked = f"read blob {digest[:19]} of {self.repository}"
        seen = hashlib.sha256()
        self._send("HEAD", f"/blobs/{digest}", asked, accept=frozenset({302, 303, 307}))  # settles authentication
        with self._sender.stream(f"/v2/{self.repository}/blobs/{digest}", asked=asked) as answer, ExitStack() as stack:
            response = answer
            if answer.is_redirect:  # storage elsewhere: our credentials do not go there
                elsewhere = self._sender.stream(answer.headers["location"], asked=asked, authorized=False)
                response = stack.enter_context(elsewhere)
            for chunk in response.iter_bytes(CHUNK):
                seen.update(chunk)
                yield chunk
        if "sha256:" + seen.hexdigest() != digest:
            raise Malformed(asked, response.status_code, "the bytes do not match the digest")

    def push_blob(self, digest: str, size: int, source: BlobSource) -> bool:
        """Upload a blob unless the repository has it; returns whether it was sent."""
        asked = f"push blob {digest[:19]} to {self.repository}"
        if self._send("HEAD", f"/blobs/{digest}", asked, accept=frozenset({404})).is_success:
            return False
        start = self._send("POST", "/blobs/uploads/", asked, idempotent=True)
        location = start.headers.get("location", "")
        if not location:
            raise Malformed(asked, start.status_code, "the registry gave no upload address")
        if location.startswith("/"):
            location = self._sender.base_url + location
        location += ("&" if "?" in location else "?") + f"digest={digest}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        # Sent once: a stream cannot be sent again. The next push finds what arrived.
        self._sender.send("PUT", location, asked=asked, headers=headers, content=source(), idempotent=False)
        return True

    def push_manifest(self, content: bytes, media_type: str, reference: str) -> str:
        """Store a manifest under a tag or digest; returns its digest, checked against the registry's own word."""
        asked = f"push image {self.repository}:{reference}"
        response = self._send(
            "PUT", f"/manifests/{reference}", asked, content=content, headers={"Content-Type": media_type}
        )
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        if response.headers.get("docker-content-digest", digest) != digest:
            raise Malformed(asked, response.status_code, "the registry stored another digest")
        return digest

    def _send(self, method: str, path: str, asked: str, **more: Any) -> httpx.Response:
        accept: frozenset[int] = more.pop("accept", frozenset())
        url = f"/v2/{self.repository}{path}"
        response = self._sender.send(method, url, asked=asked, accept=accept | {401}, **more)
        if response.status_code != 401:
            return response
        challenge = response.headers.get("www-authenticate", "")
        if challenge.lower().startswith("bearer ") and self._bearer is None:
            self._bearer = self._exchange(challenge, asked)
            return self._sender.send(method, url, asked=asked, accept=accept, **more)
        raise self._sender.error(asked, response)

    def _exchange(self, challenge: str, asked: str) -> str:
        """Trade the token for a registry's bearer token, as the distribution specification describes."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.pop("realm", "")
        if not realm.startswith("https://"):
            raise Malformed(asked, 401, "the registry names no https realm")
        answer = httpx.get(realm, params=fields, auth=("x", fly_tokens(self._token)[0]), timeout=30)
        token = answer.json().get("token") or answer.json().get("access_token") if answer.is_success else None
        if not token:
            raise PlatformError(asked, answer.status_code, "the registry gave no token")
        return str(token)

    def _authorization(self) -> str:
        if self._bearer:
            return f"Bearer {self._bearer}"
        return httpx.BasicAuth("x", fly_tokens(self._token)[0])._auth_header


def copy_image(source: RegistryClient, target: RegistryClient, digest: str, tag: str) -> int:
    """Copy an image by digest from one repository to another, byte for byte; returns how many blobs were sent."""
    same, manifest, content = source.manifest(digest)
    sent = 0
    for part in [manifest["config"], *manifest["layers"]]:
        blob = part["digest"]
        sent += target.push_blob(blob, int(part["size"]), lambda blob=blob: source.blob(blob))  # type: ignore[misc]
    media_type = manifest.get("mediaType", MANIFEST)
    if target.push_manifest(content, media_type, tag) != same:
        raise Malformed(f"copy image to {target.repository}", 200, "the digest changed during the copy")
    return sent
