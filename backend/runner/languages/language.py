"""What a declaration of a language consists of: how its programs are written to disk, compiled and run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from backend.runner.languages.imports import Held
from backend.runner.languages.resident import Resident
from backend.runner.languages.testing import Testing
from backend.runner.sandbox.limits import Limits

PROGRAM = "/program/main"
"""The path in the sandbox where a compile step leaves its program. Other files beneath /program are kept as well."""

OPTIONS = "{options}"
"""Placeholder in `compile` or `run` for the options of a request."""

LINES = "/opt/output/lines.o"
"""Object linked into programs that print with C's stdio, so that each line is written when it ends."""

PRELOADED_LINES = (("LD_PRELOAD", "/opt/output/lines.so"),)
"""`run_variables` with the same effect for interpreters. The library removes the variable from their environment."""

HELD = "/opt/output/hold.so"
"""Library preloaded into interpreters that are held at their program."""

PRELOADED_WRITES = (("LD_PRELOAD", "/opt/output/writes.so"),)
"""`run_variables` of interpreters that write each print at once: the library collects a flood of small writes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cache:
    """A directory that speeds up compiles: filled once, then mounted read-only as /cache.

    An image contains it filled; elsewhere the service fills it when it starts.
    """

    variable: str
    """Environment variable that tells the compiler where it is; set only in compile steps that have it."""
    warm_up: str
    """Source whose compile fills it; written to the language's source file."""
    fill: tuple[str, ...] | None = None
    """Command that fills it, in a compile step where /cache may be written; None for the language's own `compile`."""


def arguments(command: tuple[str, ...], options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`command` with `options` in place of OPTIONS.

    An option with a value ("-std=c++17") replaces the command's own option of that name.
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
    """Name for people."""
    package: str
    """Debian package that brings it."""
    core: bool = False
    """Whether the image of core languages contains it; the image of all languages contains every library."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of the language's programs if the library is installed."""
    needs: str = ""
    """Absolute path of a file without which these variables are not set; the image contains it."""
    held: tuple[Held, ...] = ()
    """Its modules that a template may have imported before a program begins."""


@dataclasses.dataclass(frozen=True)
class Hold:
    """Start an interpreter ahead of its program, and hold it when it opens its file. launcher/hold.c does that.

    From there it continues as always. Its arguments are those of `run`, so runs with other arguments start a new one.
    """

    at: str
    """When: "t" at its first system call on the file, "r" at its first read of it, "o" in Ruby's own way."""
    forks: bool = False
    """Whether it is a template that runs are forked from; that needs a single thread, or Ruby. Else it is used once."""
    anew: tuple[bytes, ...] = ()
    """Words that make a program start anew: with them it could observe what its process did before."""

    def variables(self, source: str, run_variables: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Environment variables that hold an interpreter at the file `source`, together with its `run_variables`."""
        preloaded = [value for name, value in run_variables if name == "LD_PRELOAD"]
        others = [(name, value) for name, value in run_variables if name != "LD_PRELOAD"]
        return (*others, ("LD_PRELOAD", ":".join([*preloaded, HELD])), ("CODECANVAS_HELD", self.at + source))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Language:
    """One language. A module in this package that defines `LANGUAGE` adds it to the service."""

    name: str
    title: str = ""
    """Name for people: "C++", "JavaScript"."""
    aliases: tuple[str, ...] = ()
    """Other names that requests may use, in lower case."""
    packages: tuple[str, ...] = ()
    """Debian packages that bring its toolchain; they make one layer of the image."""
    libraries: tuple[Library, ...] = ()
    """Libraries beside the standard one; each is offered if its package is installed."""
    core: bool = False
    """Whether the small image that a rehearsal builds contains it."""
    version: tuple[str, ...]
    """Command whose first output line names the toolchain's version; it fails if there is none."""
    shared_version: bool = False
    """Whether the program of `version` belongs to another language or to the system, so that its presence does not mean
    that this language is installed."""
    proves_readiness: bool = False
    """Whether the readiness check runs its `hello`. One language does; every image has it, and it starts quickly."""
    source: str
    """Name of the file that the source is written to, in the work directory."""
    compile: tuple[str, ...] | None = None
    """Command that makes PROGRAM from the source; None for interpreted languages."""
    through: tuple[str, ...] = ()
    """Words before `compile` for requests without options or further sources: a shell script that does the same in less
    time if it can, and otherwise executes the command."""
    sources: tuple[str, ...] = ()
    """Suffixes of further source files. Such files of a request are compiled with its program: they follow `source` in
    `compile`. Empty if the compiler finds imported files by itself."""
    inclusion: str = ""
    """Regular expression (any case, line by line) whose group is the name of a file that a source includes as text;
    such a file is not compiled by itself."""
    unix_lines: bool = False
    """Whether carriage returns at line ends must be removed: they would be part of the last word."""
    modules: tuple[str, str] | None = None
    """Two regular expressions, for languages whose sources must be compiled in order: the module that a file defines,
    and a module that it needs."""
    run: tuple[str, ...]
    """Command that runs the program; the request's arguments are appended."""
    hello: str
    """A program that prints `hello_output`. Readiness checks, smoke tests and baselines run it."""
    hello_output: str = "Hello, world!\n"
    sample: str = ""
    """An idiomatic program of some ten to thirty lines that shows the language, reads no input and prints
    `sample_output`."""
    sample_output: str = ""
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Compiler or interpreter options that a request may ask for, by regular expression that the whole option must
    match, with what it does; they are inserted at OPTIONS in `compile`, or in `run` where nothing is compiled."""
    formatter: tuple[str, ...] | None = None
    """Command that reads a program from stdin and prints it formatted; None if there is none."""
    formatter_needs: str = ""
    """Absolute path of a file that the formatter needs."""
    testing: Testing | None = None
    """How its tests are run; None if the language has no tests of its own."""
    calls: tuple[str, ...] = ()
    """System calls that this language needs beyond the sandbox's allow-list."""
    fork_server: bool = False
    """Whether runs are forked from a template interpreter, if RUNNER_ACCELERATIONS allows it."""
    template_variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of that template interpreter, beside those of a run."""
    warm: tuple[str, ...] | None = None
    """Command of a process that is started before it is needed, does its start-up work, reads a line of JSON
    `{"argv": [...], "env": {...}}` from descriptor 3, then runs the program; used once. None if nothing waits."""
    warm_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Files of the service that the warm process reads, by absolute path in the sandbox beneath /opt/warm."""
    warm_build: str = ""
    """Directory of languages/warm whose build.sh compiles what `warm` and `resident` read; a sandbox sees the result
    beneath /opt/warm by the same name. An image brings it; elsewhere the service builds it when it starts."""
    resident: Resident | None = None
    """Its resident compiler; None if each compile starts one."""
    hold: Hold | None = None
    """How its interpreter is started ahead of a program; None if it is not."""
    waiting_mb: int = 64
    """MiB of RUNNER_WARM_MB that a waiting process counts as: at least what docs/benchmarks.md reports."""
    compile_hold: Hold | None = None
    """How its compiler is started ahead of a program; None if it is not."""
    compile_waiting_mb: int = 64
    """MiB that a waiting compiler counts as."""
    variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of both steps, beside those that every run has."""
    run_variables: tuple[tuple[str, str], ...] = ()
    """Environment variables of runs that start a new process; the libraries that they name remove them again."""
    limits: Limits = dataclasses.field(default_factory=Limits)
    """Default limits of a run. The timeout is the service's."""
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
