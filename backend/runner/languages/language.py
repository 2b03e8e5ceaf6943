"""What a language is: how its programs are written to disk, compiled and run."""

from __future__ import annotations

import dataclasses

from backend.runner.sandbox.limits import Limits

PROGRAM = "/program/main"
"""Where a compile step leaves its program, as the sandbox sees it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cache:
    """A compile cache, warmed once by the service and read-only to every run.

    `variable` tells the compiler where it is; `warm_up` is a source whose compile fills it.
    """

    variable: str
    warm_up: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Language:
    """One language. A module in this package that defines `LANGUAGE` adds it to the service."""

    name: str
    version: tuple[str, ...]
    """Command whose first output line names the toolchain's version; it fails where there is none."""
    source: str
    """Name of the file that the source is written to, in the work directory."""
    compile: tuple[str, ...] | None = None
    """Command that makes PROGRAM out of the source; None where there is nothing to compile."""
    run: tuple[str, ...]
    """Command that runs the program; the request's arguments are appended."""
    hello: str
    """A program that prints `hello_output`: what readiness, smoke tests and baselines run."""
    hello_output: str = "Hello, world!\n"
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of both steps, beside those that every run has."""
    limits: Limits = dataclasses.field(default_factory=Limits)
    """Limits of a run where the request does not say otherwise; its timeout is the service's."""
    compile_limits: Limits = dataclasses.field(
        default_factory=lambda: Limits(timeout=30, memory_kb=1024 * 1024, output_bytes=256 * 1024, processes=128)
    )
    cache: Cache | None = None
