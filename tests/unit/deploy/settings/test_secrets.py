"""Tokens: never shown, never shared, and clearly asked for."""

import copy
import json
import pickle
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError, TokenMissing
from deploy.settings.secrets import Secret, Tokens, read_tokens, refuse_shared

VALUE = "fm2_lJPECAAAAAAAB"


def secrets_file(root: Path, text: str, mode: int = 0o600) -> None:
    file = root / ".env.staging.secrets"
    file.write_text(text)
    file.chmod(mode)


def test_a_secret_shows_itself_to_reveal_alone() -> None:
    secret = Secret(VALUE)
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{[secret]}",
        f"{Tokens('staging', {'T': secret})}",
    ]
    assert all(VALUE not in text for text in shown)
    assert secret.reveal() == VALUE
    assert not hasattr(secret, "__dict__")


def test_a_secret_is_not_serialised() -> None:
    for serialise in (pickle.dumps, json.dumps, copy.copy):
        with pytest.raises(TypeError):
            serialise(Secret(VALUE))


def test_the_process_environment_goes_before_the_file(tmp_path: Path) -> None:
    secrets_file(tmp_path, "FLY_API_TOKEN=from-file\nCLOUDFLARE_API_TOKEN=cf\n")
    tokens = read_tokens(
        "staging", tmp_path, {"FLY_API_TOKEN_STAGING": "from-process", "FLY_API_TOKEN_PRODUCTION": "other"}
    )
    assert tokens.get("FLY_API_TOKEN").reveal() == "from-process"
    assert tokens.get("CLOUDFLARE_API_TOKEN").reveal() == "cf"


def test_a_missing_token_is_named_with_every_place_it_may_stand(tmp_path: Path) -> None:
    with pytest.raises(TokenMissing) as caught:
        read_tokens("staging", tmp_path, {}).get("FLY_API_TOKEN")
    assert caught.value.exit_code == 2
    for word in ("FLY_API_TOKEN_STAGING", ".env.staging.secrets", "--rehearsal"):
        assert word in str(caught.value)


def test_a_secrets_file_others_may_read_is_refused(tmp_path: Path) -> None:
    secrets_file(tmp_path, "FLY_API_TOKEN=x\n", 0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_tokens("staging", tmp_path, {})


def test_an_unknown_secret_is_refused_without_its_value(tmp_path: Path) -> None:
    secrets_file(tmp_path, f"FLY_TOKEN={VALUE}\n")
    with pytest.raises(ConfigurationError, match=r"\.env\.staging\.secrets:1: FLY_TOKEN: unknown secret") as caught:
        read_tokens("staging", tmp_path, {})
    assert VALUE not in str(caught.value)


def test_staging_and_production_may_not_share_a_token() -> None:
    one, other = (Tokens(name, {"FLY_API_TOKEN": Secret(VALUE)}) for name in ("staging", "production"))
    with pytest.raises(ConfigurationError, match="one token for each environment") as caught:
        refuse_shared(one, other)
    assert VALUE not in str(caught.value)
    refuse_shared(one, Tokens("production", {"FLY_API_TOKEN": Secret("another")}))


def test_a_shared_token_is_named_where_it_stands(tmp_path: Path) -> None:
    secrets_file(tmp_path, f"# tokens\nFLY_API_TOKEN={VALUE}\n")
    file = read_tokens("staging", tmp_path, {})
    process = read_tokens("production", tmp_path, {"FLY_API_TOKEN_PRODUCTION": VALUE})
    with pytest.raises(
        ConfigurationError,
        match=r"\.env\.staging\.secrets:2: FLY_API_TOKEN: is the same as production's "
        r"\(FLY_API_TOKEN_PRODUCTION in the process environment\)",
    ):
        refuse_shared(file, process)
    with pytest.raises(
        ConfigurationError,
        match=r"the process environment: FLY_API_TOKEN_PRODUCTION: is the same as staging's "
        r"\(FLY_API_TOKEN in \.env\.staging\.secrets:2\)",
    ):
        refuse_shared(process, file)


def test_a_hyphen_of_an_environments_name_is_an_underscore_in_the_process_environment(tmp_path: Path) -> None:
    found = read_tokens("pre-prod", tmp_path, {"FLY_API_TOKEN_PRE_PROD": VALUE})
    assert found.get("FLY_API_TOKEN") == Secret(VALUE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLY_API_TOKEN", "FlyV1 fm2_…"),
        ("FLY_API_TOKEN", "fm2_one\nfm2_two"),
        ("CLOUDFLARE_API_TOKEN", "a token"),
        ("CLOUDFLARE_API_TOKEN", "a-token\x00"),
        ("CLOUDFLARE_ACCOUNT_ID", "0123 4567"),
    ],
)
def test_what_can_be_no_token_is_refused_where_it_stands_and_not_shown(tmp_path: Path, name: str, value: str) -> None:
    """An example that was copied as it is, two values in one: before it ends a request half-way."""
    with pytest.raises(ConfigurationError) as caught:
        read_tokens("staging", tmp_path, {f"{name}_STAGING": value})
    assert f"{name}_STAGING" in str(caught.value)
    assert value not in str(caught.value)
    secrets_file(tmp_path, f'{name}="{value}"\n'.replace("\x00", "\x01"))
    with pytest.raises(ConfigurationError, match=r"\.env\.staging\.secrets:1"):
        read_tokens("staging", tmp_path, {})


def test_white_space_around_a_token_is_none_of_it(tmp_path: Path) -> None:
    given = {"FLY_API_TOKEN_STAGING": " FlyV1 fm2_a,fm2_b\n", "CLOUDFLARE_API_TOKEN_STAGING": "t\r\n"}
    tokens = read_tokens("staging", tmp_path, given)
    assert tokens.get("FLY_API_TOKEN").reveal() == "FlyV1 fm2_a,fm2_b"
    assert tokens.get("CLOUDFLARE_API_TOKEN").reveal() == "t"
    assert not read_tokens("staging", tmp_path, {"FLY_API_TOKEN_STAGING": " \n"}).values
