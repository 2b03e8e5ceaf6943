"""Leases: one client holds a machine for a while; others' changes are refused. Rules only, no clock of their own."""

from __future__ import annotations

import hmac
import secrets

from deploy.emulator.errors import FlyRefusal
from deploy.emulator.model import Lease, Machine

DEFAULT_TTL = 13
MAX_TTL = 30 * 24 * 3600


def current(machine: Machine, now: float) -> Lease | None:
    """The lease that holds now; `now` is Unix time."""
    lease = machine.lease
    return lease if lease and lease.expires_at > now else None


def permit(machine: Machine, nonce: str, now: float) -> None:
    """Raise FlyRefusal 409 when somebody else holds the machine."""
    lease = current(machine, now)
    if lease and not hmac.compare_digest(lease.nonce.encode(), nonce.encode()):
        held = f"lease currently held by {lease.owner} until {int(lease.expires_at)} ({lease.description})"
        raise FlyRefusal(409, f"machine {machine.id}: {held}; wait, or send its nonce in fly-machine-lease-nonce")


def acquire(machine: Machine, nonce: str, ttl: int, owner: str, description: str, now: float) -> Lease:
    """Take the lease, or renew it for the holder of `nonce`; `ttl` in seconds. Raises FlyRefusal 409 when held."""
    if not 0 < ttl <= MAX_TTL:
        raise FlyRefusal(400, f"ttl {ttl} is not between 1 and {MAX_TTL} seconds")
    permit(machine, nonce, now)
    held = current(machine, now)
    kept = held.nonce if held else secrets.token_hex(8)
    text = description or (held.description if held else "")
    machine.lease = Lease(kept, now + ttl, owner, text)
    return machine.lease


def release(machine: Machine, nonce: str, now: float) -> None:
    """Give the lease back. Raises FlyRefusal 409 for another's, 404 when there is none."""
    if current(machine, now) is None:
        raise FlyRefusal(404, f"machine {machine.id} has no lease")
    permit(machine, nonce, now)
    machine.lease = None
