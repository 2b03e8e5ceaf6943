"""Everything that the client raises on purpose.

ClientError
├── Unreachable          no connection, or the answer did not arrive
├── NotUnderstood        the answer is not one of this service
└── RunnerApiError       the service refused: carries status, request_id and retry_after
    ├── Refused              400, 404, 405, 408, 413, 422: the request is at fault; sending it again does not help
    ├── Denied               401, 403: the token is missing or unknown, or the origin is not allowed
    ├── Busy                 429, 503: try again after retry_after seconds
    └── Failed               500 and above: the service is at fault
"""

from __future__ import annotations


class ClientError(Exception):
    """Root of the tree."""


class Unreachable(ClientError):
    """The service could not be reached, or its answer did not arrive."""


class NotUnderstood(ClientError):
    """The answer is not one of this service."""


class RunnerApiError(ClientError):
    """The service refused the request."""

    def __init__(self, message: str, status: int, request_id: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; in a session, the status that the same refusal has over HTTP."""
        self.request_id = request_id
        """Id of the request in the service's log."""
        self.retry_after = retry_after
        """Seconds after which to try again; None if that does not help."""

    def __str__(self) -> str:
        named = f", request {self.request_id}" if self.request_id else ""
        return f"{self.args[0]} (status {self.status}{named})"


class Refused(RunnerApiError):
    """The request is at fault."""


class Denied(RunnerApiError):
    """The client is not allowed to do this."""


class Busy(RunnerApiError):
    """The service is busy; try again later."""


class Failed(RunnerApiError):
    """The service is at fault."""


def refusal(message: str, status: int, request_id: str = "", retry_after: float | None = None) -> RunnerApiError:
    """The error for an HTTP status."""
    kinds = {401: Denied, 403: Denied, 429: Busy, 503: Busy}
    kind = kinds.get(status, Failed if status >= 500 else Refused)
    return kind(message, status, request_id, retry_after)
