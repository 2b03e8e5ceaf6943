"""Everything that the runner raises on purpose.

RunnerError
├── SettingsError        a setting is missing or malformed: the service does not start
├── LayersMissing        an isolation layer that the environment requires does not hold
├── RequestError         a request cannot be served as it stands; carries the HTTP status
│   ├── InvalidRequest       400
│   ├── BodyTimeout          408
│   ├── BodyTooLarge         413
│   ├── QueueFull            429
│   └── ShuttingDown         503
└── SandboxError         the sandbox itself failed: our fault, never the program's
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


class RequestError(RunnerError):
    """A request that is answered with `status` and `{"error": message}`."""

    status = 400
    retry_after: int | None = None
    """Seconds after which the client may try again, where trying again can help."""


class InvalidRequest(RequestError):
    """The request is at fault; the message names the field."""


class BodyTimeout(RequestError):
    """The client took too long to send its body."""

    status = 408


class BodyTooLarge(RequestError):
    """The body is larger than the service reads."""

    status = 413


class QueueFull(RequestError):
    """As many runs wait as may."""

    status = 429
    retry_after = 1


class ShuttingDown(RequestError):
    """The service takes no new runs because it is about to end."""

    status = 503
    retry_after = 5
