"""Attacks are run through the API like any program; after each, an innocent run must be right."""

from collections.abc import Callable
from typing import Any

import pytest

Attack = Callable[..., dict[str, Any]]


@pytest.fixture
def attack(run: Any) -> Attack:
    """Run a hostile program, then check that the service still runs others rightly and is not at fault itself."""

    def perform(language: str, source: str, **more: Any) -> dict[str, Any]:
        result: dict[str, Any] = run(language, source, **{"limits": {"timeout": 3}, **more})
        assert result["status"] != "internal_error", result
        after = run("python3", "print(6 * 7)")
        assert (after["status"], after["stdout"], after["stderr"]) == ("ok", "42\n", "")
        return result

    return perform
