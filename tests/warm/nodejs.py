"""Programs."""

from tests.warm.pair import Program

PROGRAMS: dict[str, Program] = {}
