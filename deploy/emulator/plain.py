"""HTTP clients for servers on this machine, without TLS."""

from __future__ import annotations

import ssl

import httpx

# httpx reads all certificates of this machine for each client that is not given a context: a megabyte and ten
# milliseconds for every probe of a check, which in hours of probes did not come back to the system.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain_client(timeout: float, *, socket: str | None = None, base_url: str = "") -> httpx.AsyncClient:
    """A client for plain HTTP, at the unix socket when one is given. `timeout` in seconds."""
    transport = httpx.AsyncHTTPTransport(verify=_NO_CERTIFICATES, uds=socket)
    return httpx.AsyncClient(base_url=base_url, transport=transport, trust_env=False, timeout=timeout)
