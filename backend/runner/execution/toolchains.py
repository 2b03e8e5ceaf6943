"""Finds the toolchains of this host, asks for their versions, and fills their compile caches."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path

from backend.runner.execution.compiled import Program
from backend.runner.execution.variables import Variables, cache_place
from backend.runner.languages import Language, all_languages
from backend.runner.languages.language import arguments
from backend.runner.sandbox.host import Host
from backend.runner.sandbox.limits import Limits
from backend.runner.sandbox.slots import Slot
from backend.runner.sandbox.step import Step
from backend.runner.sandbox.verdict import Ending

_log = logging.getLogger("codecanvas.runner")

_PACKAGES = Path("/var/lib/dpkg/info")
"""Where Debian's package manager has a list of files for each package that is installed."""


def offered(host: Host, *, whole: bool) -> dict[str, Language]:
    """The declared languages whose toolchains are on `host`, by name, each without tools that are missing.

    `whole`: as in an image, where every package of a language is installed or the language is not offered.
    """
    languages = all_languages()
    there = {name: _as_here(host, one) for name, one in languages.items() if has(host, one, whole=whole)}
    if left_out := sorted(languages.keys() - there.keys()):
        _log.info("left out, since their toolchains are not on this host: %s", ", ".join(left_out))
    return there


def _as_here(host: Host, language: Language) -> Language:
    """`language` without the formatter, tests and libraries that are missing on this host."""
    formatter = language.formatter
    if formatter is not None and not (_finds(host, formatter[0]) and _has_file(language.formatter_needs)):
        language = dataclasses.replace(language, formatter=None)
    if language.testing is not None and not _has_file(language.testing.needs):
        language = dataclasses.replace(language, testing=None)
    return with_libraries(language)


def has(host: Host, language: Language, *, whole: bool = False) -> bool:
    """Whether the toolchain is on `host`: its Debian packages, or else the program that prints its version.

    `whole`: only its packages count, as in an image. Another package may bring a part of a toolchain.
    """
    installed = bool(language.packages) and all(map(_installed, language.packages))
    if installed or (whole and language.packages):
        return installed
    return not language.shared_version and _finds(host, language.version[0])


def with_libraries(language: Language) -> Language:
    """`language` with its installed libraries and their variables."""
    there = tuple(one for one in language.libraries if _installed(one.package))
    more = (pair for one in there if _has_file(one.needs) for pair in one.variables)
    return dataclasses.replace(language, libraries=there, variables=(*language.variables, *more))


def _finds(host: Host, command: str) -> bool:
    """Whether programs can start a program of that name."""
    return any((Path(place) / command).exists() for place in host.outer_search_path)


def _has_file(path: str) -> bool:
    """Whether the absolute path exists; True for an empty path."""
    return not path or Path(path).exists()


def _installed(package: str) -> bool:
    """Whether the Debian package is installed.

    Of one that was removed and not purged, dpkg still lists the configuration files, but not the root directory.
    """
    for architecture in ("", ":amd64", ":arm64"):
        with contextlib.suppress(OSError):
            return (_PACKAGES / f"{package}{architecture}.list").read_bytes().startswith(b"/.\n")
    return False


async def ask_version(slot: Slot, language: Language, variables: Variables) -> str | None:
    """First line of the toolchain's own version output; None if it does not work on this host.

    Raises SandboxError where the slot is lost.
    """
    limits = Limits(timeout=20, memory_kb=1024 * 1024, processes=256)
    step = Step(command=language.version, limits=limits, variables=variables.of_run(language), calls=language.calls)
    verdict = await slot.run(step)
    if verdict.ending is not Ending.EXITED or verdict.status != 0:
        return None
    lines = (verdict.stdout or verdict.stderr).decode("utf-8", "replace").splitlines()
    return lines[0].strip() if lines else ""


async def fill_cache(slot: Slot, language: Language, variables: Variables) -> bool:
    """Fill the language's compile cache from `slot`, which can write it. Returns whether it succeeded.

    Raises SandboxError where the slot is lost.
    """
    if language.cache is None or language.compile is None:
        return False
    limits = Limits(
        timeout=300,
        cpu_seconds=600,
        memory_kb=2 * 1024 * 1024,
        processes=256,
        disk_kb=256 * 1024,
        file_kb=256 * 1024,
    )
    step = Step(
        command=language.cache.fill or arguments(language.compile), limits=limits, compiles=True,
        files={language.source: language.cache.warm_up.encode()},
        variables=(*variables.of_run(language), (language.cache.variable, cache_place(language))),
    )  # fmt: skip
    verdict = await slot.run(step)
    if verdict.program is not None:
        Program(verdict.program, verdict).close()
    if verdict.status != 0:
        _log.warning("%s: %s %s", language.name, verdict.ending, verdict.stderr.decode("utf-8", "replace")[-500:])
    return verdict.ending is Ending.EXITED and verdict.status == 0
