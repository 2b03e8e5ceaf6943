"""What the suites are made of."""

from deploy.settings.environments import ROOT
from deploy.verification.catalogue import SMOKE, TESTS


def test_the_smoke_suite_leaves_no_smoke_test_out() -> None:
    marked = [file for file in (ROOT / TESTS).rglob("test_*.py") if "mark.smoke" in file.read_text(encoding="utf-8")]
    places = [ROOT / path for path in SMOKE.paths]
    assert [file for file in marked if not any(file.is_relative_to(place) for place in places)] == []
    assert marked
