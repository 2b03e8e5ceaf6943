"""What a rollout is to do, written before its first step: after a crash, `resume` and `rollback` go on from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from msgspec import Meta
from msgspec.structs import replace

from deploy.ledger.encoding import Record
from deploy.ledger.records import DeploymentInfo
from deploy.settings.policy import Strategy

PATH = "intent.json"
RELEASING = frozenset({"deploy", "promote"})


class Direction(StrEnum):
    """Towards the release wanted, or back to the one before."""

    FORWARD = "forward"
    BACK = "back"


class Share(Record, frozen=True):
    """How many of a release's machines are in one region, which is named by its code of three letters."""

    region: str
    count: Annotated[int, Meta(ge=1, le=999)]


class Intent(Record, frozen=True):
    """A rollout under way. `marks` are facts that the platform does not show, such as a passed smoke suite.

    `blame` says, once it turned back, whether the release itself was at fault. `regions` are those of the release
    wanted, `before` those of the previous one, in the order of their machines' numbers; none: all machines are where
    the release's configuration says, `count` of them.
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
    regions: tuple[Share, ...] = ()
    before: tuple[Share, ...] = ()

    LATER = frozenset({"regions", "before"})

    @property
    def id(self) -> str:
        """The id of the deployment that it makes."""
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
        """The release that it moves towards just now; None when it goes back and there was none before."""
        return self.wanted if self.forward else self.previous

    @property
    def places(self) -> tuple[str, ...]:
        """The region of each machine, by number from 1, of the release that it moves towards; "" where none is said."""
        shares = self.regions if self.forward else self.before
        return tuple(share.region for share in shares for _ in range(share.count)) or ("",) * self.count

    def replaced_in(self, region: str) -> int:
        """How many machines the release that it moves away from may have in a region; 0 where nothing is said."""
        shares = self.before if self.forward else self.regions
        return sum(share.count for share in shares if region in ("", share.region) or not share.region)

    def marked(self, mark: str) -> Self:
        """The same, with one more fact."""
        return self if mark in self.marks else replace(self, marks=(*self.marks, mark))

    def turned(self, reason: str, *, blame: bool) -> Self:
        """The same, going back."""
        return replace(self, direction=Direction.BACK, reason=reason[:2000], blame=blame)

    def turned_forward(self) -> Self:
        """The same, towards the release wanted again, as if it had never turned."""
        return replace(self, direction=Direction.FORWARD, reason="", blame=False)

    def acquitted(self, why: str) -> Self:
        """The same, without blame: what failed lies elsewhere."""
        return replace(self, blame=False, reason=f"{self.reason}; {why}"[:2000])
