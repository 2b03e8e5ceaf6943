"""The events of a run, and how they are read from server-sent events or a session's messages."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from backend.runner.api.models import CompileAnswer, ResultAnswer
from backend.runner.client.errors import NotUnderstood, refusal


@dataclasses.dataclass(frozen=True)
class Phase:
    """A step begins: "compile", or "run" with the report of the compile before it."""

    name: str
    compile: CompileAnswer | None = None


@dataclasses.dataclass(frozen=True)
class Output:
    """The program wrote to "stdout" or "stderr"."""

    stream: str
    data: bytes

    @property
    def text(self) -> str:
        """The output as text; invalid UTF-8 becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")


@dataclasses.dataclass(frozen=True)
class Result:
    """The result; the last event."""

    answer: ResultAnswer


Event = Phase | Output | Result


def read_event(kind: str, content: Mapping[str, Any]) -> Event:
    """An event from its type and content. Raises RunnerApiError for an error event, and NotUnderstood."""
    try:
        match kind:
            case "phase":
                compiled = content.get("compile")
                return Phase(content["phase"], compiled and msgspec.convert(compiled, CompileAnswer))
            case "output":
                data = content["data"]
                raw = base64.b64decode(data) if content.get("encoding") == "base64" else data.encode()
                return Output(content["stream"], raw)
            case "result":
                answer = {name: value for name, value in content.items() if name != "type"}
                return Result(msgspec.convert(answer, ResultAnswer))
            case "error":
                raise refusal(
                    content["error"], content.get("status", 500), content.get("request_id", ""),
                    content.get("retry_after"),
                )  # fmt: skip
    except (KeyError, AttributeError, ValueError, msgspec.ValidationError) as error:
        raise NotUnderstood(f"an event {kind!r} that makes no sense") from error
    raise NotUnderstood(f"an event of an unknown kind, {kind[:100]!r}")


class EventReader:
    """Reads events from the lines of server-sent events."""

    def __init__(self) -> None:
        self._kind = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Iterator[Event]:
        """The events that `line`, without its end, completes: one or none."""
        if not line:
            if self._data:
                yield read_event(self._kind, _object("\n".join(self._data)))
            self._kind, self._data = "", []
            return
        field, _, value = line.partition(":")
        if field == "event":
            self._kind = value.removeprefix(" ")
        elif field == "data":
            self._data.append(value.removeprefix(" "))


def read_message(text: str | bytes) -> Event:
    """An event from a session's message."""
    message = _object(text)
    return read_event(str(message.get("type")), message)


def _object(text: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise NotUnderstood("an event that is no JSON object") from error
