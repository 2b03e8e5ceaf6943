"""What the routes need of the service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from backend.runner.execution.listener import Listener
from backend.runner.execution.outcome import Outcome
from backend.runner.execution.queue import SlotQueue, Turns
from backend.runner.execution.request import Case, RunRequest
from backend.runner.languages import Language
from backend.runner.sandbox.layers import Layer
from backend.runner.sandbox.slots import Slot
from backend.runner.settings import Settings


class Backend(Protocol):
    """Runs programs. Cancelling a task that waits for a run ends the program at once."""

    @property
    def settings(self) -> Settings: ...
    @property
    def queue(self) -> SlotQueue: ...
    @property
    def languages(self) -> Mapping[str, Language]: ...
    @property
    def versions(self) -> Mapping[str, str]: ...
    @property
    def layers(self) -> Sequence[Layer]: ...

    async def ready(self) -> bool:
        """Whether a program can be run here now."""

    async def run(self, request: RunRequest, slot: Slot, listener: Listener | None = None) -> Outcome:
        """Run `request` in `slot`; `listener` gets its phases and output while it runs."""

    async def run_batch(
        self, request: RunRequest, cases: Sequence[Case], turns: Turns
    ) -> tuple[Outcome | None, list[Outcome]]:
        """Compile once, then run each case; other clients get the slot between cases.

        Returns the outcome of a failed compile and no outcomes, or None and an outcome for each case."""
