"""The steps of a rollout, as values. `engine.py` executes them; listeners tell people and machines of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One thing to do. `text` names it for people and in the ledger's spans."""

    @property
    def text(self) -> str:
        """For people."""
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Create(Step):
    """Create the machine of this number, out of traffic."""

    number: int

    @property
    def text(self) -> str:
        return f"create machine {self.number}"


@dataclass(frozen=True)
class Start(Step):
    """Start a machine that was kept."""

    machine: str

    @property
    def text(self) -> str:
        return f"start machine {self.machine}"


@dataclass(frozen=True)
class AwaitHealthy(Step):
    """Wait until these machines run the release's digest and every configured check of theirs passes."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"wait until {_many(self.machines)} healthy"


@dataclass(frozen=True)
class Admit(Step):
    """Let the edge send requests to a machine."""

    machine: str

    @property
    def text(self) -> str:
        return f"send requests to {self.machine}"


@dataclass(frozen=True)
class Judge(Step):
    """Compare a new machine with old ones, on requests sent to both at the same time."""

    green: str
    blue: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"judge {self.green} beside {_many(self.blue, 'the old machine', 'old machines')}"


@dataclass(frozen=True)
class Withdraw(Step):
    """Send a machine no more requests. `heirs` take over, and are looked at again first."""

    machine: str
    heirs: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"send none to {self.machine}"


@dataclass(frozen=True)
class Publish(Step):
    """Publish the page of the release."""

    frontend: str

    @property
    def text(self) -> str:
        return "publish the page"


@dataclass(frozen=True)
class Smoke(Step):
    """Run the smoke suite."""

    @property
    def text(self) -> str:
        return "smoke suite"


@dataclass(frozen=True)
class Drain(Step):
    """Give machines out of traffic the time to finish what they have."""

    machines: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"let {_many(self.machines, self.machines[0], 'machines')} finish"


@dataclass(frozen=True)
class Rest(Step):
    """Put a drained machine to sleep and keep it for the way back."""

    machine: str

    @property
    def text(self) -> str:
        return f"put {self.machine} to sleep"


@dataclass(frozen=True)
class Destroy(Step):
    """Remove a machine for good."""

    machine: str

    @property
    def text(self) -> str:
        return f"remove {self.machine}"


@dataclass(frozen=True)
class TurnBack(Step):
    """Give the release up, and bring the one before back. `blame`: the release is at fault."""

    reason: str
    blame: bool = True

    @property
    def text(self) -> str:
        return "turn back"


@dataclass(frozen=True)
class Finish(Step):
    """World and intent agree: record the outcome."""

    @property
    def text(self) -> str:
        return "record the outcome"


def _many(machines: tuple[str, ...], one: str = "", more: str = "machines are") -> str:
    if len(machines) == 1:
        return one or f"{machines[0]} is"
    return f"{len(machines)} {more}"
