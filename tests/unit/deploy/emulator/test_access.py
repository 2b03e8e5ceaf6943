"""Which `Authorization` opens what, as the provider has it: macaroons go alone."""

from __future__ import annotations

import base64

import pytest

from deploy.emulator.access import Keyring
from deploy.platforms.http import fly_authorization
from deploy.platforms.registry import RegistryClient
from deploy.settings.secrets import Secret

MIXED = "FlyV1 fm2_a,fo1_user,fm1r_b"
KEYS = Keyring({"staging": {"FLY_API_TOKEN": MIXED}, "production": {"FLY_API_TOKEN": "emulated-1"}})


@pytest.mark.parametrize(
    ("header", "environment"),
    [
        ("FlyV1 fm2_a,fm1r_b", "staging"),
        ("Bearer FlyV1 fm2_a,fm1r_b", "staging"),
        ("FlyV1 fm2_a,fo1_user,fm1r_b", None),
        ("Bearer fo1_user", None),
        ("FlyV1 fm2_a", None),
        ("Bearer emulated-1", "production"),
        ("Bearer ", None),
        ("Basic emulated-1", None),
    ],
)
def test_macaroons_and_other_tokens_are_not_taken_together(header: str, environment: str | None) -> None:
    assert KEYS.fly(header) == environment


@pytest.mark.parametrize(("token", "environment"), [(MIXED, "staging"), ("emulated-1", "production")])
def test_what_our_clients_send_is_taken(token: str, environment: str) -> None:
    assert KEYS.fly(fly_authorization(Secret(token))()) == environment
    client = RegistryClient("localhost", "runner", Secret(token))
    header = client._authorization()
    client.close()
    assert KEYS.registry(header) == environment
    assert "fo1_user" not in base64.b64decode(header.partition(" ")[2]).decode()
