"""Gives an environment's app its public addresses, once: a shared IPv4 and an IPv6, as the provider's own tool does."""

from __future__ import annotations

import time

from deploy.errors import DeployError
from deploy.events.bus import Bus
from deploy.platforms.errors import Forbidden, NotFound, PlatformError, RateLimited, TimedOut, Unauthorized, Unreachable
from deploy.platforms.fly import FlyClient
from deploy.platforms.fly.addresses import SHARED_V4, V6

KINDS = {SHARED_V4: "allocate-v4 --shared", V6: "allocate-v6"}
"""What an app needs, and the provider's own command for it."""
TRIES, PAUSE_SECONDS = 5, 2.0


def ensure_addresses(fly: FlyClient, bus: Bus) -> None:
    """Allocate what the app lacks. Asked again after a lost answer it looks first: an app has two addresses, not four.

    Raises DeployError, with the provider's own commands, when there is no address and the token may not allocate one.
    """
    for attempt in range(1, TRIES + 1):
        missing = _missing(fly, bus)
        if not missing:
            return
        try:
            for kind in missing:
                with bus.step(f"allocate a public address ({kind})"):
                    fly.addresses.allocate(kind)
        except PlatformError as failed:
            # It may have worked all the same, so the next turn looks before it asks again.
            if isinstance(failed, (Forbidden, Unauthorized)):
                _refused(fly, bus, failed)
                return
            if attempt == TRIES or not _passing(failed):
                raise
            time.sleep(PAUSE_SECONDS)


def _missing(fly: FlyClient, bus: Bus) -> list[str]:
    try:
        return list(fly.addresses.missing())
    except (Forbidden, NotFound) as unseen:
        # Releases were possible without this question, so a token that may not ask it does not stop them.
        bus.note(f"whether {fly.app} has a public address could not be seen: {unseen}")
        return []


def _refused(fly: FlyClient, bus: Bus, failed: PlatformError) -> None:
    there = {address.kind for address in fly.addresses.list()} & KINDS.keys()
    commands = " && ".join(f"fly ips {KINDS[kind]} --app {fly.app}" for kind in KINDS if kind not in there)
    words = f"{fly.app} lacks a public address, and this token may not allocate one ({failed.detail}). Run: {commands}"
    if not there:
        raise DeployError(words)
    bus.note(words)


def _passing(failed: PlatformError) -> bool:
    return isinstance(failed, (Unreachable, RateLimited, TimedOut)) or failed.status >= 500
