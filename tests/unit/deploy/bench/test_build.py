"""What the build's benchmark says of the seconds that it measured."""

from __future__ import annotations

import pytest

from deploy.bench.build import Report, Times, bench_build
from deploy.errors import UsageError
from deploy.events.bus import Bus


def test_ratios_are_of_the_rounds_side_by_side() -> None:
    ours, theirs = Times((2.0, 3.0, 10.0)), Times((1.0, 3.0, 2.0))
    assert ours.median == 3.0
    assert ours.ratio(theirs) == (2.0, 1.0, 5.0)


def test_a_report_has_what_scripts_read() -> None:
    idle = {name: Times((seconds,)) for name, seconds in
            {"build": 0.4, "turbo": 0.2, "nx": 0.8, "list": 0.3, "invoke_list": 0.25}.items()}  # fmt: skip
    changed = {"service": Times((3.0,)), "page": Times((2.0,)), "docs": Times((0.5,))}
    made = {"service": ("image",), "page": ("page",), "docs": (), "second_clone": ()}
    body = Report(idle, changed, made, 0.7).to_json()
    assert body["noop_seconds"] == 0.4
    assert (body["turbo_noop_seconds"], body["nx_noop_seconds"]) == (0.2, 0.8)
    assert (body["change_service_seconds"], body["change_page_seconds"], body["change_docs_seconds"]) == (3.0, 2.0, 0.5)
    assert (body["second_clone_seconds"], body["rounds"]) == (0.7, 1)
    assert body["ratios"]["noop_to_turbo"] == [2.0, 2.0, 2.0]
    assert body["made"]["docs"] == body["made"]["second_clone"] == []


def test_no_rounds_measure_nothing() -> None:
    with pytest.raises(UsageError, match="give 1 or more"):
        bench_build(0, "core", Bus())
