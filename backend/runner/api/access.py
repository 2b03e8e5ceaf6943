"""Who may run programs, and how often: API tokens, where the service has any."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Callable, Sequence

from backend.runner.api.asgi import Request
from backend.runner.errors import RateLimited, Unauthorized
from backend.runner.settings import ApiToken


class _Bucket:
    """The runs that a token may still start now; it refills at a constant rate."""

    def __init__(self, token: ApiToken, now: float) -> None:
        self.name = token.name
        self.digest = token.digest
        self._burst = float(token.burst)
        self._rate = token.rate / 60
        self._left = self._burst
        self._seen = now

    def take(self, count: int, now: float) -> float:
        """Take `count` runs, or all that the bucket can hold if that is fewer.

        Returns 0.0, or, if too few are left, the seconds until there are enough."""
        self._left = min(self._burst, self._left + (now - self._seen) * self._rate)
        self._seen = now
        count = min(count, int(self._burst))
        if self._left >= count:
            self._left -= count
            return 0.0
        return (count - self._left) / self._rate


class Access:
    """Admits requests: every request if no tokens are configured, else those with a valid token, at its rate."""

    def __init__(
        self, tokens: Sequence[ApiToken], client_header: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._buckets = [_Bucket(token, clock()) for token in tokens]
        self._client_header = client_header.encode("latin-1")

    def admit(self, request: Request, runs: int = 1) -> None:
        """Name the client of `request` and count `runs`. Raises Unauthorized or RateLimited."""
        if not self._buckets:
            request.client = self._address(request)
            return
        bucket = self._bucket(request)
        request.client = f"token {bucket.name}"
        if wait := bucket.take(runs, self._clock()):
            seconds = max(1, math.ceil(wait))
            raise RateLimited(f"the rate of this token is used up; try again in {seconds} s", seconds)

    def charge(self, request: Request, runs: int) -> None:
        """Count `runs` more for a request that was let through. Raises RateLimited."""
        if self._buckets and runs > 0:
            self.admit(request, runs)

    def _bucket(self, request: Request) -> _Bucket:
        """The bucket of the request's token. Every token is compared, each in constant time, so timing reveals none."""
        scheme, _, token = request.header(b"authorization").partition(" ")
        digest = hashlib.sha256(token.strip().encode("latin-1")).digest()
        found = None
        for bucket in self._buckets:
            if hmac.compare_digest(bucket.digest, digest):
                found = bucket
        if found is None or scheme.lower() != "bearer":
            raise Unauthorized("a known API token is needed: send it as Authorization: Bearer TOKEN")
        return found

    def _address(self, request: Request) -> str:
        """The client's name: what a trusted proxy says, else its address."""
        named = request.header(self._client_header) if self._client_header else ""
        client = request.scope.get("client")
        return _network(named or (client[0] if client else ""))


def _network(address: str) -> str:
    """The /64 network of an IPv6 client, which can choose any address within it; other addresses unchanged."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
