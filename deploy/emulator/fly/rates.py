"""The Machines API's documented rate limits: a bucket for each action on each machine (or app), 429 when it is empty.

One request a second with a burst of 3; reading one machine is allowed 5 a second with a burst of 10.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

USUAL, READ_MACHINE = (1.0, 3), (5.0, 10)  # requests a second, burst
MOST_BUCKETS = 1000
_PATH = re.compile(r"/v1/apps(?:/(?P<app>[^/]+)(?:/machines(?:/(?P<machine>[^/]+))?)?(?P<rest>/.*)?)?")


@dataclass(frozen=True)
class Action:
    """What is counted together: the action (`GET machine`, `POST machine/start`) and what it is done to."""

    name: str
    identifier: str

    @property
    def limit(self) -> tuple[float, int]:
        """Requests a second, and burst."""
        return READ_MACHINE if self.name == "GET machine" else USUAL


def action_of(method: str, path: str) -> Action | None:
    """The action that a request is; None for what has no limit."""
    match = _PATH.fullmatch(path)
    if not match:
        return None
    app, machine = match["app"] or "", match["machine"]
    verb = re.sub(r"^(/(?:metadata|secrets|volumes))/.*", r"\1/…", match["rest"] or "")
    if machine:
        return Action(f"{method} machine{verb}", machine)
    kind = "machines" if path.endswith("/machines") else "app"
    return Action(f"{method} {kind}{verb}", app)


class Buckets:
    """Token buckets, full at first. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: dict[Action, tuple[float, float]] = {}  # tokens, and when that was so

    def take(self, action: Action) -> float:
        """Take a token: 0 when there was one, else the seconds until there is."""
        rate, burst = action.limit
        now = self._clock()
        tokens, since = self._left.get(action, (float(burst), now))
        tokens = min(float(burst), tokens + (now - since) * rate)
        if tokens < 1:
            return (1 - tokens) / rate
        self._left[action] = (tokens - 1, now)
        if len(self._left) > MOST_BUCKETS:
            self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forget buckets that are full again: of machines that are gone, most of them."""
        for action, (tokens, since) in list(self._left.items()):
            rate, burst = action.limit
            if tokens + (now - since) * rate >= burst:
                del self._left[action]


class Limited:
    """Answers 429 beyond the limits, while these `apply`.

    Requests that `known` does not recognise are refused elsewhere, not counted.
    """

    def __init__(self, app: ASGIApp, known: Callable[[str], bool], apply: Callable[[], bool]) -> None:
        self._app, self._known, self._apply, self._buckets = app, known, apply, Buckets()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = scope["type"] == "http" and self._apply()
        action = action_of(scope["method"], scope["path"]) if counted else None
        authorization = dict(scope.get("headers", [])).get(b"authorization", b"").decode("latin-1")
        wait = self._buckets.take(action) if action and self._known(authorization) else 0.0
        if not wait:
            await self._app(scope, receive, send)
            return
        name = action.name if action else ""
        body = {"error": f"rate limit exceeded: {name}; wait, then send it again", "status": "unknown"}
        headers = [(b"content-type", b"application/json"), (b"retry-after", str(math.ceil(wait)).encode())]
        await send({"type": "http.response.start", "status": 429, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})
