"""What the engine asks of a release beside the platform's own checks; `checks.py` runs it for real."""

from __future__ import annotations

from typing import Protocol

from deploy.ledger import Intent


class Checks(Protocol):
    """What is asked of a release beside the platform's own checks.

    Each lets it pass, or raises ReleaseFault for what it found, NotChecked when it could find nothing out.
    """

    def judge(self, green: str, blue: tuple[str, ...], intent: Intent) -> str:
        """Compare machines in traffic; returns the verdict's words."""

    def smoke(self, intent: Intent, machine: str = "") -> str:
        """Run the smoke suite against what serves, or `machine` of it alone; returns what it found."""
