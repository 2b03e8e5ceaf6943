"""Sends the same real runs to a new machine and to old ones, through the edge; `verdict.py` judges the answers."""

from __future__ import annotations

import time
from collections.abc import Sequence

import httpx

from deploy.verification.verdict import Rules, Verdict, judge_again, measure

PROGRAM = {"language": "bash", "source": "echo canary"}
# A run takes tens of milliseconds, and a new machine's compile caches are still being warmed: less is no finding.
RULES = Rules(latency_floor_ms=50)
FORCED = "fly-force-instance-id"


def judge_canary(api_url: str, green: str, blue: Sequence[str], requests: int, rules: Rules | None = None) -> Verdict:
    """The verdict on machine `green` beside `blue`, over `requests` requests to each side at the same time.

    Both must be in traffic: the edge sends a request that names a machine to that machine, or refuses it. A machine
    that is slower is measured again, as it may still start what it keeps ready: only one that stays so is refused.
    """
    headers = {"connection": "close"}  # each request finds its machine anew, as a first one does
    with httpx.Client(timeout=20, headers=headers) as client:

        def send(machine: str) -> tuple[bool, float]:
            begun = time.perf_counter()
            try:
                answer = client.post(f"{api_url}run", json=PROGRAM, headers={FORCED: machine})
                well = answer.status_code == 429 or (answer.is_success and answer.json()["stdout"] == "canary\n")
            except (httpx.HTTPError, ValueError, KeyError):
                well = False
            return well, (time.perf_counter() - begun) * 1000

        return judge_again(lambda: measure(send, list(blue), [green], requests), rules or RULES)
