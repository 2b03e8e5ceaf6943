"""Identifies clients: maps tokens to environments; tokens are compared in constant time and never printed."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Mapping

_ACCOUNT = re.compile(r"/accounts/[^/]+")
REFUSED = frozenset({"expired", "disabled", "unknown"})
"""States of a token in which nobody takes it."""
_MACAROON = re.compile(r"fm(?:1r|1a|2)_")


def logged(path: str) -> str:
    """A request's path as logs may hold it: an account's number stands beside the tokens where people keep them."""
    return _ACCOUNT.sub("/accounts/…", path)


class Keyring:
    """The tenants' tokens. `values` maps environment → token name → token."""

    def __init__(self, values: Mapping[str, Mapping[str, str]]) -> None:
        self._values = values
        self.state: Callable[[str, str], str] = lambda environment, name: ""
        """What has become of an environment's token of that name, "" for nothing: a `code` of the rules for tokens."""

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._values)})"

    def fly(self, authorization: str) -> str | None:
        """The environment that a Machines API `Authorization` header (`Bearer` or `FlyV1`) belongs to."""
        scheme, _, token = authorization.partition(" ")
        return self._fly_holder(token) if scheme.lower() in ("bearer", "flyv1") else None

    def pages(self, authorization: str) -> str | None:
        """The environment that a Pages API `Authorization` header (`Bearer`) belongs to."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._good("CLOUDFLARE_API_TOKEN", self._holder("CLOUDFLARE_API_TOKEN", token.strip()))

    def refused(self, authorization: str) -> tuple[str, str]:
        """Whose Cloudflare token this is although it is refused, and why; "" and "" for one that nobody knows."""
        token = authorization.partition(" ")[2].strip()
        holder = self._holder("CLOUDFLARE_API_TOKEN", token)
        return (holder, self.state(holder, "CLOUDFLARE_API_TOKEN")) if holder else ("", "")

    def _good(self, name: str, holder: str | None) -> str | None:
        return None if holder is None or self.state(holder, name) in REFUSED else holder

    def registry(self, authorization: str) -> str | None:
        """The environment that a registry `Authorization` header (`Basic x:TOKEN`) belongs to."""
        password = basic_password(authorization)
        return None if password is None else self._fly_holder(password)

    def account(self, environment: str) -> str:
        """The environment's Cloudflare account id."""
        return self._values[environment]["CLOUDFLARE_ACCOUNT_ID"]

    def _fly_holder(self, token: str) -> str | None:
        """Macaroons and other tokens in one header are refused, as the provider does."""
        given = _parts(token)
        if {bool(_MACAROON.match(part)) for part in given} == {True, False}:
            return None
        return self._good("FLY_API_TOKEN", self._holder("FLY_API_TOKEN", ",".join(given)))

    def _holder(self, name: str, token: str) -> str | None:
        found = None
        for environment, values in self._values.items():  # all of them, always: time tells nothing
            held = values[name]
            if name == "FLY_API_TOKEN":
                parts = _parts(held)
                held = ",".join([part for part in parts if _MACAROON.match(part)] or parts)
            if hmac.compare_digest(held.encode(), token.encode()):
                found = environment
        return found


def _parts(token: str) -> list[str]:
    """The single tokens of a value, which may begin with its scheme."""
    text = re.sub(r"^(?:(?:flyv1|bearer)\s+)+", "", token.strip(), flags=re.IGNORECASE)
    return [part.strip() for part in text.split(",") if part.strip()]


def basic_password(authorization: str) -> str | None:
    """The password of `Basic x:PASSWORD`; None for another scheme, user or shape."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return password if user == "x" and colon else None
