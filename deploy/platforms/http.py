"""The one send function under every client: authentication, retries, and errors with their context.

It retries requests that never reached the platform (no connection), and 429; idempotent requests also after a lost
answer and after 502, 503 and 504. A POST that may have taken effect is not sent again: only its caller can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tenacity

from deploy.lazy import lazy
from deploy.platforms.errors import BY_STATUS, Malformed, PlatformError, Unreachable
from deploy.settings.secrets import Secret

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy("httpx")  # slow to import, and verbs that only build or show need it not


IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
READING = frozenset({"GET", "HEAD"})
PASSING = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How long to try again: `attempts` in all, waiting `first` seconds, doubling up to `longest`, with jitter."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 8.0


class _Passing(Exception):
    """An answer worth another try; it carries the response for when no try is left."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response


class Sender:
    """Sends requests to one platform at `base_url`; `authorize` yields the Authorization header's value."""

    def __init__(
        self,
        base_url: str,
        authorize: Callable[[], str],
        *,
        request_id_header: str = "x-request-id",
        patience: Patience = Patience(),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._authorize = authorize
        self._request_id_header = request_id_header
        self._patience = patience
        timeout = httpx.Timeout(30, read=75)  # the platform's longest documented wait is 60 s; the rest is slack
        self.guard: Callable[[], None] = lambda: None
        """Called before each request that may change something; raises when this run may not act any more."""
        # A redirect could lead to another host, which must not get the token.
        self._client = httpx.Client(timeout=timeout, transport=transport, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        asked: str,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        accept: frozenset[int] = frozenset(),
        idempotent: bool | None = None,
        hidden: Collection[Secret] = (),
        **more: Any,
    ) -> httpx.Response:
        """Send one request and return the answer: 2xx, or a status in `accept`; anything else is a PlatformError.

        `asked` says in words what is asked ("create a machine of runner"), for the error's text. A `path` that begins
        with http is used as it is. `hidden` are values of the body: no error shows them, whatever the platform answers.
        """
        url = path if path.startswith("http") else self.base_url + path
        again = method in IDEMPOTENT if idempotent is None else idempotent
        clean = {key: value for key, value in (params or {}).items() if value is not None}

        def once() -> httpx.Response:
            # For each try, not once before them: the lock may be lost, or Ctrl+C pressed, while the retries wait.
            if method not in READING:
                self.guard()
            sent = dict(headers or {})
            # A header that the caller gave has priority: an upload carries a token of its own.
            if value := self._authorize():
                sent.setdefault("Authorization", value)
            response = self._client.request(
                method, url, params=clean or None, json=json, content=content, headers=sent, **more
            )
            # 429 means that nothing was done, so it may always be tried again; a gateway's 5xx may hide an effect.
            if response.status_code == 429 or (again and response.status_code in PASSING):
                raise _Passing(response)
            return response

        try:
            response = self._retrying(again)(once)
        except _Passing as passing:
            response = passing.response  # no try is left: the last answer becomes the error, or is in `accept`
        except httpx.HTTPError as lost:
            raise Unreachable(asked, 0, f"no answer from {httpx.URL(url).host}: {type(lost).__name__}") from lost
        if response.is_success or response.status_code in accept:
            return response
        raise self.error(asked, response, hidden)

    @contextmanager
    def stream(self, path: str, *, asked: str, authorized: bool = True) -> Iterator[httpx.Response]:
        """A GET whose body is read as it comes. Sent once: if the stream breaks, its caller starts again."""
        url = path if path.startswith("http") else self.base_url + path
        headers = {"Authorization": self._authorize()} if authorized else {}
        try:
            with self._client.stream("GET", url, headers=headers) as response:
                if not response.is_success and not response.is_redirect:
                    response.read()
                    raise self.error(asked, response)
                yield response
        except httpx.HTTPError as lost:
            raise Unreachable(asked, 0, f"no answer from {httpx.URL(url).host}: {type(lost).__name__}") from lost

    def _retrying(self, again: bool) -> tenacity.Retrying:
        # Without a connection nothing was sent; any other broken exchange may have reached the platform.
        lost: tuple[type[Exception], ...] = (_Passing, httpx.ConnectError, httpx.ConnectTimeout)
        if again:
            lost = (_Passing, httpx.TransportError)
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(lost),
            stop=tenacity.stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            reraise=True,
        )

    def _wait(self, state: tenacity.RetryCallState) -> float:
        seconds = tenacity.wait_exponential_jitter(
            multiplier=self._patience.first, max=self._patience.longest, jitter=self._patience.first
        )
        failure = state.outcome.exception() if state.outcome else None
        if isinstance(failure, _Passing):
            # Capped: a platform that asks for an hour must not hold the lock so long; the engine's budget ends the run.
            given = failure.response.headers.get("retry-after", "")
            if given.isdigit():
                return min(float(given), self._patience.longest)
        return seconds(state)

    def error(self, asked: str, response: httpx.Response, hidden: Collection[Secret] = ()) -> PlatformError:
        """The error that this answer stands for; it shows none of the `hidden` values."""
        kind = BY_STATUS.get(response.status_code, PlatformError)
        request_id = response.headers.get(self._request_id_header, "")
        detail = _detail(response)
        if hidden and not all(len(value.reveal()) > 2 and value.reveal() not in response.text for value in hidden):
            detail = "the platform's answer is not shown: it holds a secret's value"  # cut short, it may hold a part
        return kind(asked, response.status_code, detail, request_id, _code(response))


def _code(response: httpx.Response) -> str:
    """The platform's error code (`status` beside `error`, or `errors[0].code`), "" for none."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("status"), str):
        return str(body["status"])
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    return str(first["code"]) if isinstance(first, dict) and isinstance(first.get("code"), (int, str)) else ""


def _detail(response: httpx.Response) -> str:
    """What the body says went wrong: `error`, `message`, or Cloudflare's and the registry's `errors[].message`."""
    try:
        body = response.json()
    except ValueError:
        return response.text.strip()[:200] or response.reason_phrase
    # Cut short everywhere: a proxy may answer with a whole page, and this becomes one sentence of an error.
    if isinstance(body, dict):
        for key in ("error", "message"):
            if isinstance(body.get(key), str):
                return str(body[key])[:300]
        if isinstance(body.get("errors"), list):
            said = [str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in body["errors"]]
            return "; ".join(said)[:300] or response.reason_phrase
    return response.reason_phrase


def json_of(response: httpx.Response, asked: str) -> Any:
    """The answer's JSON; raises Malformed when it is none."""
    try:
        return response.json()
    except ValueError:
        raise Malformed(asked, response.status_code, "the answer is not JSON") from None


def bearer(token: Secret) -> Callable[[], str]:
    """`Authorization: Bearer …`."""
    return lambda: f"Bearer {token.reveal()}"


MACAROONS = frozenset({"fm1r", "fm1a", "fm2"})
"""What stands before the first `_` of a macaroon."""


def fly_tokens(token: Secret) -> tuple[str, bool]:
    """The tokens to send, comma separated, and whether they are macaroons.

    A value may begin with a scheme (`FlyV1`, `Bearer`) and hold several tokens; where one is a macaroon, only macaroons
    are sent: no service but the one that makes tokens takes both kinds at once.
    """
    text = token.reveal().strip()
    while (parts := text.split(None, 1))[1:] and parts[0].lower() in ("flyv1", "bearer"):
        text = parts[1].strip()
    every = [part.strip() for part in text.split(",") if part.strip()]
    macaroons = [part for part in every if part.partition("_")[0] in MACAROONS]
    return ",".join(macaroons or every), bool(macaroons)


def fly_authorization(token: Secret) -> Callable[[], str]:
    """`FlyV1` and the macaroons of a value, else `Bearer` and its tokens."""

    def value() -> str:
        text, macaroons = fly_tokens(token)
        return f"{'FlyV1' if macaroons else 'Bearer'} {text}"

    return value
