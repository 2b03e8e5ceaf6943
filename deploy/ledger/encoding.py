"""How the ledger writes values, JSON that reads well in a diff, and how it tells that one does not have its shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from deploy.errors import LedgerError


def encode(body: Any) -> bytes:
    """A file's bytes."""
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()


def written(moment: datetime) -> str:
    """A moment as files hold it: UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


@contextmanager
def reading(place: str) -> Iterator[None]:
    """Where a file's JSON becomes a value: what is missing or of the wrong kind is a LedgerError naming the file."""
    try:
        yield
    except (KeyError, TypeError, ValueError) as wrong:
        raise LedgerError(
            f"{place} in the ledger is damaged ({wrong!r}); restore the file by a new commit on its branch"
        ) from None
