"""Retries: only when the service itself asks for one, since only then no program can run twice."""

from __future__ import annotations

import dataclasses

from backend.runner.client.errors import Busy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How often and how long a client waits for a busy service. A request refused with 429 or 503 did not run."""

    attempts: int = 4
    """Most attempts of a request."""
    seconds: float = 30.0
    """The longest pause in seconds; if the service asks for a longer one, the error is raised."""

    def pause(self, error: Busy, attempt: int) -> float:
        """Seconds to wait after `attempt` (the first is 1). Raises `error` if it must not be tried again."""
        if attempt >= self.attempts or error.retry_after is None or error.retry_after > self.seconds:
            raise error
        return error.retry_after


NONE = Patience(attempts=1)
