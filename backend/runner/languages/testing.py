"""How the tests of a program are run with the language's own test tool, and where their report is."""

from __future__ import annotations

import dataclasses
import enum

REPORT = ".tests"
"""Directory in the work directory for reports; its files are not collected as the program's own."""


class Report(enum.Enum):
    """The kind of report."""

    JUNIT = "junit"
    """Files beneath REPORT, as JUnit's own XML has it."""
    GO = "go"
    """What `go test -v` prints."""
    RUST = "rust"
    """What libtest prints."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Testing:
    """How a language's own tool tests a program."""

    packages: tuple[str, ...] = ()
    """Debian packages of the test tool; in the image they are part of the language's layer."""
    needs: str = ""
    """Absolute path of a file of these packages; empty if there are none."""
    marks: str = ""
    """Suffixes of test files. If no file of a request has one, its source is the test file."""
    source: str = ""
    """The file name that the source gets in that case; empty for the language's own."""
    compile: tuple[str, ...] | None = None
    """Command that compiles the tests; None for interpreted languages."""
    run: tuple[str, ...]
    """Command that runs all tests and writes `report`."""
    report: Report
