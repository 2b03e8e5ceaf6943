"""What a rollout means to do, written before its first step: whoever finds it finishes it or takes it back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from deploy.ledger.encoding import reading
from deploy.ledger.records import DeploymentInfo, deployment_from
from deploy.settings.policy import Strategy

PLACE = "intent.json"
RELEASING = frozenset({"deploy", "promote"})


class Direction(StrEnum):
    """Towards the release wanted, or back to the one before."""

    FORWARD = "forward"
    BACK = "back"


@dataclass(frozen=True)
class Intent:
    """A rollout under way. `marks` are facts that no look at the platform shows, such as a passed smoke suite.

    `blame` says, once it turned back, whether the release itself was at fault.
    """

    verb: str
    wanted: DeploymentInfo
    previous: DeploymentInfo | None
    strategy: Strategy
    count: int
    direction: Direction = Direction.FORWARD
    reason: str = ""
    blame: bool = False
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The deployment it brings about."""
        return self.wanted.id

    @property
    def forward(self) -> bool:
        """Whether it still moves towards the release wanted."""
        return self.direction is Direction.FORWARD

    @property
    def releasing(self) -> bool:
        """Whether it brings something new: only then can a release be at fault."""
        return self.forward and self.verb in RELEASING

    @property
    def towards(self) -> DeploymentInfo | None:
        """The release that it moves towards just now; None when it goes back to nothing."""
        return self.wanted if self.forward else self.previous

    def marked(self, mark: str) -> Intent:
        """The same, with one more fact."""
        return self if mark in self.marks else replace(self, marks=(*self.marks, mark))

    def turned(self, reason: str, *, blame: bool) -> Intent:
        """The same, going back."""
        return replace(self, direction=Direction.BACK, reason=reason[:2000], blame=blame)

    def turned_forward(self) -> Intent:
        """The same, towards the release wanted again, as if it had never turned."""
        return replace(self, direction=Direction.FORWARD, reason="", blame=False)

    def acquitted(self, why: str) -> Intent:
        """The same, without blame: what failed lies elsewhere."""
        return replace(self, blame=False, reason=f"{self.reason}; {why}"[:2000])

    def to_json(self) -> dict[str, Any]:
        """As it is written."""
        return {
            "verb": self.verb,
            "wanted": self.wanted.to_json(),
            "previous": self.previous.to_json() if self.previous else None,
            "strategy": self.strategy.value,
            "count": self.count,
            "direction": self.direction.value,
            "reason": self.reason,
            "blame": self.blame,
            "marks": list(self.marks),
            "notes": list(self.notes),
        }


def intent_from(body: Any) -> Intent:
    """An Intent from its JSON; raises LedgerError when it is damaged."""
    with reading(PLACE):
        previous = body["previous"]
        return Intent(
            verb=body["verb"],
            wanted=deployment_from(body["wanted"], PLACE),
            previous=deployment_from(previous, PLACE) if previous else None,
            strategy=Strategy(body["strategy"]),
            count=int(body["count"]),
            direction=Direction(body["direction"]),
            reason=body["reason"],
            blame=bool(body["blame"]),
            marks=tuple(body["marks"]),
            notes=tuple(body["notes"]),
        )
