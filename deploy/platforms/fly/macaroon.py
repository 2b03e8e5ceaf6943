"""What stands in a Fly token itself: until when it is valid. Read here and nowhere asked, so that it can be said of a
token that nobody takes any more, too. What a token may do is the platform's to say.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from deploy.platforms.http import fly_tokens
from deploy.settings.secrets import Secret

VALIDITY_WINDOW = 4
"""The number of the caveat that says from when to when a token is valid, in Unix time."""


def ends_at(token: Secret) -> datetime | None:
    """When the first of the value's macaroons ends (UTC); None where that does not stand in them, or they are none."""
    text, macaroons = fly_tokens(token)
    if not macaroons:
        return None
    ends = [end for one in text.split(",") for end in _ends(one)]
    return min(ends, default=None)


def _ends(one: str) -> Iterator[datetime]:
    body = one.partition("_")[2].replace("-", "+").replace("_", "/").rstrip("=")
    try:
        found: Any = msgspec.msgpack.decode(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
        caveats = found[2]
        windows = [caveats[at + 1] for at in range(0, len(caveats), 2) if caveats[at] == VALIDITY_WINDOW]
        for window in windows:
            if window[1]:  # 0: for ever
                yield datetime.fromtimestamp(window[1], UTC)
    except (binascii.Error, msgspec.DecodeError, LookupError, TypeError, ValueError, OverflowError, OSError):
        return  # written in a way that is not known here: it is the platform's to judge
