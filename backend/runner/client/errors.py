"""Everything that the client raises on purpose.

ClientError
├── Unreachable          the service could not be asked, or its answer did not come
├── NotUnderstood        what came is no answer of this service
└── RunnerApiError       the service refused: carries status, request_id and retry_after
    ├── Refused              400, 404, 405, 408, 413, 422: the request is at fault; sending it again does not help
    ├── Denied               401, 403: a token is missing, or this origin may not
    ├── Busy                 429, 503: come back after retry_after seconds
    └── Failed               500 and above: the service is at fault
"""

from __future__ import annotations


class ClientError(Exception):
    """Root of the tree."""


class Unreachable(ClientError):
    """The service could not be asked, or its answer did not come."""


class NotUnderstood(ClientError):
    """What came is no answer of this service."""


class RunnerApiError(ClientError):
    """The service said no."""

    def __init__(self, message: str, status: int, request_id: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; in a session, the one that the same refusal would have."""
        self.request_id = request_id
        """What the service's log calls the request."""
        self.retry_after = retry_after
        """Seconds after which to come back; None where that does not help."""

    def __str__(self) -> str:
        named = f", request {self.request_id}" if self.request_id else ""
        return f"{self.args[0]} (status {self.status}{named})"


class Refused(RunnerApiError):
    """The request is at fault."""


class Denied(RunnerApiError):
    """Who asks may not."""


class Busy(RunnerApiError):
    """The service asks to come back."""


class Failed(RunnerApiError):
    """The service is at fault."""


def refusal(message: str, status: int, request_id: str = "", retry_after: float | None = None) -> RunnerApiError:
    """The error of that status."""
    kinds = {401: Denied, 403: Denied, 429: Busy, 503: Busy}
    kind = kinds.get(status, Failed if status >= 500 else Refused)
    return kind(message, status, request_id, retry_after)
