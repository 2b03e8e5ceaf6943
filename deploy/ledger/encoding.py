"""How the ledger writes values: JSON that reads well in a diff."""

from __future__ import annotations

import json
from typing import Any


def encode(body: Any) -> bytes:
    """A file's bytes."""
    return (json.dumps(body, indent=2, sort_keys=True) + "\n").encode()
