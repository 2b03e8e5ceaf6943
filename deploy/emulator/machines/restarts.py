"""Decides what happens when a machine's process exits on its own. Rules only.

`restart.policy` is `no`, `always`, or `on-failure` (the default): up to `max_retries` times, 10 by default, after an
exit code other than 0. A machine that is not started again is `stopped`; `failed` is one that could not be started.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

POLICIES = frozenset({"no", "always", "on-failure"})
MAX_RETRIES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0


def restart_of(config: Mapping[str, Any]) -> tuple[str, int]:
    """Policy and retries. Raises ValueError when they are not what the API knows."""
    restart = config.get("restart") or {}
    policy, retries = restart.get("policy") or "on-failure", restart.get("max_retries", MAX_RETRIES)
    if policy not in POLICIES:
        raise ValueError(f"restart.policy {policy!r} is none of {', '.join(sorted(POLICIES))}")
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise ValueError(f"restart.max_retries {retries!r} is not a number")
    return policy, retries


def again(config: Mapping[str, Any], code: int, crashes: int) -> bool:
    """Start it again? `crashes` counts how often that was done since somebody started it."""
    policy, retries = restart_of(config)
    return policy == "always" or (policy == "on-failure" and code != 0 and crashes < retries)


def pause(crashes: int) -> float:
    """Seconds to wait before that."""
    return min(FIRST_PAUSE * 2.0 ** min(crashes, 16), LONGEST_PAUSE)
