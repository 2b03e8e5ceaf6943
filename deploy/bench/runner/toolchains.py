"""A language's bare toolchain: the commands of its declaration, in directories of its own instead of a sandbox's."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.runner.languages.language import Language, arguments
from deploy.bench.runner.spawn import CLEAN, spawn
from deploy.errors import DeployError

_SLASHES, _HASH, _DASHES, _SEMICOLON, _PERCENT = "// {}\n", "# {}\n", "-- {}\n", "; {}\n", "% {}\n"

_SERVICES = "/opt/output"

COMMENTS = {
    "ada": _DASHES, "assembly": _HASH, "awk": _HASH, "bash": _HASH, "c": _SLASHES, "c#": _SLASHES, "c++": _SLASHES,
    "clojure": _SEMICOLON, "d": _SLASHES, "elixir": _HASH, "erlang": _PERCENT, "fortran": "! {}\n", "go": _SLASHES,
    "haskell": _DASHES, "java": _SLASHES, "lisp": _SEMICOLON, "lua": _DASHES, "nodejs": _SLASHES, "ocaml": "(* {} *)\n",
    "pascal": _SLASHES, "perl": _HASH, "prolog": _PERCENT, "python3": _HASH, "r": _HASH, "raku": _HASH, "ruby": _HASH,
    "rust": _SLASHES, "scheme": _SEMICOLON, "sqlite": _DASHES, "tcl": _HASH, "typescript": _SLASHES,
}  # fmt: skip


def program(language: Language, number: str) -> str:
    """The language's hello world, with a comment that no other has, so that no cache knows it."""
    comment = COMMENTS.get(language.name)
    return language.hello if comment is None else f"{language.hello}\n{comment.format(number)}"


def plain(command: Sequence[str]) -> list[str]:
    """`command` without what the service adds to have output in time: a bare toolchain has no such files."""
    kept: list[str] = []
    for word in command:
        if _SERVICES not in word or "\n" in word:  # of a script, the lines
            kept.append("\n".join(line for line in word.split("\n") if _SERVICES not in line))
        elif kept[-1] == "-l":  # Guile's option that loads a file
            kept.pop()
    return [word for word in kept if word != "-mlines"]  # Perl's module, of the directory that was left out


class Toolchain:
    """Takes a source to its result, as a person at a shell would."""

    def __init__(self, language: Language, place: Path) -> None:
        self._language, self._place = language, place
        for name in ("work", "program", "cache"):
            (place / name).mkdir()
        self._environment = {**CLEAN, "HOME": str(place / "work")}
        self._environment |= {name: self._here(value) for name, value in language.variables}

    def _here(self, text: str) -> str:
        for name in ("/program", "/work"):
            text = text.replace(name, str(self._place) + name)
        return text

    def seconds(self, source: str) -> float:
        """Seconds from the source until the program has ended; raises DeployError unless it says what it should."""
        work = self._place / "work"
        begun = time.perf_counter()
        (work / self._language.source).write_text(source)
        status, output = 0, b""
        for command in filter(None, (self._language.compile, self._language.run)):
            words = [self._here(word) for word in plain(arguments(command))]
            _, status, output = spawn(words, environment=self._environment, directory=work)
            if status:
                break
        seconds = time.perf_counter() - begun
        if status or output.decode(errors="replace") != self._language.hello_output:
            raise DeployError(f"{self._language.name} does not work outside the service: {status}, {output[-300:]!r}")
        return seconds


@contextmanager
def toolchain(language: Language) -> Iterator[Toolchain | None]:
    """The toolchain after a first use, so that its own caches are warm; None where it does not work on this machine."""
    with TemporaryDirectory(prefix="codecanvas-bench-", ignore_cleanup_errors=True) as place:
        made = Toolchain(language, Path(place))
        try:
            made.seconds(program(language, "first"))
        except (DeployError, OSError):
            yield None
            return
        yield made
