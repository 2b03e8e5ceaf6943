"""What a language is: how its programs are written to disk, compiled and run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from backend.runner.languages.imports import Held
from backend.runner.languages.testing import Testing
from backend.runner.sandbox.limits import Limits

PROGRAM = "/program/main"
"""Where a compile step leaves its program, as the sandbox sees it. Other files beneath /program are kept as well."""

OPTIONS = "{options}"
"""In `compile` or `run`: where the options that a request asked for go."""

LINES = "/opt/output/lines.o"
"""What is linked into programs that print by C's stdio, so that their lines are written as they end."""

PRELOADED_LINES = (("LD_PRELOAD", "/opt/output/lines.so"),)
"""`run_variables` of interpreters that print by C's stdio, to the same end; they take it out of their environment."""

HELD = "/opt/output/hold.so"
"""What is preloaded into interpreters that are held at their program."""

PRELOADED_WRITES = (("LD_PRELOAD", "/opt/output/writes.so"),)
"""The same of interpreters that write each print at once: what keeps a flood of them quick."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cache:
    """What compiles are quicker with: a directory that is filled once, and then seen read-only as /cache.

    An image is built with it; elsewhere the service fills it when it starts.
    """

    variable: str
    """Environment variable that tells the compiler where it is; set only in compile steps that have it."""
    warm_up: str
    """Source whose compile fills it; written to the language's source file."""
    fill: tuple[str, ...] | None = None
    """Command that fills it, in a compile step where /cache may be written; None for the language's own `compile`."""


def arguments(command: tuple[str, ...], options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`command` with `options` where it says OPTIONS.

    An option with a value ("-std=c++17") takes the place of what the command itself gives that name.
    """
    names = tuple(option.partition("=")[0] + "=" for option in options if "=" in option)
    expanded: list[str] = []
    for word in command:
        if word == OPTIONS:
            expanded += options
        elif not (names and word.startswith(names)):
            expanded.append(word)
    return tuple(expanded)


@dataclasses.dataclass(frozen=True)
class Library:
    """A library that programs of a language may use without installing it."""

    name: str
    """As people call it."""
    package: str
    """Debian package that brings it."""
    core: bool = False
    """Whether the small image has it; the others come with an image that has more than the core languages."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of the language's programs where it is there."""
    needs: str = ""
    """A file, by absolute path, without which these variables are not set; the image brings it."""
    held: tuple[Held, ...] = ()
    """Its modules that a template may have imported before a program begins."""


@dataclasses.dataclass(frozen=True)
class Hold:
    """That an interpreter is started before there is a program, and held where it asks for its file; launcher/hold.c.

    What it does then is what it always does. Its arguments are those of `run`, so runs with others are started anew.
    """

    at: str
    """Where: "t" at its first touch of the file, "r" where it reads it first, "o" as Ruby needs it."""
    forks: bool = False
    """Whether runs are forked from it there: it has one thread, or is Ruby. Else it is used once."""
    anew: tuple[bytes, ...] = ()
    """A program with one of these bytes in it starts anew: it tells of all that its process ever did."""

    def variables(self, source: str, run_variables: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Environment variables that hold an interpreter at the file `source`, and what it preloads otherwise."""
        preloaded = [value for name, value in run_variables if name == "LD_PRELOAD"]
        others = [(name, value) for name, value in run_variables if name != "LD_PRELOAD"]
        return (*others, ("LD_PRELOAD", ":".join([*preloaded, HELD])), ("CODECANVAS_HELD", self.at + source))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Language:
    """One language. A module in this package that defines `LANGUAGE` adds it to the service."""

    name: str
    title: str = ""
    """What people call it: "C++", "JavaScript"."""
    aliases: tuple[str, ...] = ()
    """Other names that a request may give it, in lower case."""
    packages: tuple[str, ...] = ()
    """Debian packages that bring its toolchain; they make one layer of the image."""
    libraries: tuple[Library, ...] = ()
    """What its programs may use beside the standard library; each is offered where its package is there."""
    core: bool = False
    """Whether it is in the small image that a rehearsal builds."""
    version: tuple[str, ...]
    """Command whose first output line names the toolchain's version; it fails where there is none."""
    source: str
    """Name of the file that the source is written to, in the work directory."""
    compile: tuple[str, ...] | None = None
    """Command that makes PROGRAM out of the source; None where there is nothing to compile."""
    through: tuple[str, ...] = ()
    """Words before `compile` in the service, where a request has neither options nor further sources: a shell that
    comes to the same in less time where it can, and otherwise executes the command."""
    sources: tuple[str, ...] = ()
    """How the names of further source files end: those of a request are compiled with its program, and stand beside it
    where `compile` says `source`. Empty where the compiler finds by itself what a program imports."""
    inclusion: str = ""
    """Regular expression (any case, line by line) whose group is the name of a file that a source includes as text;
    such a file is not compiled by itself."""
    unix_lines: bool = False
    """Whether its lines must end as Unix has it: a carriage return would be part of the last word."""
    modules: tuple[str, str] | None = None
    """Two of these, where sources must be compiled in their order: the name of a module that a file defines, and of one
    that it needs."""
    run: tuple[str, ...]
    """Command that runs the program; the request's arguments are appended."""
    hello: str
    """A program that prints `hello_output`: what readiness, smoke tests and baselines run."""
    hello_output: str = "Hello, world!\n"
    sample: str = ""
    """An idiomatic program of some ten to thirty lines that shows the language, reads no input and prints
    `sample_output`."""
    sample_output: str = ""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Compiler or interpreter options that a request may ask for, by regular expression that the whole option must
    match, with what it does; they are inserted at OPTIONS in `compile`, or in `run` where nothing is compiled."""
    formatter: tuple[str, ...] | None = None
    """Command that reads a program from stdin and prints it formatted; None where there is none."""
    formatter_needs: str = ""
    """A file, by absolute path, without which the formatter does not work."""
    testing: Testing | None = None
    """How its tests are run; None where the language has no way of its own."""
    calls: tuple[str, ...] = ()
    """System calls that this language needs beyond the sandbox's allow-list."""
    fork_server: bool = False
    """Whether runs are forked from a template interpreter where the settings allow it."""
    warm: tuple[str, ...] | None = None
    """Command of a process that is started before it is needed, does its start-up work, reads a line of JSON
    `{"argv": [...], "env": {...}}` from descriptor 3, then runs the program; used once. None where there is none."""
    warm_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Files of the service that the warm process reads, by absolute path in the sandbox beneath /opt/warm."""
    hold: Hold | None = None
    """How its interpreter is started ahead of a program; None where it is not."""
    waiting_mb: int = 64
    """MiB that a process of its which waits is counted as: not less than what the benchmark's table says."""
    compile_hold: Hold | None = None
    """How its compiler is started ahead of a program; None where it is not."""
    compile_waiting_mb: int = 64
    """The same of a compiler."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of both steps, beside those that every run has."""
    run_variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of runs that are started anew; what they name takes them away before the program begins."""
    limits: Limits = dataclasses.field(default_factory=Limits)
    """Limits of a run where the request does not say otherwise; its timeout is the service's."""
    compile_limits: Limits = dataclasses.field(
        default_factory=lambda: Limits(
            timeout=30,
            cpu_seconds=60,
            memory_kb=1024 * 1024,
            output_bytes=256 * 1024,
            processes=128,
            open_files=1024,
            file_kb=256 * 1024,
            disk_kb=256 * 1024,
            inodes=65536,
        )
    )
    cache: Cache | None = None
