"""Decides who may do what in the registry, from method, path and client. Unknown requests are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

ENGINE = "\0engine"  # the Docker engine pulling for a machine: no environment can be named so
_PATH = re.compile(
    r"/v2/(?P<repository>[a-z0-9]+(?:[._-]+[a-z0-9]+)*)/"
    r"(?:manifests/[\w.:-]+|blobs/sha256:[0-9a-f]{64}|blobs/uploads/?|blobs/uploads/[\w=-]+)"
)
_READ = frozenset({"GET", "HEAD"})
_WRITE = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True)
class Decision:
    """`status` 200 lets the request through; else the registry's error `code` and `message` are answered."""

    status: int
    code: str = ""
    message: str = ""


ALLOWED = Decision(200)


def decide(method: str, uri: str, speaker: str | None, owners: Mapping[str, str]) -> Decision:
    """May `speaker` (an environment, ENGINE, or None for unknown) do this? `owners` maps app → environment."""
    if speaker is None:
        return Decision(401, "UNAUTHORIZED", "log in as user x with a Fly API token")
    path, _, query = uri.partition("?")
    if path in ("/v2", "/v2/"):
        return ALLOWED
    match = _PATH.fullmatch(path)
    if not match:
        return Decision(404, "UNSUPPORTED", "this registry lists neither repositories nor tags")
    if speaker == ENGINE:
        return ALLOWED if method in _READ else Decision(403, "DENIED", "the engine only pulls")
    if method not in _READ | _WRITE and not (method == "DELETE" and "/blobs/uploads/" in path):
        return Decision(405, "UNSUPPORTED", "nothing is deleted from this registry")
    repositories = [match["repository"], *(value for key, value in parse_qsl(query) if key == "from")]
    for repository in repositories:
        if repository not in owners:
            return Decision(404, "NAME_UNKNOWN", f"app {repository} does not exist; create it first")
        if owners[repository] != speaker:
            return Decision(403, "DENIED", f"this token may not use the repository {repository}")
    return ALLOWED
