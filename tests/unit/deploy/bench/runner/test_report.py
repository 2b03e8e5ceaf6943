"""What the benchmark tells machines, people and the documentation."""

from xml.etree import ElementTree

import pytest

from deploy.bench.runner.chart import load_chart, peers_chart
from deploy.bench.runner.estimate import Ratio
from deploy.bench.runner.peers import Absent
from deploy.bench.runner.report import LanguageResult, PeerResult, Report
from deploy.bench.runner.throughput import Load


@pytest.fixture
def report() -> Report:
    peers = {
        "bare": PeerResult(7.5, Ratio(1.0, 0.98, 1.02)),
        "service": PeerResult(1.9, Ratio(0.25, 0.24, 0.27)),
        "docker run": PeerResult(210.0, Ratio(28.0, 27.0, 30.0)),
    }
    languages = {
        "c": LanguageResult(20.0, 22.0, 21.0, 30.0, Ratio(0.7, 0.6, 0.8), unique=True, waiting_mb=12.4),
        "bash": LanguageResult(2.0, 2.0, 2.0, 2.0, Ratio(1.0, 0.9, 1.1), unique=True, waiting_mb=0.62),
        "cobol": LanguageResult(90.0, 95.0, 92.0, None, None, unique=False),
    }
    loads = [Load(1, 400.0, 2.0, 3.0, 4.0, 0, 0, 0.01), Load(2, 700.0, 2.5, 3.5, 9.0, 5, 0, 0.02)]
    return Report(2, peers, [Absent("isolate", "not <installed>")], languages, loads, 100.0)


def test_machines_are_told_the_figures_that_are_promised(report: Report) -> None:
    body = report.to_json()
    assert (body["python_hello_ratio_to_bare"], body["runs_per_second"], body["cores"]) == (0.25, 700.0, 2)
    assert (body["bare_runs_per_second"], body["throughput_ratio_to_bare"]) == (100.0, 7.0)
    assert body["peers"]["docker run"]["ratio_to_bare"] == 28.0
    assert (body["languages"]["c"]["first_byte_ms"], body["languages"]["c"]["ratio_to_bare"]) == (20.0, 0.7)
    assert body["languages"]["cobol"]["ratio_to_bare"] is None
    assert (body["languages"]["c"]["waiting_mb"], body["languages"]["cobol"]["waiting_mb"]) == (12.4, None)
    assert body["absent"] == {"isolate": "not <installed>"}


def test_the_documentation_says_what_is_missing_and_what_is_not_unique(report: Report) -> None:
    text = report.markdown()
    assert "| service | 1.90 ms | 0.25 (0.24–0.27) |" in text
    assert "0.70 (0.60–0.80) | 12 MiB |" in text
    assert "1.00 (0.90–1.10) | 0.6 MiB |" in text
    assert "isolate is missing: not <installed>." in text
    assert "cobol" in text.rpartition("a compile cache may know them")[2]


def test_rows_have_as_many_cells_as_columns(report: Report) -> None:
    for _, columns, rows in report.tables():
        assert {len(row) for row in rows} == {len(columns)}


def test_charts_are_svg_that_says_everything(report: Report) -> None:
    peers, load = (" ".join(ElementTree.fromstring(draw(report)).itertext()) for draw in (peers_chart, load_chart))
    for name in report.peers:
        assert name in peers
    assert "1 client " in load
    assert "2 clients" in load
    assert "prefers-color-scheme: dark" in peers
