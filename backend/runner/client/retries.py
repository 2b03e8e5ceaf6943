"""When to come back, and how often: only as the service itself asks, because only then is nothing run twice."""

from __future__ import annotations

import dataclasses

from backend.runner.client.errors import Busy


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a client lets itself be put off. A request that was refused with 429 or 503 did not run."""

    attempts: int = 4
    """How often a request is sent at most."""
    seconds: float = 30.0
    """The longest pause that is made; a longer one that is asked for is raised instead."""

    def pause(self, error: Busy, attempt: int) -> float:
        """Seconds to wait after that attempt, the first being 1. Raises `error` where it is not to be tried again."""
        if attempt >= self.attempts or error.retry_after is None or error.retry_after > self.seconds:
            raise error
        return error.retry_after


NONE = Patience(attempts=1)
