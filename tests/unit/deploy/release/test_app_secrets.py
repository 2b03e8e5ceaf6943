"""What names and values of secrets may be, and the key that compares them."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.errors import UsageError
from deploy.ledger import Ledger
from deploy.release.app_secrets import checked_name, checked_value
from deploy.settings.comparison import FILE, comparison_key
from deploy.settings.environments import ROOT, load_environment
from deploy.settings.secrets import Secret, Tokens
from deploy.target import Addresses, Target

CONFIG, LEDGER = load_environment("staging"), Ledger(ROOT, "staging", None)
STAGING = Target(CONFIG, Addresses("", "", ""), Tokens("staging", {}), LEDGER, rehearsal=True)


@pytest.mark.parametrize(
    "name", ["", "1A", "A-B", "A B", "FLY_API_TOKEN", "RUNNER_ENVIRONMENT", "RUNNER_IMAGE_DIGEST", "PRIMARY_REGION"]
)
def test_names_that_no_secret_may_have(name: str) -> None:
    with pytest.raises(UsageError, match=r"^secret "):
        checked_name(STAGING, name)


@pytest.mark.parametrize(("raw", "value"), [(b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a ")])
def test_the_line_break_at_the_end_of_a_value_is_not_part_of_it(raw: bytes, value: str) -> None:
    assert checked_value("A", raw).reveal() == value


@pytest.mark.parametrize("raw", [b"", b"\n", b"\xff", b"a\0b", b"x" * 70_000])
def test_what_no_value_can_be(raw: bytes) -> None:
    with pytest.raises(UsageError, match=r"^secret A: the value"):
        checked_value("A", raw)


def test_the_key_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    first, second = comparison_key(tmp_path, {}), comparison_key(tmp_path, {})
    assert first.name == second.name
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert first.hash(Secret("a")) == second.hash(Secret("a")) != first.hash(Secret("b"))
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        comparison_key(tmp_path, {})
