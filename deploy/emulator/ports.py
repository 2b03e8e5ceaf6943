"""Loopback ports of an emulator's own, kept from one start to the next while they are still free.

They lie below the range that the kernel hands to outgoing connections, so that a stopped emulator finds them again.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable

LOWEST, HIGHEST = 20_000, 32_000


def assign(names: Iterable[str], known: dict[str, int]) -> dict[str, int]:
    """A free port for each name: the one it had when that is free, else another, none twice."""
    chosen: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        while port is None or port in chosen.values() or not is_free(port):
            port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Can a server listen there now?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: connections that linger are no bar
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
