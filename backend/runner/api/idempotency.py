"""Idempotency: a request sent twice with the same key is carried out once; its answer is stored and repeated."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from backend.runner.errors import InvalidRequest, KeyReused

KEPT_SECONDS = 600.0
MOST_ANSWERS = 1024
MOST_BYTES = 32 * 1024 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,128}")

Produced = tuple[bytes, bool]
"""An answer's body, and whether it may be stored and repeated."""


@dataclasses.dataclass
class _Entry:
    fingerprint: bytes
    expires: float
    body: bytes | None = None
    done: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    """Set once the first request has an answer, or has failed."""


def check_key(key: str) -> None:
    """Raise InvalidRequest for a malformed key."""
    if not _KEY.fullmatch(key):
        raise InvalidRequest("Idempotency-Key must be 1 to 128 visible ASCII characters")


class Replays:
    """Stored answers by client and key, bounded in number, bytes and age."""

    def __init__(
        self,
        most_answers: int = MOST_ANSWERS,
        most_bytes: int = MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._most_answers = most_answers
        self._most_bytes = most_bytes
        self._clock = clock
        self.bytes = 0
        """Bytes of all stored answers."""

    def __len__(self) -> int:
        return len(self._entries)

    async def once(
        self, client: str, key: str, request: bytes, produce: Callable[[], Awaitable[Produced]]
    ) -> tuple[bytes, bool]:
        """The answer to `request`, and whether it is a stored one; `produce` makes it otherwise.

        While the first request is carried out, others with the same key wait for it; if it fails, or its
        answer may not be repeated, the next of them is carried out. Raises KeyReused for another request with the key.
        """
        name, fingerprint = (client, key), hashlib.sha256(request).digest()
        while (entry := self._find(name)) is not None:
            if entry.fingerprint != fingerprint:
                raise KeyReused("this Idempotency-Key came before with another request; choose a new key")
            await entry.done.wait()
            if entry.body is not None:
                return entry.body, True
        return await self._produce(name, fingerprint, produce), False

    def _find(self, name: tuple[str, str]) -> _Entry | None:
        entry = self._entries.get(name)
        if entry is not None and entry.body is not None and entry.expires <= self._clock():
            self._drop(name)
            return None
        return entry

    async def _produce(
        self, name: tuple[str, str], fingerprint: bytes, produce: Callable[[], Awaitable[Produced]]
    ) -> bytes:
        entry = self._entries[name] = _Entry(fingerprint, 0.0)
        try:
            body, keep = await produce()
            if keep and len(body) <= self._most_bytes:
                entry.body, entry.expires = body, self._clock() + KEPT_SECONDS
                self.bytes += len(body)
                self._entries.move_to_end(name)
        finally:
            entry.done.set()
            if entry.body is None:
                self._entries.pop(name, None)
        self._bound()
        return body

    def _bound(self) -> None:
        """Forget the oldest answers while there are too many; requests in hand are bounded by the queue."""
        for name, entry in list(self._entries.items()):
            if len(self._entries) <= self._most_answers and self.bytes <= self._most_bytes:
                return
            if entry.body is not None:
                self._drop(name)

    def _drop(self, name: tuple[str, str]) -> None:
        self.bytes -= len(self._entries.pop(name).body or b"")
