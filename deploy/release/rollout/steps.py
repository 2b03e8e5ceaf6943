"""The steps of a rollout, as values. `engine.py` executes them; listeners tell people and machines of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Step:
    """One thing to do. `text` names it for people and in the ledger's spans; `says` is its pattern, over the fields."""

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
    """Send a machine no more requests. `heirs` take over, and are looked at again first."""

    says = "send none to {machine}"
    machine: str
    heirs: tuple[str, ...]


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
    """Give machines out of traffic the time to finish what they have."""

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
    """Give the release up, and bring the one before back. `blame`: the release is at fault."""

    says = "turn back"
    reason: str
    blame: bool = True
    machine: str = ""
    """The machine at fault: what it reported is kept before it is removed."""


@dataclass(frozen=True)
class Compare(Step):
    """Run the smoke suite against the release that serves again: what fails there too is not the other's fault."""

    says = "run the smoke suite against the release before"


@dataclass(frozen=True)
class Finish(Step):
    """World and intent agree: record the outcome."""

    says = "record the outcome"


def _named(machines: tuple[str, ...]) -> str:
    return machines[0] if len(machines) == 1 else f"{len(machines)} machines"
