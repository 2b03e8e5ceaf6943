"""The messages that a client may send in a session after the first one."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from backend.runner.api.checks import from_base64, text_bytes
from backend.runner.api.parse import check_fields, convert, decode
from backend.runner.errors import InvalidRequest
from backend.runner.execution.listener import Controls

SignalName = Literal["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGTSTP", "SIGCONT"]


class Command(Struct, forbid_unknown_fields=True, tag_field="type"):
    """A command to a running program."""

    @property
    def size(self) -> int:
        """Bytes that it types."""
        return 0

    def carry_out(self, controls: Controls) -> None:
        """Do it."""


class Stdin(Command, tag="stdin"):
    """Type `data`, or the bytes that `base64` stands for."""

    data: str | UnsetType = UNSET
    base64: str | UnsetType = UNSET

    @property
    def size(self) -> int:
        """Bytes that it types."""
        return len(self.bytes())

    def bytes(self) -> bytes:
        """The bytes to type. Raises InvalidRequest naming the field at fault."""
        if isinstance(self.data, UnsetType) == isinstance(self.base64, UnsetType):
            raise InvalidRequest("data or base64 must be given, and not both")
        if isinstance(self.base64, str):
            return from_base64(self.base64, "base64")
        return text_bytes(str(self.data), "data")

    def carry_out(self, controls: Controls) -> None:
        """Type it."""
        controls.stdin(self.bytes())


class Eof(Command, tag="eof"):
    """No more will be typed."""

    def carry_out(self, controls: Controls) -> None:
        """Say so."""
        controls.end_stdin()


class Signal(Command, tag="signal"):
    """Send a signal to the program's foreground group."""

    name: SignalName

    def carry_out(self, controls: Controls) -> None:
        """Send it."""
        controls.signal(self.name)


class Resize(Command, tag="resize"):
    """The client's terminal has another size now."""

    rows: Annotated[int, Meta(ge=1, le=1000)]
    columns: Annotated[int, Meta(ge=1, le=1000)]

    def carry_out(self, controls: Controls) -> None:
        """Pass it on."""
        controls.resize(self.rows, self.columns)


class Stop(Command, tag="stop"):
    """End the program at once."""

    def carry_out(self, controls: Controls) -> None:
        """End it."""
        controls.stop()


COMMANDS: dict[str, type[Command]] = {"stdin": Stdin, "eof": Eof, "signal": Signal, "resize": Resize, "stop": Stop}


def read_command(text: bytes) -> Command:
    """The message as a command. Raises InvalidRequest naming the field at fault."""
    document = decode(text, "type")
    kind = document.get("type")
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise InvalidRequest(f"type must be one of {', '.join(COMMANDS)}")
    content = {name: value for name, value in document.items() if name != "type"}
    check_fields(content, COMMANDS[kind])
    command = convert(document, COMMANDS[kind])
    _ = command.size  # check its content now: it may be carried out much later
    return command


def to_json(command: Command) -> str:
    """The message as it is sent."""
    return msgspec.json.encode(command).decode()
