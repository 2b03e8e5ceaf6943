"""The steps of a rollout, as values. `decide.py` chooses them and `engine.py` executes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Step:
    """One thing to do. `text` names it, for people and in the ledger; `says` is its format string over the fields."""

    says: ClassVar[str]

    @property
    def text(self) -> str:
        """For people."""
        return self.says.format(**vars(self))


@dataclass(frozen=True)
class Create(Step):
    """Create the machine of this number, out of traffic."""

    says = "create machine {number}"
    number: int


@dataclass(frozen=True)
class Start(Step):
    """Start a machine that was kept."""

    says = "start machine {machine}"
    machine: str


@dataclass(frozen=True)
class AwaitHealthy(Step):
    """Wait until these machines run the release's digest and every configured check of theirs passes."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        """One by its name, more by their number."""
        return f"wait until {_named(self.machines)} {'is' if len(self.machines) == 1 else 'are'} healthy"


@dataclass(frozen=True)
class Admit(Step):
    """Let the edge send requests to a machine."""

    says = "send requests to {machine}"
    machine: str


@dataclass(frozen=True)
class Reach(Step):
    """Wait until the edge was seen to send requests to each of these machines, which are in traffic."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        """One by its name, more by their number."""
        return f"wait until requests reach {_named(self.machines)}"


@dataclass(frozen=True)
class Judge(Step):
    """Compare a new machine with old ones, on requests sent to both at the same time."""

    green: str
    blue: tuple[str, ...]

    @property
    def text(self) -> str:
        """The new one by its name."""
        old = "the old machine" if len(self.blue) == 1 else f"{len(self.blue)} old machines"
        return f"judge {self.green} beside {old}"


@dataclass(frozen=True)
class Withdraw(Step):
    """Send a machine no more requests. `heirs` take over, and are confirmed healthy first."""

    says = "send no more requests to {machine}"
    machine: str
    heirs: tuple[str, ...]


@dataclass(frozen=True)
class Quiet(Step):
    """Wait until the edge was seen to send requests to none of these machines, which were withdrawn."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        """One by its name, more by their number."""
        return f"wait until no request reaches {_named(self.machines)}"


@dataclass(frozen=True)
class Publish(Step):
    """Publish the page of the release."""

    says = "publish the page"
    frontend: str


@dataclass(frozen=True)
class Smoke(Step):
    """Run the smoke suite."""

    says = "smoke suite"


@dataclass(frozen=True)
class Drain(Step):
    """Give machines out of traffic time to finish their requests."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        """One by its name, more by their number."""
        return f"let {_named(self.machines)} finish"


@dataclass(frozen=True)
class Rest(Step):
    """Put a drained machine to sleep and keep it for a rollback."""

    says = "put {machine} to sleep"
    machine: str


@dataclass(frozen=True)
class Destroy(Step):
    """Remove a machine for good."""

    says = "remove {machine}"
    machine: str


@dataclass(frozen=True)
class TurnBack(Step):
    """Roll back to the previous release. `blame`: the release is at fault."""

    says = "turn back"
    reason: str
    blame: bool = True
    machine: str = ""
    """The machine at fault; its report is read before it is removed."""


@dataclass(frozen=True)
class Compare(Step):
    """Run the smoke suite against the previous release, which serves again: if it fails too, the new is acquitted."""

    says = "run the smoke suite against the previous release"


@dataclass(frozen=True)
class Finish(Step):
    """The platform matches the intent: record the outcome."""

    says = "record the outcome"


def _named(machines: tuple[str, ...]) -> str:
    return machines[0] if len(machines) == 1 else f"{len(machines)} machines"
