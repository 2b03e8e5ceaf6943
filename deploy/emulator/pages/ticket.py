"""Upload tokens: short-lived JSON web tokens (HS256) that let their holder store assets of one project."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

VALID_SECONDS = 300
_HEAD = {"alg": "HS256", "typ": "JWT"}


def issue(key: str, project: str, now: float, max_files: int) -> str:
    """A token for `project`, valid for VALID_SECONDS from `now` (Unix time); it says how many files the plan allows."""
    claims = {"project": project, "iat": int(now), "exp": int(now) + VALID_SECONDS, "max_file_count_allowed": max_files}
    body = f"{_encode(json.dumps(_HEAD).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{body}.{_sign(key, body)}"


def project_of(key: str, token: str, now: float) -> str | None:
    """The project that a token is for; None when it is forged, malformed or expired."""
    body, _, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(key, body).encode(), signature.encode()):
        return None
    try:
        claims: dict[str, Any] = json.loads(_decode(body.partition(".")[2]))
    except (ValueError, binascii.Error):
        return None
    return str(claims["project"]) if claims["exp"] > now else None


def _sign(key: str, body: str) -> str:
    return _encode(hmac.digest(bytes.fromhex(key), body.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
