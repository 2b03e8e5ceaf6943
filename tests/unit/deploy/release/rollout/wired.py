"""The platform's clients at the wire: a release, a machine as the provider shows it, and what answers requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx

from deploy.ledger import DeploymentInfo, Status
from deploy.platforms.http import Patience
from deploy.release.rollout.machine import ENVIRONMENT, LAUNCH, NUMBER, TRAFFIC

IMAGE, PAGE = "sha256:" + "1" * 64, "sha256:" + "2" * 64
RELEASE = DeploymentInfo(
    "d1", "production", "0.1.0+aaaa", "a" * 40, datetime.now(UTC), "me", Status.PENDING, IMAGE, PAGE, launch="d1"
)
HASTE = Patience(attempts=1)


class Wire:
    """Answers requests by method and the end of the path; remembers what was sent."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Callable[[httpx.Request], httpx.Response]] = {}
        self.sent: list[tuple[str, str, Any]] = []

    def on(self, method: str, end: str, status: int, body: Any) -> None:
        self.answers[method, end] = lambda _: httpx.Response(status, json=body)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content[:1] == b"{" else None
        self.sent.append((request.method, request.url.path, body))
        for (method, end), answer in self.answers.items():
            if request.method == method and request.url.path.endswith(end):
                return answer(request)
        return httpx.Response(200, json={"status": "success", "data": {"nonce": "n"}})


def machine(**labels: str) -> dict[str, Any]:
    metadata = {ENVIRONMENT: "production", LAUNCH: "d1", NUMBER: "1", TRAFFIC: "on", **labels}
    checks = [{"name": "c", "status": "passing"}]
    image = {"digest": IMAGE}
    return {
        "id": "m1", "name": "production-d1-1", "state": "started", "config": {"metadata": metadata},
        "checks": checks, "image_ref": image,
    }  # fmt: skip
