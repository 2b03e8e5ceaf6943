"""Until when a Fly token is valid, read in the token itself."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from deploy.emulator.store import macaroon
from deploy.platforms.fly.macaroon import ends_at
from deploy.settings.secrets import Secret

SOON, LATE = 1_800_000_000, 2_000_000_000


def token(*caveats: Any, prefix: str = "fm2_", alphabet: bytes = b"+/") -> str:
    body = [[b"kid", b"uuid" * 4, False], "https://api.fly.io/v1", list(caveats), b"signature"]
    return prefix + base64.b64encode(msgspec.msgpack.encode(body), alphabet).decode()


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        (token(4, [0, SOON]), SOON),
        (token(0, [77, 31], 4, [0, LATE], 4, [0, SOON], 3, [{5: 31}]), SOON),
        (f"FlyV1 {token(4, [0, LATE])},{token(4, [0, SOON], prefix='fm1a_')}", SOON),
        (f"{token(4, [0, LATE])},fo1_other", LATE),
        (token(4, [0, SOON], alphabet=b"-_").rstrip("="), SOON),
        (token(4, [0, 0]), None),
        (token(0, [77, 31]), None),
        (token(), None),
        (token(4, "odd"), None),
        (token(4), None),
        (token(4, [0, 2**62]), None),
        ("fm2_not base64", None),
        ("fm2_AAAA", None),
        ("fo1_other", None),
        ("", None),
    ],
)
def test_the_first_end_counts_and_what_cannot_be_read_tells_nothing(value: str, ends: int | None) -> None:
    assert ends_at(Secret(value)) == (None if ends is None else datetime.fromtimestamp(ends, UTC))


def test_the_emulators_tokens_tell_it_as_the_providers_do() -> None:
    assert ends_at(Secret(macaroon(LATE))) == datetime.fromtimestamp(LATE, UTC)
