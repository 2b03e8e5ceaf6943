"""The one table of suites: read by `noxfile.py`, for people, and by `verify` and the rollout, for evidence.

Imports nothing of the project: nox reads it before there is an environment. A suite is added here; how many tests one
must have, for evidence, is in `expected.json`.
"""

from __future__ import annotations

from dataclasses import dataclass

TESTS = "tests/integration"


@dataclass(frozen=True)
class SuiteSpec:
    """Which tests a suite is, as pytest's arguments: `paths`, `always`, and those of one occasion.

    `by_hand`: against any environment, in `nox -s integration`; `as_evidence`: against what a release made of one.
    """

    name: str
    paths: tuple[str, ...]
    always: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    as_evidence: tuple[str, ...] = ()


INTEGRATION = SuiteSpec(
    "integration",
    (f"{TESTS}/api", f"{TESTS}/security", f"{TESTS}/frontend"),
    always=("-n", "2", "--attacks", "brief"),
    by_hand=("-m", "not browser"),
    # Of the page, what its place may break, in one engine: its bytes are the same everywhere, and `nox -s browser`
    # drives all of it in three.
    as_evidence=("-m", "not browser or deployed", "-k", "not firefox and not webkit"),
)
LOAD = SuiteSpec("load", (f"{TESTS}/rest", f"{TESTS}/load", f"{TESTS}/baseline"))
"""Tests that measure: they run by themselves."""
BROWSER = SuiteSpec("browser", (f"{TESTS}/frontend",), by_hand=("-n", "2", "--dist", "worksteal", "-m", "browser"))
SMOKE = SuiteSpec("smoke", (f"{TESTS}/api", f"{TESTS}/frontend/test_site.py"), ("-m", "smoke"))
"""The few checks of a fresh release. Its files are named: looking for its tests in all takes longer than they take."""

EVIDENCE = (INTEGRATION, LOAD)
"""The suites, in order, on which a promotion rests; parity of the page goes before them."""
