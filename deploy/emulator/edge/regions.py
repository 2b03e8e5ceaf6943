"""In which region a request is served: where the client asks for, else where the edge is, else any other.

The provider's proxy goes to another region only when all machines of the nearest one are unhealthy or full. A client's
`fly-prefer-region: iad,ord` comes before the nearest; regions without healthy machines are passed over. How near the
other regions are to each other is not known here: they come by their codes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

HEADER = "Fly-Prefer-Region"
FORM = r"^\s*([a-z]{2,4})(?:\s*,\s*([a-z]{2,4}))?(?:\s*,\s*([a-z]{2,4}))?"
"""Of the header's value, as far as the edge reads it: three regions. Anything else is no wish at all."""
LABEL = re.compile(r"near-([a-z]{0,4})-([a-z]{0,4})-([a-z]{0,4})-x")

T = TypeVar("T")


def label_of(first: str, second: str, third: str) -> str:
    """The label of a name that asks for machines in these regions; what is empty is none. Texts may be placeholders."""
    return f"near-{first}-{second}-{third}-x"


def wishes(label: str) -> list[str] | None:
    """The regions that a label asks for, in their order; None if it names a machine."""
    found = LABEL.fullmatch(label)
    return [region for region in found.groups() if region] if found else None


def chosen(found: Sequence[tuple[str, T]], near: Sequence[str]) -> list[T]:
    """Of what is there, as pairs of region and thing, the things of one region: the first of `near` that has any."""
    regions = {region for region, _ in found}
    best = next((region for region in near if region in regions), min(regions, default=""))
    return [thing for region, thing in found if region == best]
