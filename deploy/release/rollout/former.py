"""Which pages were published before a release: people still have them open, and load more of them.

A page loads parts of itself when they are needed, by names that hold a hash of their content. Whoever opened it before
a release asks for that release's parts afterwards. So each publication carries the hashed files of those before it.
They are no part of an artifact, whose digest must not depend on what was released before it, here or elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

from deploy.errors import LedgerError
from deploy.ledger import DeploymentInfo, Ledger, Snapshot, Status
from deploy.ledger.snapshot import EVENTS

RELEASES = 3
"""How many earlier releases that served are gone back to, and as many that were rolled back: their page may have been
published before they were."""
LOOKED_AT = 64
"""Events of the ledger that are read at most."""


def former_pages(snapshot: Snapshot, release: DeploymentInfo) -> list[str]:
    """Digests of the pages that were, or may have been, published before `release`, the newest first."""
    newest = snapshot.paths(EVENTS)[-LOOKED_AT:]
    found: dict[str, bool] = {}
    for event in reversed(snapshot.records(DeploymentInfo, newest)):
        if not event.frontend or event.frontend == release.frontend:
            continue
        served = event.status is Status.DEPLOYED
        if not served and (found.get(event.frontend) or list(found.values()).count(False) >= RELEASES):
            continue
        found[event.frontend] = served or found.get(event.frontend, False)
        if sum(found.values()) == RELEASES:
            break
    return list(found)


def known_former(ledger: Ledger, release: DeploymentInfo, tell: Callable[[str], None]) -> list[str]:
    """`former_pages` of the ledger as it is now; none, and `tell` is told why, when it cannot be read.

    A release's page is not held up by what others left.
    """
    try:
        return former_pages(ledger.snapshot(), release)
    except LedgerError as failed:
        tell(f"the page is published without files of earlier releases: {failed}")
        return []
