"""Injects faults by rule, so that tests can show what a client survives.

A rule says which requests (or machines) it concerns, how many it lets pass, how many it hits, and what then happens.
Rules come in over the API port at `/emulator/faults`, which no provider has and which only the emulator's own admin key
opens; they are forgotten when the emulator stops. `FaultClient` speaks to it; `inject` is one call of it.
"""

from deploy.emulator.faults.client import FaultClient, inject

__all__ = ["FaultClient", "inject"]
