"""How the tests of a program are run, by what its language itself calls tests, and where their report is."""

from __future__ import annotations

import dataclasses
import enum

REPORT = ".tests"
"""Directory of the work directory where reports are written, and not told of as the program's own files."""


class Report(enum.Enum):
    """What tells how the tests ended."""

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
    """Debian packages that it needs beside the language's; in the image they are part of the language's layer."""
    needs: str = ""
    """A file that is there where these packages are; empty where the language alone is enough."""
    marks: str = ""
    """How the names of files of tests end; where none of a request's does, the source itself is one of them."""
    source: str = ""
    """The file that the source is then written to; empty for the language's own."""
    compile: tuple[str, ...] | None = None
    """Command that makes the tests out of the sources; None where nothing is compiled."""
    run: tuple[str, ...]
    """Command that runs all tests and writes `report`."""
    report: Report
