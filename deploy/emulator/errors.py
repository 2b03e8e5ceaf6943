"""The emulator's errors, as two trees: one for the person who runs it, one for its clients.

EmulatorError               the emulator could not be started, stopped or kept running; says what to do next
├── ChildFailed             the edge or the registry ended or never answered
├── EngineFailed            the Docker engine refused something
└── StateBroken             a file of the state directory cannot be read

Refusal                     answered to a client as the provider would; never ends the emulator
├── FlyRefusal              {"error", "status"}
└── PagesRefusal            {"success": false, "errors": [{"code", "message"}]}

RuleWrong, CheckWrong, DeploymentWrong: what a client or a person sent cannot be understood; whoever answers
them makes a Refusal of it.

Both trees stand apart from the pipeline's own errors: the emulator shares no code with the clients it serves.
"""

from __future__ import annotations

from pathlib import Path


class EmulatorError(Exception):
    """The emulator cannot work. `log` is the file that holds the whole story, when there is one."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class ChildFailed(EmulatorError):
    """A child process (edge, registry) ended by itself or did not come up."""


class EngineFailed(EmulatorError):
    """The Docker engine could not do what was asked."""


class StateBroken(EmulatorError):
    """A state file is unreadable; the message names it and what removing it would lose."""


class Refusal(Exception):
    """An answer other than success. `status` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class FlyRefusal(Refusal):
    """A refusal of the Machines API; `code` is its status word (`unknown`, or `name_taken`)."""

    def __init__(self, status: int, message: str, code: str = "unknown") -> None:
        super().__init__(status, message)
        self.code = code


class PagesRefusal(Refusal):
    """A refusal of the Pages API; `code` is Cloudflare's number (10000: authentication)."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status, message)
        self.code = code


class RuleWrong(ValueError):
    """A rule that says nothing sensible; the message says what a right one has."""


class CheckWrong(ValueError):
    """A check's or duration's configuration cannot be understood."""


class DeploymentWrong(ValueError):
    """A manifest that cannot be deployed; the message names the path."""
