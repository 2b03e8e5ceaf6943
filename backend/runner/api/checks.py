"""Makes a RunRequest of a body: checks its language, options, files and limits against what the service offers."""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping

import msgspec
from msgspec import UnsetType

from backend.runner.api.models import CaseBody, FileBody, RunBody
from backend.runner.errors import InvalidRequest
from backend.runner.execution.environment import check_environment
from backend.runner.execution.request import (
    Case,
    RunRequest,
    check_arguments,
    check_collect,
    check_files,
    check_options,
    for_tests,
    run_limits,
)
from backend.runner.languages import Language, in_order
from backend.runner.languages.text import plain, plain_files


class Catalogue:
    """Finds languages by name or alias, and makes requests of bodies."""

    def __init__(self, languages: Mapping[str, Language], timeout: float) -> None:
        self.languages = languages
        self.timeout = timeout
        """Seconds that a run may take: default and ceiling."""
        self._names = {alias.lower(): one for one in languages.values() for alias in one.aliases}
        self._names |= {one.name.lower(): one for one in languages.values()}

    def find(self, name: str) -> Language:
        """The language of that name or alias, in any case. Raises InvalidRequest naming those there are."""
        language = self._names.get(name.lower())
        if language is None:
            supported = ", ".join(in_order(self.languages))
            raise InvalidRequest(f"language {name[:100]!r} is not supported; choose one of: {supported}")
        return language

    def request(self, body: RunBody, terminal: tuple[int, int] | None = None, interactive: bool = False) -> RunRequest:
        """The request that `body` asks for. Raises InvalidRequest naming the field at fault."""
        language = self.find(body.language)
        files = {text_bytes(name, "files").decode(): _file(name, one) for name, one in body.files.items()}
        report = None
        if body.mode == "test":
            language, report = for_tests(language, files, body.args)
        check_files(files, language.source)
        asked = {} if body.limits is None else msgspec.structs.asdict(body.limits)
        return RunRequest(
            language=language,
            source=plain(language, _source(body)),
            stdin=_either(body.stdin, body.stdin_base64, "stdin") or b"",
            args=_arguments(body.args, "args"),
            files=plain_files(language, files),
            executables=frozenset(name for name, one in body.files.items() if _is_executable(one)),
            env=check_environment(body.env),
            collect=check_collect(tuple(body.collect)),
            ordered=body.order,
            report=report,
            options=check_options(tuple(body.options), language),
            limits=run_limits(asked, language.limits, self.timeout),
            interactive=interactive,
            terminal=terminal,
        )

    def cases(self, bodies: list[CaseBody], request: RunRequest) -> Iterator[Case]:
        """The cases of a batch. What a case leaves out is taken from the request."""
        for number, one in enumerate(bodies):
            place = f"cases[{number}]"
            stdin = _either(one.stdin, one.stdin_base64, f"{place}.stdin")
            args = None if isinstance(one.args, UnsetType) else _arguments(one.args, f"{place}.args")
            yield Case(stdin=request.stdin if stdin is None else stdin, args=args)

    @staticmethod
    def expected(body: CaseBody, number: int) -> bytes | None:
        """The output that a case expects; None if it expects none."""
        return _either(body.expected, body.expected_base64, f"cases[{number}].expected")


def _arguments(args: list[str], field: str) -> tuple[str, ...]:
    for argument in args:
        text_bytes(argument, field)
    check_arguments(tuple(args), field)
    return tuple(args)


def _source(body: RunBody) -> bytes:
    source = _either(body.source, body.source_base64, "source")
    if source is None:
        raise InvalidRequest("source is missing: give it as text, or as source_base64")
    return source


def _either(text: str | UnsetType, encoded: str | UnsetType, field: str) -> bytes | None:
    """The content of the text field or of the Base64 field; None if neither is given."""
    if isinstance(encoded, UnsetType):
        return None if isinstance(text, UnsetType) else text_bytes(text, field)
    if not isinstance(text, UnsetType):
        raise InvalidRequest(f"{field} and {field}_base64 are both given; give one")
    return from_base64(encoded, f"{field}_base64")


def _is_executable(content: str | FileBody) -> bool:
    return isinstance(content, FileBody) and content.executable


def _file(name: str, content: str | FileBody) -> bytes:
    if not isinstance(content, FileBody):
        return text_bytes(content, "files")
    place = f"files: {name[:100]!r}"
    if isinstance(content.base64, UnsetType) == isinstance(content.text, UnsetType):
        raise InvalidRequest(f"{place}: give its content once, as text or as base64")
    if isinstance(content.base64, str):
        return from_base64(content.base64, f"{place}: base64")
    return text_bytes(str(content.text), "files")


def text_bytes(text: str, field: str) -> bytes:
    """`text` in UTF-8. Raises InvalidRequest naming `field`: JSON can spell half a surrogate pair, no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{field} holds half a surrogate pair, which is no text") from error


def from_base64(text: str, field: str) -> bytes:
    """The bytes that `text` stands for. Raises InvalidRequest naming `field`."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError as error:  # binascii.Error among them
        raise InvalidRequest(f"{field} is not Base64: {error}") from error
