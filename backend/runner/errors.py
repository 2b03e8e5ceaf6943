"""Everything that the runner raises on purpose.

RunnerError
├── SettingsError        a setting is missing or malformed: the service does not start
├── LayersMissing        an isolation layer that the environment requires does not hold
├── ClientGone           the client disconnected: nobody is there to answer
├── RequestError         a request cannot be served as it stands; carries the HTTP status
│   ├── InvalidRequest       400
│   ├── Unauthorized         401
│   ├── Forbidden            403
│   ├── NotFound             404
│   ├── WrongMethod          405
│   ├── BodyTimeout          408
│   ├── BodyTooLarge         413
│   ├── KeyReused            422
│   ├── QueueFull            429
│   ├── RateLimited          429
│   ├── QueueTimeout         503
│   └── ShuttingDown         503
└── SandboxError         the sandbox itself failed: the service's fault, never the program's
"""

from __future__ import annotations


class RunnerError(Exception):
    """Root of the tree."""


class SettingsError(RunnerError):
    """A setting is malformed; the message names its variable."""


class LayersMissing(RunnerError):
    """Isolation layers that this environment requires do not hold."""


class SandboxError(RunnerError):
    """The sandbox could not be set up or taken down."""


class ClientGone(RunnerError):
    """The client left before it was answered."""


class RequestError(RunnerError):
    """A request that is answered with `status` and `{"error": message, "request_id": …}`."""

    status = 400
    retry_after: int | None = None
    """Seconds after which the client may try again; None if trying again cannot help."""

    def __init__(self, message: str, retry_after: int | None = None) -> None:
        super().__init__(message)
        if retry_after is not None:
            self.retry_after = retry_after

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Headers of the answer that belong to the error."""
        return [] if self.retry_after is None else [("retry-after", str(self.retry_after))]


class InvalidRequest(RequestError):
    """The request is at fault; the message names the field."""


class Unauthorized(RequestError):
    """The request carries no token, or an unknown one."""

    status = 401

    @property
    def headers(self) -> list[tuple[str, str]]:
        """WWW-Authenticate: the kind of token that is required."""
        return [("www-authenticate", 'Bearer realm="runner"')]


class Forbidden(RequestError):
    """Pages of this origin may not call the service."""

    status = 403


class NotFound(RequestError):
    """There is nothing at this path."""

    status = 404


class WrongMethod(RequestError):
    """The path exists, but does not support this method."""

    status = 405

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self._allowed = allowed

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Allow: the methods that the path supports."""
        return [("allow", self._allowed)]


class BodyTimeout(RequestError):
    """The client took too long to send its body."""

    status = 408

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Connection: close, since the rest of the body is not read."""
        return [("connection", "close")]


class BodyTooLarge(RequestError):
    """The body is larger than the service reads."""

    status = 413

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Connection: close, since the rest of the body is not read."""
        return [("connection", "close")]


class KeyReused(RequestError):
    """The idempotency key was used before, for another request."""

    status = 422


class QueueFull(RequestError):
    """The queue is full, or the expected wait is too long."""

    status = 429
    retry_after = 1


class RateLimited(RequestError):
    """The token has used up its rate."""

    status = 429
    retry_after = 1


class QueueTimeout(RequestError):
    """No runner came free within the time that a run may wait."""

    status = 503
    retry_after = 1


class ShuttingDown(RequestError):
    """The service takes no new runs because it is about to end."""

    status = 503
    retry_after = 5
