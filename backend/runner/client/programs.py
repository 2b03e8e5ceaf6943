"""Programs and cases as the service reads them. Content may be text or bytes, which are sent as Base64."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar

from msgspec import UNSET, UnsetType

from backend.runner.api.models import BatchBody, CaseBody, FileBody, LimitsBody, RunBody, SessionBody, TerminalBody

Content = str | bytes
Body = TypeVar("Body", bound=RunBody)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Program:
    """A program with its input, files, options and limits."""

    language: str
    source: Content
    stdin: Content = ""
    args: Sequence[str] = ()
    options: Sequence[str] = ()
    """Options of the compiler or the interpreter; /api/v1/languages lists them."""
    files: Mapping[str, Content | FileBody] = dataclasses.field(default_factory=dict)
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    collect: Sequence[str] = ()
    """Patterns of files to collect."""
    order: bool = False
    """Whether the order of stdout and stderr is kept exactly."""
    mode: Literal["run", "test"] = "run"
    """Whether the program is run, or its tests."""
    limits: LimitsBody | None = None
    encoding: Literal["utf-8", "base64"] = "utf-8"
    """Encoding of the output in the answer."""

    def body(self) -> RunBody:
        """The body of a run."""
        return _fill(RunBody(language=self.language), self)

    def batch(self, cases: Sequence[Case], compare: Literal["exact", "trimmed"] = "trimmed") -> BatchBody:
        """The body of a batch."""
        bodies = [one.body() for one in cases]
        return _fill(BatchBody(language=self.language, cases=bodies, compare=compare), self)

    def session(self, terminal: tuple[int, int] | None = None) -> SessionBody:
        """The first message of a session; `terminal` is its rows and columns."""
        size = None if terminal is None else TerminalBody(rows=terminal[0], columns=terminal[1])
        return _fill(SessionBody(language=self.language, terminal=size), self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One run of a batch. What it leaves out is taken from the program."""

    stdin: Content | None = None
    args: Sequence[str] | None = None
    expected: Content | None = None

    def body(self) -> CaseBody:
        """The case as the service reads it."""
        stdin, stdin_base64 = _content(self.stdin)
        expected, expected_base64 = _content(self.expected)
        args: list[str] | UnsetType = UNSET if self.args is None else list(self.args)
        return CaseBody(
            stdin=stdin, stdin_base64=stdin_base64, args=args, expected=expected, expected_base64=expected_base64
        )


def _fill(body: Body, program: Program) -> Body:
    body.source, body.source_base64 = _content(program.source)
    body.stdin, body.stdin_base64 = _content(program.stdin or None)
    body.args, body.options = list(program.args), list(program.options)
    body.files = {name: _file(content) for name, content in program.files.items()}
    body.mode = program.mode
    body.env, body.collect, body.order = dict(program.env), list(program.collect), program.order
    body.limits, body.encoding = program.limits, program.encoding
    return body


def _content(content: Content | None) -> tuple[str | UnsetType, str | UnsetType]:
    """The content as text and as Base64; at least one of them is UNSET."""
    if content is None:
        return UNSET, UNSET
    if isinstance(content, bytes):
        return UNSET, base64.b64encode(content).decode("ascii")
    return content, UNSET


def _file(content: Content | FileBody) -> str | FileBody:
    return FileBody(base64=base64.b64encode(content).decode("ascii")) if isinstance(content, bytes) else content
