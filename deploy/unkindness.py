"""How unkind a rehearsal's platforms are, and for how long: rules of the emulator, set for a block and taken back."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.emulator.errors import EmulatorError
from deploy.emulator.faults import FaultClient
from deploy.errors import DeployError, UsageError
from deploy.rehearsals import STATE

RATES = ("off", "documented")
LONGEST_LAG = 60.0


@dataclass(frozen=True)
class Unkindness:
    """What the platforms do to a rollout. None leaves it as the platforms were started.

    `lag`: seconds after which the edge learns of machines; `rates`: whether the documented limits apply; `autostop`:
    seconds after which a machine too many is stopped, minutes with the provider; `more`: further rules, as they are.
    """

    lag: float | None = None
    rates: bool = False
    autostop: float | None = None
    more: tuple[dict[str, Any], ...] = ()

    def rules(self) -> list[dict[str, Any]]:
        """As the emulator takes them; each holds until it is taken back."""
        found: list[dict[str, Any]] = list(self.more)
        if self.lag is not None:
            found.append({"kind": "lag", "seconds": self.lag, "times": None})
        if self.rates:
            found.append({"kind": "rates", "times": None})
        if self.autostop is not None:
            found.append({"kind": "autostop", "seconds": self.autostop, "times": None})
        return found


EVENTUAL: tuple[dict[str, Any], ...] = ({"kind": "eventual", "seconds": 3.0},)
"""The rules by which reads show what was written only later, and 408 does not say whether something was done."""
STRICT = Unkindness(lag=10.0, rates=True, autostop=20.0, more=EVENTUAL)
"""As the provider at its worst: its own tool allows 10 s for the edge to follow."""


@contextlib.contextmanager
def unkind(wanted: Unkindness, state: Path = STATE) -> Iterator[None]:
    """Let the rehearsal's platforms be so during the block; raises DeployError when none runs."""
    rules = wanted.rules()
    if not rules:
        yield
        return
    try:
        client = FaultClient(state)
        known = [rule["id"] for rule in client.add(*rules)]
    except EmulatorError as failed:
        raise DeployError(str(failed), log=failed.log) from failed
    try:
        yield
    finally:
        with contextlib.suppress(EmulatorError, OSError):  # stopped meanwhile: its rules are gone with it
            client.forget(*known)


def parse_lags(text: str) -> list[float]:
    """`0,2,10` as seconds; raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if not all(re.fullmatch(r"[0-9]+(\.[0-9]+)?", word) for word in words):
        raise UsageError(f"--lag {text!r} is not a list of seconds; write --lag 2, or --lag 0,2,10")
    found = [float(word) for word in words]
    if max(found) > LONGEST_LAG:
        raise UsageError(f"--lag {text!r}: {LONGEST_LAG:g} seconds at most, a rollout gives up after 90")
    return found


def parse_rates(text: str) -> bool:
    """Whether the documented limits apply; raises UsageError."""
    if text not in RATES:
        raise UsageError(f"--rates {text!r} is none of {', '.join(RATES)}")
    return text == "documented"
