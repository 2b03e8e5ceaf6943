"""What people see: nothing is cut off, and a pipe gets what was asked for."""

from __future__ import annotations

import io
import sys

import pytest
from rich.table import Table
from rich.text import Text

from deploy.events.console import PROGRESS_VARIABLE, Progress, print_result, progress

REASON = " ".join(f"word{number}" for number in range(60)) + " " + "x" * 300


def printed(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """A table of one row with a long reason, as standard output gets it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    table = Table(box=None)
    table.add_column("version")
    table.add_column("reason")
    table.add_row("0.1.0+0123456789ab", Text(REASON))
    print_result(table)
    return output.getvalue()


def test_in_a_pipe_a_row_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    heading, row = printed(monkeypatch).splitlines()
    assert "version" in heading
    assert REASON in row


def test_a_narrow_terminal_folds_and_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    said = printed(monkeypatch, FORCE_COLOR="1", TERM="dumb", COLUMNS="60")
    assert "…" not in said
    assert said.count("x") == REASON.count("x")
    assert max(len(line) for line in said.splitlines()) <= 60 + len("\x1b[1m\x1b[0m") * 6


def test_progress_is_told_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PROGRESS_VARIABLE, raising=False)
    assert progress() is Progress.AUTO
    monkeypatch.setenv(PROGRESS_VARIABLE, "text")
    assert progress() is Progress.TEXT
