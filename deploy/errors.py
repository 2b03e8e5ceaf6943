"""The pipeline's errors, as one tree. Every message ends with what to do next.

DeployError                     exit 1: the work failed
├── UsageError                  exit 2: the command or its surroundings are wrong; nothing was tried
│   ├── ConfigurationError      a settings file: names file, line and key
│   ├── TokenMissing            names the token and where it may stand
│   └── MachineLacks            a program or package this machine needs: names the exact command
├── BuildFailed                 an image or a bundle could not be made; carries the log's path
├── NotProven                   a gate refused a promotion; carries each reason
├── RolloutFailed               a deployment failed and was rolled back
│   └── Unfinished              a rollout stopped half-way; `resume` finishes it or rolls it back
├── ReleaseFault                the release itself is bad: unhealthy, wrong digest, failed verdict or suite
│   ├── Unhealthy               machines that were not healthy in time
│   └── SuiteFailed             a suite found something wrong
├── NotChecked                  a check could not be made: the release is neither proven nor at fault
│   └── SuiteNotRun             a suite was not run to its end
├── GitTimeout                  git gave no answer in time and was ended
└── LedgerError                 the ledger could not be read or written
    ├── LedgerUnreachable       its remote does not answer: tried again for a while; no release is at fault
    ├── LedgerBusy              git's lock file is on its branch: tried again for a moment
    ├── LedgerMoved             somebody else wrote first: read again
    ├── LockHeld                another deployer works on this environment: who, since when, doing what
    └── LockLost                the lock was taken away: this run must not act any more
(platforms/errors.py grows its own branch, PlatformError, from DeployError.)
"""

from __future__ import annotations

from pathlib import Path


class DeployError(Exception):
    """The work failed. `exit_code` is what the command returns; `log` is the file with the full output, if any."""

    exit_code = 1

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


class UsageError(DeployError):
    """The command was used wrongly, or something it needs is missing; nothing was tried."""

    exit_code = 2


class ConfigurationError(UsageError):
    """A settings file is wrong.

    Names the file, the line (1-based, 0 when the whole file is meant) and the key.
    """

    def __init__(self, file: Path | str, line: int, key: str, problem: str) -> None:
        place = f"{file}:{line}" if line else str(file)
        super().__init__(f"{place}: {key}: {problem}" if key else f"{place}: {problem}")
        self.file, self.line, self.key = str(file), line, key


class TokenMissing(UsageError):
    """A verb needs a token that is neither in the process environment nor in the secrets file."""


class MachineLacks(UsageError):
    """This machine lacks a program; the message holds the exact command that installs it."""


class BuildFailed(DeployError):
    """An artifact could not be built."""


class NotProven(DeployError):
    """A gate refused. `reasons` holds one sentence each."""

    def __init__(self, message: str, reasons: list[str]) -> None:
        super().__init__(message)
        self.reasons = reasons


class RolloutFailed(DeployError):
    """A deployment failed; the message says whether the previous release serves again."""


class Unfinished(RolloutFailed):
    """A rollout stopped half-way. It says nothing about the release; `invoke resume` continues it."""


class ReleaseFault(DeployError):
    """The release itself is at fault: it is rolled back and rejected."""


class Unhealthy(ReleaseFault):
    """Machines that were not healthy in time. `machines`: their ids."""

    def __init__(self, message: str, machines: tuple[str, ...]) -> None:
        super().__init__(message)
        self.machines = machines


class SuiteFailed(ReleaseFault):
    """A suite found something wrong with an environment."""


class NotChecked(DeployError):
    """A check could not be made, or had no result: the release is neither proven nor at fault."""


class SuiteNotRun(NotChecked):
    """A suite was interrupted, crashed, ran too few tests, or could not reach the environment.

    Neither proof nor blame: nothing is recorded, and no release is rejected for it. Running it again may help.
    `killed`: a signal ended it from outside.
    """

    killed = False


class GitTimeout(DeployError):
    """Git gave no answer in time: it was ended, with all that it had started."""


class LedgerError(DeployError):
    """The ledger could not be read or written. `problem`: the message without its hint about an unfinished rollout."""

    def __init__(self, message: str, *, problem: str = "", log: Path | None = None) -> None:
        super().__init__(message, log=log)
        self.problem = problem or message


class LedgerUnreachable(LedgerError):
    """The ledger's remote does not answer: a network, a server or a helper that hangs. It may answer soon."""


class LedgerBusy(LedgerError):
    """Git's lock file is on the ledger's branch: another process of git works there, or died and left it."""


class LedgerMoved(LedgerError):
    """Compare-and-swap lost: somebody else wrote to the ledger first."""


class LockHeld(LedgerError):
    """Another deployer works on this environment."""


class LockLost(LedgerError):
    """Another deployer took the lock: this run must change nothing any more."""
